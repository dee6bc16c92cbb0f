"""Whether files of tensors are whole, told in moments and without torch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from bench.families import LAYOUTS
from bench.models import alphas, tensorvalues
from bench.types import InputError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
"""Endings of files that hold tensors."""
_PICKLE = b"\x80"
"""What a pickle begins with, as torch wrote files before 1.6."""
_POINTER = b"version https://git-lfs"
"""What a file begins with that Git LFS has not fetched."""


INDEX = ".index"
"""Part of the name of a JSON file that lists in which files tensors are."""
_PARTS = {part for layout in LAYOUTS.values() for part in layout.prefixes}
"""Sub-folders of a pipeline that an erasure may change."""


def check(path: Path) -> None:
    """Refuse a file that ends as one of tensors and cannot be one, or a folder with such a file.

    Args:
        path: A file or a folder; what has another ending is not looked at, but for the JSON that
            says how strong a LoRA is and what lies in which file.

    Raises:
        InputError: naming the file, and what is wrong with it.
    """
    folder = path.is_dir()
    for file in sorted(path.rglob("*")) if folder else _with_config(path):
        if not file.is_file():
            continue
        if file.suffix in SUFFIXES:
            why = problem(file) or _content(file, path if folder else None)
            if why:
                raise InputError(f"{file} is no file of tensors: {why}")
        elif file.name == alphas.CONFIG:
            alphas.Config(str(file), json_object(file)).check()
        elif file.suffix == ".json" and INDEX in file.name:
            shards(file)


def shards(index: Path) -> dict[str, str]:
    """Return the file that each tensor lies in, which are all there.

    Args:
        index: A JSON file with a weight_map.

    Raises:
        InputError: it has none, or a file is missing.
    """
    listed = json_object(index).get("weight_map")
    if not isinstance(listed, Mapping) or not all(isinstance(v, str) for v in listed.values()):
        raise InputError(f"{index} has no weight_map that says which file holds which tensor")
    for shard in sorted(set(listed.values())):
        if "\0" in shard or Path(shard).name != shard or not (index.parent / shard).is_file():
            raise InputError(f"{index} names {shard!r}, which is not beside it")
    return dict(listed)


def json_object(path: Path) -> Mapping[str, Any]:
    """Read a JSON object.

    Args:
        path: Its file.

    Raises:
        InputError: it is none.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error})") from None
    if not isinstance(data, Mapping):
        raise InputError(f"{path} holds no JSON object")
    return data


def _with_config(path: Path) -> Iterator[Path]:
    """Yield a file, and what says how strong it is if it is a LoRA by itself."""
    yield path
    config = path.with_name(alphas.CONFIG)
    if path.suffix == ".safetensors" and config.is_file():
        names = tensorvalues.header(path)
        silent = not any(name.endswith(".alpha") for name in names)
        if silent and any("lora" in name for name in names):
            yield config


def _content(file: Path, folder: Path | None) -> str:
    """Say what of a whole file's content can be no model's; "" where it may.

    In a folder lies more than what is read of it, which may hold what it will.
    """
    if file.suffix == ".safetensors":
        inside = folder is None or file.parent in (folder, *(folder / part for part in _PARTS))
        return tensorvalues.problem(file) if inside else ""
    try:
        code = tensorvalues.stranger(file) if folder is None else ""
    except ValueError as error:
        return f"it is damaged or truncated ({error})"
    return code and (
        f"it is a pickle that holds more than tensors, {code}, which could run code; save its "
        "state dict as safetensors"
    )


def problem(file: Path) -> str:
    """Say why a file cannot hold tensors; "" where it may.

    Args:
        file: That is there, whatever it is called.
    """
    try:
        with file.open("rb") as stream:
            begin = stream.read(64)
        if not begin:
            return "it is empty"
        if begin.startswith(_POINTER):
            return "it is a pointer of Git LFS; fetch it with `git lfs pull`"
        if begin.lstrip()[:1] == b"<":
            return "it is a web page; download the file itself"
        if file.suffix == ".safetensors":
            with safe_open(file, framework="numpy"):
                return ""
        if begin.startswith(b"PK"):
            with zipfile.ZipFile(file) as archive:
                kept = any(name.endswith("data.pkl") for name in archive.namelist())
            return "" if kept else "it is an archive of something else"
        return "" if begin.startswith(_PICKLE) else "it is damaged, or of another form"
    except (SafetensorError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        return f"it is damaged or truncated ({str(error).splitlines()[0]})"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
