"""Content hashes of files and folders: what a thing is, wherever it lies."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Container
from pathlib import Path

WEIGHTS = (".safetensors", ".bin", ".json", ".txt", ".model")
"""Endings of the files of a model in diffusers layout that decide what it draws."""


def of(path: Path, suffixes: Container[str] | None = None) -> str:
    """Return the sha256 of a file, or one over a folder's files and their paths inside it.

    Args:
        path: A file or a folder.
        suffixes: Endings of the files of a folder that count; None for all.
    """
    if not path.is_dir():
        return file(path)
    inside = [each for each in sorted(path.rglob("*")) if each.is_file()]
    lines = (
        f"{file(each)}  {each.relative_to(path).as_posix()}\n"
        for each in inside
        if suffixes is None or each.suffix in suffixes
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def text(said: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(said.encode()).hexdigest()


def file(path: Path) -> str:
    """Return the sha256 of a file; it is read once as long as it stays as it is."""
    # The hub's cache names large files by their sha256; a link saves hashing gigabytes.
    blob = path.resolve().name
    if path.is_symlink() and len(blob) == 64 and set(blob) <= set("0123456789abcdef"):
        return blob
    stamp = path.stat()
    return _file(path.resolve(), stamp.st_mtime_ns, stamp.st_size)


@functools.lru_cache(maxsize=4096)
def _file(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
