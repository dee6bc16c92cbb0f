"""Opens what others publish of an erased model: tensors in files and folders, never code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from bench.models import tensorfiles
from bench.models.parts import STEMS, variant_of
from bench.models.tensorfiles import SUFFIXES
from bench.models.weights import PREFIXES
from bench.types import InputError

FORMS = (
    f"a file ({', '.join(SUFFIXES)}), a folder of a pipeline or of a U-Net in diffusers layout, "
    "or a LoRA folder"
)
NESTED = ("state_dict", "unet", "model", "module", "params")
"""Under what names old files hold their state dict."""
REASON = 200
"""Characters of a library's message that are repeated."""


@dataclass(frozen=True)
class Opened:
    """The tensors of a file as it names them, and what its header says."""

    tensors: dict[str, Tensor]
    header: Mapping[str, str] = field(default_factory=dict)


def opened(path: Path) -> Opened:
    """Read a file of tensors.

    Args:
        path: The file.

    Raises:
        InputError: it is of an unknown form, damaged, no state dict, or a pickle that holds more
            than tensors.
    """
    return unwrapped(*raw(path), path)


def unwrapped(data: Any, header: Mapping[str, str], path: Path) -> Opened:
    """Return the tensors of what a file holds, however deep they are nested.

    Args:
        data: As `raw` returns it.
        header: Its header.
        path: The file.

    Raises:
        InputError: it is no state dict.
    """
    parts = [part for part in PREFIXES if isinstance(data, Mapping) and part in data]
    if len(parts) > 1 or parts not in ([], ["unet"]):
        return Opened(_joined({part: data[part] for part in parts}, path), header)
    for inner in NESTED:
        if isinstance(data, Mapping) and isinstance(data.get(inner), Mapping):
            data = data[inner]
    return Opened(_state(data, path), header)


def _joined(parts: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Return the tensors of a pipeline's parts, each under the part's name."""
    states = {part: _state(data, path) for part, data in parts.items()}
    return {f"{part}.{name}": each for part, own in states.items() for name, each in own.items()}


def raw(path: Path) -> tuple[Any, Mapping[str, str]]:
    """Return what a file holds, however it is nested, and its header.

    Args:
        path: The file.

    Raises:
        InputError: it is of an unknown form, damaged, or a pickle that holds more than tensors.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path.name} is of an unknown form; allowed is {FORMS}")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                names = list(file.keys())
                return {each: file.get_tensor(each) for each in names}, file.metadata() or {}
        return torch.load(path, map_location="cpu", weights_only=True), {}
    except Exception as error:  # a damaged pickle fails in whatever way
        if isinstance(error, pickle.UnpicklingError) and "Unsupported " in str(error):
            raise InputError(
                f"the checkpoint {path} is a pickle that holds more than tensors, which could run "
                "code; it is not read: save its state dict as safetensors"
            ) from None
        reason = " ".join(str(error).split("\n")[0].split())[:REASON] or "it ends early"
        raise InputError(f"the checkpoint {path} is damaged or truncated ({reason})") from None


def _state(data: Any, path: Path) -> dict[str, Tensor]:
    # An empty file is one of none; the reader says what it lacks.
    empty = path.suffix == ".safetensors" and not data
    # Beside them stand counters and texts of whoever trained it.
    tensors = isinstance(data, Mapping) and any(isinstance(v, Tensor) for v in data.values())
    if not empty and not tensors:
        raise InputError(f"the checkpoint {path} is no state dict: a mapping of names to tensors")
    for name in data:
        if not isinstance(name, str) or not name.isprintable():
            raise InputError(f"the checkpoint {path} names a tensor {name!r}, which is no text")
    others = [name for name, value in data.items() if not isinstance(value, Tensor)]
    if others:
        raise InputError(
            f"the checkpoint {path} holds {others[0]!r} beside its tensors, which is none; save "
            "its state dict alone"
        )
    for name, value in data.items():
        if value.layout is not torch.strided or value.is_meta or value.is_nested:
            raise InputError(f"the checkpoint {path} holds {name!r} without its values, or sparse")
    return dict(data)


def component(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a component's folder, whole or in shards; empty if it has none.

    A variant such as fp16 is read where there are no plain ones.

    Args:
        folder: For example `unet` of a pipeline.

    Raises:
        InputError: there are several variants and no plain weights, or a file is damaged.
    """
    whole = [path for path in sorted(folder.glob("*")) if _is_weights(path)]
    indexes = sorted(folder.glob("*.index*.json"))
    # What an index lists is not whole by itself.
    chosen = indexes or whole
    plain = [path for path in chosen if variant_of(path.name) == ""]
    variants = sorted({variant_of(path.name) for path in chosen if variant_of(path.name)})
    if not plain and len(variants) > 1:
        raise InputError(
            f"{folder} holds the variants {', '.join(variants)} and no plain weights; keep the one "
            "that is meant"
        )
    some = plain or chosen
    if not some:
        return {}
    # Of one set of weights in two formats, the one that holds nothing but tensors.
    first = min(some, key=lambda path: ".safetensors" not in path.name)
    return _sharded(first) if first.suffix == ".json" else opened(first).tensors


def _is_weights(path: Path) -> bool:
    stem = path.name.split(".")[0]
    shard = "-of-" in path.name
    return path.suffix in (".safetensors", ".bin") and stem in STEMS and not shard


def _sharded(index: Path) -> dict[str, Tensor]:
    listed = tensorfiles.shards(index)
    found: dict[str, Tensor] = {}
    for shard in sorted(set(listed.values())):
        found |= opened(index.parent / shard).tensors
    missing = sorted(set(listed) - set(found))
    if missing:
        raise InputError(f"{index} lists {missing[0]!r}, which none of its files holds")
    return found


def first(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first of some files that is in a folder, None if none is.

    Args:
        folder: The folder.
        names: Of files, in order.
    """
    return next((folder / name for name in names if (folder / name).is_file()), None)
