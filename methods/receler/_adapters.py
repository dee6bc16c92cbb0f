"""Small networks after the cross-attention layers of a U-Net, which stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.room import keeping
from bench.models.steering import twin
from bench.types import InputError

NAME = "adapter"
"""What an adapter is called in its layer."""


class Adapter(torch.nn.Module):
    """E(h) = U gelu(D h + b_D) + b_U, where h is what a cross-attention layer answers."""

    def __init__(self, width: int, rank: int) -> None:
        """Leave all values open."""
        super().__init__()
        self.down = torch.nn.utils.skip_init(torch.nn.Linear, width, rank)  # type: ignore[no-untyped-call]
        self.up = torch.nn.utils.skip_init(torch.nn.Linear, rank, width)  # type: ignore[no-untyped-call]

    def forward(self, answer: Tensor) -> Tensor:
        """Return what is added to an answer, (n, pixels, width)."""
        added: Tensor = self.up(torch.nn.functional.gelu(self.down(answer)))
        return added


def _join(layer: Any, args: tuple[Any, ...], answer: Tensor) -> Tensor:
    """Hook of a layer: what it answers, and what its adapter adds."""
    joined: Tensor = answer + layer.get_submodule(NAME)(answer)
    return joined


def layers(unet: Any) -> dict[str, Any]:
    """Return the cross-attention layers by name."""
    return {name: each for name, each in unet.named_modules() if name.endswith("attn2")}


def attach(unet: Any, rank: int, generator: torch.Generator) -> list[torch.nn.Parameter]:
    """Add an adapter to every cross-attention layer of a frozen fp32 U-Net, in place.

    D and its bias start as torch's linear layers do, U and its bias at zero, so the U-Net computes
    what it did. Source: Receler for U; how D starts is ours.

    Args:
        unet: The U-Net.
        rank: Width of the adapters' middle.
        generator: Source of all randomness, on the CPU.

    Returns:
        The parameters to train.
    """
    for layer in layers(unet).values():
        adapter = _put(layer, rank)
        for each in adapter.down.parameters():
            start = torch.rand(each.shape, generator=generator) * 2 - 1
            each.data.copy_(start / adapter.down.in_features**0.5)
        for each in adapter.up.parameters():
            each.data.zero_()
    return [
        each for layer in layers(unet).values() for each in layer.get_submodule(NAME).parameters()
    ]


def named(unet: Any) -> dict[str, Tensor]:
    """Return the adapters of a U-Net as tensors, under the names that they have in a pipeline."""
    return {
        f"unet.{name}.{NAME}.{part}": each.detach()
        for name, layer in layers(unet).items()
        for part, each in layer.get_submodule(NAME).named_parameters()
    }


def added(pipe: Any, tensors: Mapping[str, Tensor], strength: float) -> Any:
    """Return a pipeline with adapters in a twin of its U-Net; `pipe` itself stays as it was.

    Args:
        pipe: A diffusers pipeline.
        tensors: As `named` returns them.
        strength: Factor on what they add.

    Raises:
        InputError: the adapters are those of another model.
    """
    check(pipe.unet, tensors)
    unet = twin(pipe.unet)
    for name, layer in layers(unet).items():
        own = f"unet.{name}.{NAME}."
        adapter = _put(layer, len(tensors[f"{own}down.weight"]))
        for part, each in adapter.named_parameters():
            factor = strength if part.startswith("up.") else 1.0
            each.data.copy_(factor * tensors[own + part])
            each.requires_grad_(False)
    return pipelines.with_unet(pipe, unet)


def check(unet: Any, tensors: Mapping[str, Tensor]) -> None:
    """Refuse adapters that do not fit a U-Net, or more than it has room for.

    Args:
        unet: The U-Net.
        tensors: As `named` returns them.

    Raises:
        InputError: the adapters are those of another model.
    """
    left = set(tensors)
    for name, layer in layers(unet).items():
        own, width = f"unet.{name}.{NAME}.", _width(layer)
        down = tensors.get(f"{own}down.weight")
        rank = len(down) if down is not None and down.dim() else 0
        shapes = {
            "down.weight": (rank, width),
            "down.bias": (rank,),
            "up.weight": (width, rank),
            "up.bias": (width,),
        }
        for part, shape in shapes.items():
            each = tensors.get(own + part)
            if not rank or each is None or each.shape != shape:
                raise InputError(f"the adapters were made for another model: none fits {name}")
            left.discard(own + part)
    if left:
        raise InputError(f"the adapters were made for another model, which has {min(left)}")


@contextmanager
def recorded(unet: Any) -> Iterator[list[Tensor]]:
    """Record what each adapter adds, (n, pixels, width), in the order they run."""
    made: list[Tensor] = []
    handles = [
        layer.get_submodule(NAME).register_forward_hook(lambda _, __, each: made.append(each))
        for layer in layers(unet).values()
    ]
    try:
        with keeping(unet):
            yield made
    finally:
        for handle in handles:
            handle.remove()


def _width(layer: Any) -> int:
    return int(layer.to_out[0].out_features)


def _put(layer: Any, rank: int) -> Adapter:
    adapter = Adapter(_width(layer), rank).to(layer.to_out[0].weight)
    layer.add_module(NAME, adapter)
    layer.register_forward_hook(_join)
    return adapter
