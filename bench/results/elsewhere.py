"""Runs whose images were made elsewhere and scored here: what tells them from other runs."""

from __future__ import annotations

from bench.types import RunSpec

MARK = "made elsewhere"
"""What is said of them, and what stands before the folder's name in their spec."""


def method(name: str) -> str:
    """Return the method that a spec names for a folder of images, which is none of ours.

    Args:
        name: What the folder is called.
    """
    return f"{MARK}:{name}"


def made(spec: RunSpec) -> bool:
    """Return whether a run's images were made elsewhere, so that how is not known.

    Args:
        spec: The run's.
    """
    return spec.method.startswith(f"{MARK}:")
