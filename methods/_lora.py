"""Low-rank changes of cross-attention keys and values, trained with peft and merged away again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.models.weights import loaded
from bench.types import InputError
from methods import _closed_form

Factors = dict[str, tuple[Tensor, Tensor]]
"""Parameter name -> up (out, rank) and down (rank, d); the change of the weight is up @ down."""

TARGETS = ["attn2.to_k", "attn2.to_v"]


def attach(unet: Any, rank: int, generator: torch.Generator) -> list[torch.nn.Parameter]:
    """Add a LoRA to every cross-attention key and value of a frozen U-Net, in place.

    The down factors start as N(0, 1 / rank^2), the up factors at zero (MACE's start), so the U-Net
    computes what it did.

    Args:
        unet: A diffusers U-Net, changed in place.
        rank: Of the factors.
        generator: Source of the start values, on the CPU.

    Returns:
        The parameters to train.
    """
    from peft import LoraConfig

    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS, lora_dropout=0.0)
    # peft draws its start from the global generator, which is none of ours to move.
    with torch.random.fork_rng(devices=[]):
        unet.add_adapter(config)
    unet.requires_grad_(False)
    parameters: list[torch.nn.Parameter] = []
    for up, down in _parameters(unet).values():
        start = torch.randn(down.shape, generator=generator) / rank
        down.data.copy_(start.to(down))
        up.data.zero_()
        up.requires_grad_(True)
        down.requires_grad_(True)
        parameters += [up, down]
    return parameters


def factors(unet: Any) -> Factors:
    """Return the trained factors of a U-Net that `attach` has changed."""
    return {
        name: (up.detach().clone(), down.detach().clone())
        for name, (up, down) in _parameters(unet).items()
    }


def named(change: Factors) -> dict[str, Tensor]:
    """Return factors as tensors under the names that diffusers gives a LoRA of a pipeline."""
    tensors: dict[str, Tensor] = {}
    for name, (up, down) in change.items():
        module = f"unet.{name.removesuffix('.weight')}"
        tensors |= {f"{module}.lora_A.weight": down, f"{module}.lora_B.weight": up}
    return tensors


def added(pipe: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return a pipeline with a LoRA added to the weights of a copy of its U-Net.

    Args:
        pipe: A diffusers pipeline, which stays as it was.
        tensors: As `named` returns them; none gives back the pipeline.

    Raises:
        InputError: the LoRA is that of another model.
    """
    parameters = dict(pipe.unet.named_parameters())
    down, up = ".lora_A.weight", ".lora_B.weight"
    change: Factors = {}
    for module in (name.removesuffix(down) for name in tensors if name.endswith(down)):
        name = f"{module.removeprefix('unet.')}.weight"
        factors = tensors[module + up], tensors[module + down]
        shape = (len(factors[0]), factors[1].shape[1])
        if name not in parameters or parameters[name].shape != shape:
            raise InputError(f"the LoRA was made for another model, whose {name} is {shape}")
        device = parameters[name].device
        change[name] = factors[0].to(device), factors[1].to(device)
    return loaded(pipe, merged({name: parameters[name] for name in change}, change))


def merged(weights: Mapping[str, Tensor], change: Factors) -> dict[str, Tensor]:
    """Return the weights with their low-rank change added.

    Args:
        weights: By parameter name, (out, in).
        change: Up and down factors under the same names.
    """
    return {
        name: (weight.detach().double() + change[name][0].double() @ change[name][1].double()).to(
            weight.dtype
        )
        for name, weight in weights.items()
    }


def fused(
    weights: Mapping[str, Tensor],
    changes: Sequence[Factors],
    rows: Sequence[Tensor],
    *,
    ridge: float,
    prior_gram: Tensor,
    prior_outers: Mapping[str, Tensor] | None = None,
    prior_scale: float = 1.0,
) -> dict[str, Tensor]:
    """Fuse the LoRAs of several concepts by MACE's closed form.

    Args:
        weights: The weights every LoRA was trained on, by parameter name.
        changes: The LoRA of each concept.
        rows: Token rows of each concept, on which its LoRA is to hold, (..., d).
        ridge: Pull towards `weights`.
        prior_gram: SUM p p^T over rows that are preserved, (d, d).
        prior_outers: SUM v p^T over them, (out, d), by parameter name; v = W p if not given.
        prior_scale: Weight of the preserved rows.
    """
    total = _closed_form.Equations(len(prior_gram), prior_gram.device)
    grams = []
    for own in rows:
        gram = _closed_form.Equations(len(prior_gram), prior_gram.device)
        gram.keep(own)
        grams.append(gram.gram)
        total.gram += gram.gram
    kept = prior_scale * prior_gram.to(total.gram)
    total.gram += kept
    total.ridge(ridge)
    division = _closed_form.Division(total.gram)
    edited = {}
    for name, weight in weights.items():
        own = weight.detach()
        pull = None
        if prior_outers is not None:
            pull = prior_scale * prior_outers[name].to(kept) - own.to(kept) @ kept
        own_changes = [change[name] for change in changes]
        edited[name] = _closed_form.fuse(own, own_changes, grams, division, pull)
    return edited


def joined(
    weights: Mapping[str, Tensor],
    changes: Sequence[Factors],
    rows: Sequence[Tensor],
    *,
    prior: Tensor,
    prior_scale: float,
    ridge: float,
) -> dict[str, Tensor]:
    """Add one concept's LoRA to the weights, or fuse those of several.

    Args:
        weights: The weights every LoRA was trained on, by parameter name.
        changes: The LoRA of each concept.
        rows: Token rows of each concept, (..., d).
        prior: Token rows to keep, (..., d).
        prior_scale: Weight of the prior; at 1 it weighs as much as all of `rows`.
        ridge: Pull towards `weights`, for each of `rows`.
    """
    if len(changes) == 1:
        return merged(weights, changes[0])
    count = sum(own[..., 0].numel() for own in rows)
    sums = _closed_form.Equations(prior.shape[-1], prior.device)
    sums.keep(prior, prior_scale * count / prior[..., 0].numel())
    return fused(weights, changes, rows, ridge=ridge * count, prior_gram=sums.gram)


def _parameters(unet: Any) -> dict[str, tuple[torch.nn.Parameter, torch.nn.Parameter]]:
    from peft.tuners.lora import LoraLayer

    return {
        f"{name}.weight": (module.lora_B["default"].weight, module.lora_A["default"].weight)
        for name, module in unet.named_modules()
        if isinstance(module, LoraLayer)
    }
