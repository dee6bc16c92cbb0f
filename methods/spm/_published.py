"""Reads adapters that SPM's own code has written, and those that this benchmark has stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.types import Concept, InputError
from methods import _files
from methods.spm import _membrane

WORDS = "words"
"""Under what name the erased words are stored beside the adapters: a JSON list, as UTF-8."""


def read(path: Path, unet: Any, concepts: Sequence[Concept]) -> dict[str, Tensor]:
    """Return the adapters of a file, and the words that they stand for.

    SPM's code names its layers as kohya's does, `lora_unet_<layer>.lora_up.weight`, and writes the
    erased words into the header, between commas.

    Args:
        path: The file, or the folder that SPM's code has written it into.
        unet: The U-Net that they are for.
        concepts: What they are said to erase, where the file does not say.

    Returns:
        As `_membrane.named` returns them, and `WORDS`.

    Raises:
        InputError: it is damaged, holds something else, or was made for another model.
    """
    if path.is_dir():
        path = path / f"{path.name}_last.safetensors"
    if not path.is_file():
        raise InputError(f"there are no adapters {path}; allowed is a file that SPM's code wrote")
    file = _files.opened(path)
    stored = any(name.endswith(f".{_membrane.NAME}.up") for name in file.tensors)
    found = dict(file.tensors) if stored else _official(file.tensors, unet, path)
    names = _names(file.header, concepts, path)
    found.setdefault(WORDS, _written(names))
    try:
        for name, _, up, down in _membrane.fitting(unet, bare(found), len(erased(found, []))):
            if not (torch.isfinite(up).all() and torch.isfinite(down).all()):
                raise InputError(f"its {name} holds values that are not finite")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return found


def erased(tensors: Mapping[str, Tensor], concepts: Sequence[Concept]) -> list[Concept]:
    """Return what adapters stand for: what is stored beside them, else the concepts themselves.

    Args:
        tensors: As `read` returns them, or as `_membrane.named` does.
        concepts: What a run erases.
    """
    if WORDS not in tensors:
        return list(concepts)
    names = json.loads(bytes(tensors[WORDS].tolist()).decode())
    return [Concept(name, "object", "") for name in names]


def bare(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return adapters without the words beside them.

    Args:
        tensors: As `read` returns them.
    """
    return {name: each for name, each in tensors.items() if name != WORDS}


def _names(header: Mapping[str, str], concepts: Sequence[Concept], path: Path) -> list[str]:
    if header.get("prompts", "").strip(" ,"):
        return [header["prompts"]]
    names = [concept.name for concept in concepts]
    if "concepts" in header:
        try:
            names = json.loads(header["concepts"])
        except ValueError:
            names = []
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path} does not say what its adapters erase")
    return names


def _written(names: Sequence[str]) -> Tensor:
    return torch.tensor(list(json.dumps(list(names)).encode()), dtype=torch.uint8)


def _official(tensors: Mapping[str, Tensor], unet: Any, path: Path) -> dict[str, Tensor]:
    """Return tensors under the names that they have here, alpha over rank in the first factor."""
    left, found = dict(tensors), {}
    for name, layer in _membrane.layers(unet).items():
        key = f"lora_unet_{name.replace('.', '_')}"
        up, down = (left.pop(f"{key}.lora_{side}.weight", None) for side in ("up", "down"))
        if up is None or down is None or up.dim() < 2 or down.dim() < 2 or not len(down):
            raise InputError(f"{path} is no SPM of this model: it has no adapter for {key}")
        alpha = left.pop(f"{key}.alpha", torch.tensor(float(len(down))))
        if alpha.numel() != 1 or not torch.isfinite(alpha).all():
            raise InputError(f"{path}: alpha of {key} is no number")
        if down[0].numel() != layer.weight[0].numel():
            raise InputError(
                f"{path} was made for another model: {key} reads {down[0].numel()} values there "
                f"and {layer.weight[0].numel()} here"
            )
        own = f"unet.{name}.{_membrane.NAME}"
        found[f"{own}.up"] = (up.float().flatten(1) * (float(alpha) / len(down)))[None]
        found[f"{own}.down"] = down.float().reshape(1, len(down), *layer.weight.shape[1:])
    if left:
        raise InputError(f"{path} is no SPM of this model, which has no place for {min(left)}")
    return found
