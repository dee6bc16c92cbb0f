"""An erasure as a file: the tensors that an eraser fitted, and what made them, in safetensors.

One of the form `weights` holds the changed tensors under diffusers parameter names, so it loads
into a plain diffusers pipeline. The others are for their eraser's `apply`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bench.files import aside
from bench.models.weights import changed, loaded
from bench.types import Form, InputError, Option

Apply = Callable[[Any, Mapping[str, torch.Tensor]], Any]
"""Makes the erased pipeline from the un-erased one and the tensors: an eraser's `apply`."""


@dataclass(frozen=True)
class Header:
    """What the file of an erasure says of it, without its tensors' values."""

    form: Form
    method: str
    options: Mapping[str, Option]
    concepts: tuple[str, ...]
    seconds: float
    """Wall-clock time of fitting."""
    cost: Mapping[str, float]
    """What else it took, and what drawing with it takes, by column of the `cost` metric."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of each tensor, by name."""


def save(
    pipe: Any,
    tensors: Mapping[str, torch.Tensor],
    path: Path,
    *,
    method: str,
    options: Mapping[str, Option],
    concepts: Sequence[str],
    seconds: float,
    form: Form = "weights",
    cost: Mapping[str, float] | None = None,
) -> None:
    """Store what an eraser fitted, atomically; there may be no tensors.

    Of the form `weights` those that equal the pipeline's own are left out, and the values have its
    precision.

    Args:
        pipe: The un-erased diffusers pipeline.
        tensors: What the eraser fitted, by name.
        path: File to write.
        method: Name of the eraser.
        options: Its hyper-parameters.
        concepts: Names of the erased concepts.
        seconds: How long fitting took, kept here so that it survives a resumed run.
        form: What the eraser leaves.
        cost: What else it took, by name; read back by `read_cost`.
    """
    kept = changed(pipe, tensors) if form == "weights" else _plain(tensors)
    metadata = {
        "form": form,
        "method": method,
        "options": json.dumps(dict(options), sort_keys=True),
        "concepts": json.dumps(list(concepts)),
        "seconds": repr(float(seconds)),
        "cost": json.dumps(dict(cost or {}), sort_keys=True),
    }
    with aside(path) as temporary:
        save_file(kept, temporary, metadata=metadata)


def _plain(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return copies that share no memory, which safetensors refuses."""
    return {name: each.detach().cpu().contiguous().clone() for name, each in tensors.items()}


def read(path: Path) -> Header:
    """Return what a file says of its erasure.

    Raises:
        InputError: if the file is missing, truncated or holds no erasure.
    """
    with _opened(path) as file:
        known = dict(file.metadata() or {})
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    try:
        return Header(
            form=known["form"],
            method=known["method"],
            options=json.loads(known["options"]),
            concepts=tuple(json.loads(known["concepts"])),
            seconds=float(known["seconds"]),
            cost=json.loads(known["cost"]),
            shapes=shapes,
        )
    except KeyError as error:
        raise InputError(
            f"{path} does not say its {error.args[0]}; delete it and the same command makes it "
            "again"
        ) from None


def read_cost(path: Path) -> dict[str, float]:
    """Return what an erasure took, by column of the `cost` metric, without reading its tensors.

    Beside `seconds` and what was given to `save`, these are `parameters`, how many values the
    stored tensors hold, and `bytes`, the size of the file.

    Raises:
        InputError: if the file is missing, truncated or holds no erasure.
    """
    header = read(path)
    return {
        "seconds": header.seconds,
        "parameters": float(sum(map(math.prod, header.shapes.values()))),
        "bytes": float(path.stat().st_size),
        **header.cost,
    }


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"there is no erasure {path}") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is damaged ({error}); delete it and the same command makes it again"
        ) from None


def apply(pipe: Any, path: Path, by: Apply | None = None) -> Any:
    """Return the erased pipeline that a file makes of `pipe`, which stays as it was.

    Args:
        pipe: The un-erased diffusers pipeline.
        path: The erasure's file.
        by: The eraser's `apply`, which erasures of every form but `weights` need; those are loaded
            as they would be by anyone.

    Raises:
        InputError: if the erasure cannot be read or was made for another model.
    """
    with _opened(path) as file:
        form = (file.metadata() or {}).get("form", "weights")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if form != "weights":
        if by is None:
            raise InputError(f"{path} is of the form {form}: only its method can apply it")
        try:
            return by(pipe, tensors)
        except InputError as error:
            raise InputError(f"{path} cannot be applied: {error}") from None
    try:
        return loaded(pipe, tensors)
    except InputError as error:
        raise InputError(f"{path} was made for another model: {error}") from None
