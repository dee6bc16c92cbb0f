"""Whether files of tensors are whole, told in moments and without torch."""

from __future__ import annotations

import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from bench.types import InputError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
"""Endings of files that hold tensors."""
_PICKLE = b"\x80"
"""What a pickle begins with, as torch wrote files before 1.6."""
_POINTER = b"version https://git-lfs"
"""What a file begins with that Git LFS has not fetched."""


def check(path: Path) -> None:
    """Refuse a file that ends as one of tensors and cannot be one, or a folder with such a file.

    Args:
        path: A file or a folder; what has another ending is not looked at.

    Raises:
        InputError: naming the file, and what is wrong with it.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.suffix in SUFFIXES and file.is_file():
            problem = _problem(file)
            if problem:
                raise InputError(f"{file} is no file of tensors: {problem}")


def _problem(file: Path) -> str:
    """Say why a file cannot hold tensors; "" where it may."""
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
    except (SafetensorError, zipfile.BadZipFile, ValueError) as error:
        return f"it is damaged or truncated ({str(error).splitlines()[0]})"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
