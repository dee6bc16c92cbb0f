"""A benchmark of concept erasure in text-to-image diffusion models.

`from bench import run` is the command `run` as one call, see `bench.runs.call`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Give `run` when it is asked for: importing the package costs nothing."""
    if name == "run":
        return import_module("bench.runs.call").run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
