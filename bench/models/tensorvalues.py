"""What a file of tensors holds, as far as it can be told without torch and without running it."""

from __future__ import annotations

import json
import math
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

UNREAD = ("first_stage_model.", "model_ema.", "vae.")
"""What names begin with of tensors that no erasure changes."""
_ONES: Mapping[str, tuple[str, int]] = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
}
"""Of each kind of real numbers the integer of its size, and the exponent of what is not finite."""
_PICKLES = 4
"""Of a file as torch wrote them before 1.6 that stand before the values."""
_ROOTS = ("torch", "collections", "numpy", "_codecs")
"""Packages that a pickle of tensors names."""
_BUILTINS = ("bytearray", "complex", "dict", "float", "int", "list", "set", "slice", "tuple")
"""Types that a pickle of tensors names."""


def header(file: Path) -> dict[str, object]:
    """Return the header of a safetensors file, which has been found to be whole."""
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        found: dict[str, object] = json.loads(stream.read(size))
    return found


def problem(file: Path) -> str:
    """Say which tensor of a safetensors file cannot be a model's; "" where all may.

    Args:
        file: A file that has been found to be whole.
    """
    with file.open("rb") as stream:
        start = 8 + int.from_bytes(stream.read(8), "little")
    for name, each in header(file).items():
        if name == "__metadata__" or name.startswith(UNREAD) or not isinstance(each, Mapping):
            continue
        if math.prod(each["shape"]) == 0:
            return f"its {name!r} has no values, shape {tuple(each['shape'])}"
        if each["dtype"] in _ONES:
            kind, ones = _ONES[each["dtype"]]
            begin, count = start + each["data_offsets"][0], math.prod(each["shape"])
            bits = np.fromfile(file, kind, count, offset=begin)
            if ((bits & bits.dtype.type(ones)) == ones).any():
                return f"its {name!r} holds values that are not finite"
    return ""


def stranger(file: Path) -> str:
    """Return the first name of code in a pickle that tensors do not need; "" if there is none.

    Args:
        file: As torch writes it, an archive or a row of pickles.
    """
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
            streams: list[BinaryIO] = [BytesIO(archive.read(name)) for name in pickles]
            return next((each for stream in streams for each in _strangers(stream)), "")
    with file.open("rb") as stream:
        return next((each for _ in range(_PICKLES) for each in _strangers(stream)), "")


def _strangers(stream: BinaryIO) -> Iterator[str]:
    """Yield what a pickle names of other code."""
    texts: list[str] = []
    for code, value, _ in pickletools.genops(stream):
        if isinstance(value, str):
            texts.append(value)
        if code.name in ("GLOBAL", "STACK_GLOBAL"):
            parts = texts[-2:] if code.name == "STACK_GLOBAL" else texts[-1:]
            module, _, name = " ".join(parts).partition(" ")
            allowed = _BUILTINS if module in ("builtins", "__builtin__") else ()
            if module.split(".")[0] not in _ROOTS and name not in allowed:
                yield f"{module}.{name}"
