"""Adapters of rank one or a few beside all layers of a U-Net's transformers, and their strength."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from bench.types import InputError

NAME = "membrane"
"""What an adapter is called in its layer."""
Sum = Literal["products", "factors"]


@dataclass
class Gate:
    """How strongly the adapters of a U-Net act; all of them read it whenever they run."""

    mixing: Tensor = field(default_factory=lambda: torch.ones(1, 1, 1))
    """As `mixing` returns it, of each row of the batch, or one for all."""


class Membrane(torch.nn.Module):
    """SUM_st m_ts u_t v_s^T x: what the adapters of all concepts add to a layer's answer."""

    def __init__(self, up: Tensor, down: Tensor, gate: Gate) -> None:
        """Take the factors of every concept.

        Args:
            up: u, (concepts, out, rank).
            down: v, (concepts, rank, in) or, beside a convolution, its kernel's size behind that.
            gate: Says m.
        """
        super().__init__()
        self.up, self.down = (torch.nn.Parameter(each, requires_grad=False) for each in (up, down))
        self.gate = gate

    def forward(self, layer: Any, x: Tensor) -> Tensor:
        """Return what is added to the answer of a layer.

        Args:
            layer: The layer, whose stride and padding the adapter has as well.
            x: What the layer was given, (n, ..., in) or, if it is a convolution, (n, in, h, w).
        """
        inner = self._inner(layer, x)
        inner = inner.reshape(*inner.shape[:-1], *self.down.shape[:2])
        mixed = torch.einsum("nts,n...sr->n...tr", self.gate.mixing.to(inner), inner)
        up = self.up.transpose(0, 1).flatten(1)
        added = torch.nn.functional.linear(mixed.flatten(-2), up)
        return added.movedim(-1, 1) if _convolves(layer) else added

    def _inner(self, layer: Any, x: Tensor) -> Tensor:
        """Return v^T x of every concept, side by side in the last dimension."""
        down = self.down.flatten(0, 1)
        if not _convolves(layer):
            return torch.nn.functional.linear(x, down)
        window = layer.stride, layer.padding, layer.dilation
        return torch.nn.functional.conv2d(x, down, None, *window).movedim(1, -1)


def _convolves(layer: Any) -> bool:
    return isinstance(layer, torch.nn.Conv2d)


def _join(layer: Any, args: tuple[Any, ...], answer: Tensor) -> Tensor:
    """Hook of a layer: what it answers, and what its adapters add."""
    joined: Tensor = answer + layer.get_submodule(NAME)(layer, args[0])
    return joined


def layers(unet: Any) -> dict[str, Any]:
    """Return every linear and convolutional layer of a U-Net's transformers by name."""
    from diffusers.models.transformers.transformer_2d import Transformer2DModel

    return {
        f"{name}.{inner}": layer
        for name, block in unet.named_modules()
        if isinstance(block, Transformer2DModel)
        for inner, layer in block.named_modules()
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)
    }


def attach(unet: Any, rank: int, generator: torch.Generator) -> list[torch.nn.Parameter]:
    """Add one concept's adapters to a frozen U-Net, in place, at full strength.

    v starts uniform in +-1 / sqrt(inputs), as torch's layers do, u at zero, so the U-Net computes
    what it did. Source: SPM's code.

    Args:
        unet: The U-Net, fp32.
        rank: Columns of u and of v.
        generator: Source of all randomness, on the CPU.

    Returns:
        The parameters to train.
    """
    gate = Gate()
    parameters: list[torch.nn.Parameter] = []
    for layer in layers(unet).values():
        weight = layer.weight
        start = torch.rand((1, rank, *weight.shape[1:]), generator=generator) * 2 - 1
        down = (start / weight[0].numel() ** 0.5).to(weight)
        membrane = _put(layer, weight.new_zeros(1, len(weight), rank), down, gate)
        parameters += membrane.requires_grad_(True).parameters()
    return parameters


def named(unet: Any) -> dict[str, Tensor]:
    """Return the adapters of a U-Net as tensors, under the names that they have in a pipeline."""
    return {
        f"unet.{name}.{NAME}.{part}": each.detach()
        for name, layer in layers(unet).items()
        for part, each in layer.get_submodule(NAME).named_parameters()
    }


def mixing(gamma: Tensor, how: Sum) -> Tensor:
    """Return how much of v_s^T x goes through u_t, m_ts.

    `products` adds the concepts' adapters, SUM_s gamma_s u_s v_s^T, so m = diag(gamma) (paper).
    `factors` adds their factors, (SUM_t gamma_t u_t) (SUM_s gamma_s v_s)^T, so m = gamma gamma^T: a
    single adapter acts with the square of its strength, and concepts cross (code).

    Args:
        gamma: Strength of each concept's adapters, (n, concepts).
        how: What is added up.

    Returns:
        (n, concepts, concepts).
    """
    if how == "products":
        return torch.diag_embed(gamma)
    return gamma[:, :, None] * gamma[:, None]


def put(unet: Any, tensors: Mapping[str, Tensor], concepts: int) -> Gate:
    """Add stored adapters to a U-Net, in place, and return what sets their strength.

    Args:
        unet: The U-Net.
        tensors: As `named` returns them.
        concepts: How many they are of.

    Raises:
        InputError: they are those of another model or of other concepts.
    """
    gate = Gate()
    for _, layer, up, down in fitting(unet, tensors, concepts):
        _put(layer, up.to(layer.weight), down.to(layer.weight), gate)
    return gate


def folded(unet: Any, tensors: Mapping[str, Tensor], mixed: Tensor) -> dict[str, Tensor]:
    """Return a U-Net's weights with stored adapters added, W + SUM_st m_ts u_t v_s^T, by name.

    Args:
        unet: The U-Net, which stays as it was.
        tensors: As `named` returns them.
        mixed: m, as `mixing` returns it of one row.

    Raises:
        InputError: they are those of another model or of other concepts.
    """
    found = {}
    for name, layer, up, down in fitting(unet, tensors, mixed.shape[-1]):
        weight = layer.weight.detach()
        factors = (each.to(weight.device).double() for each in (mixed[0], up, down.flatten(2)))
        change = torch.einsum("ts,tor,sri->oi", *factors).reshape(weight.shape)
        found[f"{name}.weight"] = (weight.double() + change).to(weight)
    return found


def _put(layer: Any, up: Tensor, down: Tensor, gate: Gate) -> Membrane:
    membrane = Membrane(up, down, gate)
    layer.add_module(NAME, membrane)
    layer.register_forward_hook(_join)
    return membrane


def fitting(
    unet: Any, tensors: Mapping[str, Tensor], concepts: int
) -> Iterator[tuple[str, Any, Tensor, Tensor]]:
    """Give each layer with its name and its u and v, and see that none is left over.

    Args:
        unet: The U-Net.
        tensors: As `named` returns them.
        concepts: How many they are of.

    Raises:
        InputError: they are those of another model or of other concepts.
    """
    left = dict(tensors)
    for name, layer in layers(unet).items():
        up, down = (left.pop(f"unet.{name}.{NAME}.{part}", None) for part in ("up", "down"))
        wide = layer.weight.shape
        if (
            up is None
            or down is None
            or up.shape[1] != wide[0]
            or down.shape[2:] != wide[1:]
            or up.shape[2] != down.shape[1]
        ):
            raise InputError(f"the adapters were made for another model: none fits {name}")
        if not len(up) == len(down) == concepts:
            raise InputError(f"there are adapters of {len(up)} concepts, for {concepts}")
        yield name, layer, up, down
    if left:
        raise InputError(f"the adapters were made for another model, which has {min(left)}")
