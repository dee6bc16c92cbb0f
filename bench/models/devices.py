"""The devices that torch can compute on here."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from bench.names import find
from bench.types import InputError

GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""One of these is there on Linux where torch may find a GPU: NVIDIA's, AMD's, or one of Windows."""
KNOWN = re.compile(r"mps|cuda(:\d+)?")
"""What torch calls its devices: one that is not here is no slip of the fingers."""


def device(asked: str | None) -> str:
    """Return the device that was asked for, as torch names it, or the best there is.

    Args:
        asked: For example "cpu", "cuda", "cuda:1" or "mps"; None for a GPU where there is one.

    Raises:
        InputError: torch has no such device here.
    """
    if asked == "cpu":
        return asked
    here = _devices()
    if asked is None:
        return "cuda" if "cuda" in here else "cpu"
    if asked not in here and KNOWN.fullmatch(asked):
        raise InputError(f"device {asked} is not on this machine; choices: {', '.join(here)}")
    return find("device", asked, here)


def cards() -> int:
    """Return how many GPUs torch numbers on this machine."""
    return sum(each.startswith("cuda:") for each in _devices())


def _devices() -> list[str]:
    """Return the devices that torch can use on this machine."""
    if sys.platform == "linux" and not any(Path(node).exists() for node in GPUS):
        # So that a plan needs no torch where there is nothing to ask it for.
        return ["cpu"]
    import torch

    cards = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *mps, *(["cuda"] if cards else []), *cards]
