"""Reads adapters that Receler's own code has written, and those that this benchmark has stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.types import InputError
from methods import _files
from methods.receler import _adapters

WEIGHTS = "eraser_weights.pt"
"""The file in a folder that Receler's code has written."""


def read(path: Path, unet: Any) -> dict[str, Tensor]:
    """Return the adapters of a file.

    Receler's code writes a state dict for each transformer, `down_blocks.0.attentions.0` to
    `down.weight`, `down.bias`, `up.weight` and `up.bias`.

    Args:
        path: The file, or the folder that Receler's code has written it into.
        unet: The U-Net that they are for.

    Returns:
        As `_adapters.named` returns them.

    Raises:
        InputError: it is damaged, holds something else, or was made for another model.
    """
    if path.is_dir():
        path = path / WEIGHTS
    if not path.is_file():
        raise InputError(f"there are no adapters {path}; allowed is Receler's {WEIGHTS}")
    data, _ = _files.raw(path)
    found = _flat(data, unet, path)
    for name, each in found.items():
        if not each.is_floating_point() or not torch.isfinite(each).all():
            raise InputError(f"{path}: {name} holds values that are not finite")
    return found


def _flat(data: Any, unet: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(data, Mapping) or not all(isinstance(name, str) for name in data):
        raise InputError(f"{path} is none of Receler's: it maps no transformers to adapters")
    if data and all(isinstance(each, Tensor) for each in data.values()):
        return dict(data)
    left, found = dict(data), {}
    for name in _adapters.layers(unet):
        block = name.split(".transformer_blocks.")[0]
        parts = data.get(block)
        if not isinstance(parts, Mapping):
            raise InputError(f"{path} was made for another model: it has no adapter for {block}")
        left.pop(block, None)
        for part, each in parts.items():
            if not isinstance(each, Tensor):
                raise InputError(f"{path}: {part!r} of {block} is no tensor")
            found[f"unet.{name}.{_adapters.NAME}.{part}"] = each
    if left:
        raise InputError(f"{path} was made for another model, which has no {min(left)}")
    return found
