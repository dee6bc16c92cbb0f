"""Writes an erasure as others load it: a pipeline's folders in diffusers layout, or a LoRA."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import Conv2d, Linear

from bench.models import lowrank
from bench.models.weights import PREFIXES, loaded
from bench.types import InputError

SOME = 3
"""Names of tensors that a message lists."""


@dataclass(frozen=True)
class Layer:
    """What a LoRA holds of the change of one tensor."""

    tensor: str
    """Its name, with the component's before it."""
    norm: float
    """Frobenius norm of the change."""
    lost: float
    """Frobenius norm of what the LoRA misses of it: all, where a LoRA cannot change such a tensor,
    as of a bias or a norm."""

    @property
    def error(self) -> float:
        """What is missed, as a share of the change's norm."""
        return self.lost / self.norm

    @property
    def held(self) -> bool:
        """Whether a LoRA can change such a tensor at all."""
        return self.lost < self.norm


def write_parts(
    pipe: Any, tensors: Mapping[str, Tensor], folder: Path, *, whole: bool
) -> tuple[str, ...]:
    """Write an erased model in diffusers layout: the folders of the parts that it changes, or all.

    Args:
        pipe: The un-erased diffusers pipeline, which stays as it was.
        tensors: The changed tensors, as they are stored of an erasure.
        folder: Where to; made if it is missing.
        whole: Whether the untouched parts come along, so that a pipeline loads from the folder.

    Returns:
        The names of the parts that changed.
    """
    erased, names = loaded(pipe, tensors), changed_parts(tensors)
    if whole:
        erased.save_pretrained(folder, safe_serialization=True)
    else:
        for name in names:
            _part(erased, name).save_pretrained(folder / name, safe_serialization=True)
    return names


def changed_parts(tensors: Iterable[str]) -> tuple[str, ...]:
    """Return the parts of a pipeline that tensors are of.

    Args:
        tensors: Names as they are stored of an erasure.
    """
    found = {_owner(name) for name in tensors}
    return tuple(part for part in PREFIXES if part in found)


def write_lora(pipe: Any, tensors: Mapping[str, Tensor], folder: Path, *, rank: int) -> list[Layer]:
    """Write the changes of an erasure as a LoRA of one rank, as `load_lora_weights` reads it.

    Alpha equals the rank, so that the factors' product is added as it is. Tensors that a LoRA
    cannot change stay as the model has them; they are listed with all of their change lost.

    Args:
        pipe: The un-erased diffusers pipeline, which stays as it was.
        tensors: The changed tensors, as they are stored of an erasure.
        folder: Where `pytorch_lora_weights.safetensors` goes; made if it is missing.
        rank: Of every layer, from 1 up; above the greatest that any of them needs, that one.

    Returns:
        Each changed tensor with what the LoRA holds of it.

    Raises:
        InputError: a LoRA can hold none of the changes.
    """
    rank = min(rank, full_rank(pipe, tensors))
    layers: list[Layer] = []
    factors: dict[str, dict[str, Tensor]] = {}
    for component, name, before, after in _changes(pipe, tensors):
        change = after.to(before).detach() - before.detach()
        label = f"{component}.{name}"
        if not _holds(_part(pipe, component), name):
            norm = float(change.double().norm())
            layers.append(Layer(label, norm, norm))
            continue
        found = lowrank.factorised(change, rank)
        module = name.removesuffix(".weight")
        own = factors.setdefault(component, {})
        own[f"{module}.lora_A.weight"] = found.down.cpu()
        own[f"{module}.lora_B.weight"] = found.up.cpu()
        layers.append(Layer(label, found.norm, found.lost))
    words: dict[str, Any] = {}
    for component, own in factors.items():
        words[f"{component}_lora_layers"] = own
        words[f"{component}_lora_adapter_metadata"] = _config(own, rank)
    type(pipe).save_lora_weights(folder, **words)
    return layers


def full_rank(pipe: Any, tensors: Mapping[str, Tensor]) -> int:
    """Return the rank at which a LoRA holds the whole change of every tensor that it can change.

    Args:
        pipe: The un-erased diffusers pipeline.
        tensors: The changed tensors, as they are stored of an erasure.

    Raises:
        InputError: a LoRA can change none of them.
    """
    ranks = [
        lowrank.greatest(before)
        for component, name, before, _ in _changes(pipe, tensors)
        if _holds(_part(pipe, component), name)
    ]
    if not ranks:
        names = sorted(tensors)
        some = ", ".join(names[:SOME]) + (" ..." if len(names) > SOME else "")
        raise InputError(
            f"a LoRA changes the weights of linear layers and convolutions, and this erasure "
            f"changes {len(names)} tensors of other kinds: {some}"
        )
    return max(ranks)


def total_error(layers: Iterable[Layer]) -> float:
    """Return what a LoRA misses of all changes together, as a share of their norm.

    Args:
        layers: Every changed tensor.
    """
    lost, norms = zip(*((each.lost, each.norm) for each in layers), strict=True)
    return math.hypot(*lost) / math.hypot(*norms)


def _changes(pipe: Any, tensors: Mapping[str, Tensor]) -> Iterable[tuple[str, str, Tensor, Tensor]]:
    """Yield component, parameter name, value before and value after of each tensor."""
    for stored, after in tensors.items():
        component = _owner(stored)
        name = stored.removeprefix(PREFIXES[component])
        yield component, name, _part(pipe, component).state_dict()[name], after


def _owner(stored: str) -> str:
    named = [part for part, prefix in PREFIXES.items() if stored.startswith(prefix)]
    return max(named, key=lambda part: len(PREFIXES[part]))


def _holds(module: Any, name: str) -> bool:
    owner, _, parameter = name.rpartition(".")
    return parameter == "weight" and isinstance(module.get_submodule(owner), Linear | Conv2d)


def _part(pipe: Any, name: str) -> Any:
    return getattr(pipe, name, None)


def _config(factors: Mapping[str, Tensor], rank: int) -> dict[str, Any]:
    """Return what peft is told of a component's LoRA, as the file's metadata has it."""
    targets = {name.rpartition(".lora_")[0] for name in factors}
    return {"r": rank, "lora_alpha": rank, "target_modules": sorted(targets), "bias": "none"}
