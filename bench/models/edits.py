"""An erasure as a file: the changed tensors under diffusers parameter names, in safetensors.

U-Net parameters go by their bare names, as ESD and UCE publish theirs, so the file loads into a
plain diffusers pipeline; those of the text encoder carry the prefix `text_encoder.`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bench.files import TEMPORARY
from bench.models.weights import changed, loaded
from bench.types import InputError, Option


def save_edit(
    pipe: Any,
    tensors: Mapping[str, torch.Tensor],
    path: Path,
    *,
    method: str,
    options: Mapping[str, Option],
    concepts: Sequence[str],
    seconds: float,
    cost: Mapping[str, float] | None = None,
) -> None:
    """Store the tensors that differ from a pipeline's own, atomically; an edit may be empty.

    The values have the precision of `pipe`.

    Args:
        pipe: The un-erased diffusers pipeline.
        tensors: What the eraser fitted, under diffusers parameter names.
        path: File to write.
        method: Name of the eraser.
        options: Its hyper-parameters.
        concepts: Names of the erased concepts.
        seconds: How long erasing took, kept here so that it survives a resumed run.
        cost: What else it took, by name; read back by `read_cost`.
    """
    metadata = {
        "method": method,
        "options": json.dumps(dict(options), sort_keys=True),
        "concepts": json.dumps(list(concepts)),
        "seconds": repr(float(seconds)),
        "cost": json.dumps(dict(cost or {}), sort_keys=True),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY)
    save_file(changed(pipe, tensors), temporary, metadata=metadata)
    temporary.replace(path)


def read_header(path: Path) -> tuple[list[str], dict[str, str]]:
    """Return the names of the changed tensors and the metadata, without reading the tensors.

    Raises:
        InputError: if the file is missing, truncated or no safetensors file.
    """
    with _opened(path) as file:
        return list(file.keys()), dict(file.metadata() or {})


def read_cost(path: Path) -> dict[str, float]:
    """Return what an edit took, by column of the `cost` metric, without reading its tensors.

    Beside `seconds` and what was given to `save_edit`, these are `parameters`, how many values the
    changed tensors hold, and `bytes`, the size of the file.

    Raises:
        InputError: if the file is missing, truncated or no safetensors file.
    """
    with _opened(path) as file:
        metadata = dict(file.metadata() or {})
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return {
        "seconds": float(metadata["seconds"]),
        "parameters": float(sum(math.prod(shape) for shape in shapes)),
        "bytes": float(path.stat().st_size),
        **json.loads(metadata.get("cost", "{}")),
    }


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"there is no edit {path}") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is damaged ({error}); delete it and the same command makes it again"
        ) from None


def apply_edit(pipe: Any, path: Path) -> Any:
    """Return a pipeline with an edit applied; `pipe` itself stays as it was.

    Components that the edit leaves alone are shared, and an empty edit returns `pipe`.

    Raises:
        InputError: if the edit cannot be read or names parameters that the pipeline lacks.
    """
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        return loaded(pipe, tensors)
    except InputError as error:
        raise InputError(f"{path} was made for another model: {error}") from None
