"""Sizes of suites: how many images of each role a run has, whole or cut to a few; pure."""

from __future__ import annotations

from dataclasses import replace

from bench.names import find
from bench.types import InputError, Size, Suite

LIMIT = "@"
"""Stands between a size's name and the number of images of each role that it is cut to."""


def limited(name: str, limit: int | None) -> str:
    """Return the name of a size that is cut to so many images of each role and case.

    Args:
        name: A size's.
        limit: How many at most, the first ones; None for all.
    """
    return name if limit is None else f"{name}{LIMIT}{limit}"


def size_of(suite: Suite, name: str) -> Size:
    """Return one of a suite's sizes.

    Args:
        suite: The suite.
        name: The size's, or what `limited` makes of it: "quick", "quick@8".

    Raises:
        InputError: there is none of that name.
    """
    sizes = {size.name: size for size in suite.sizes}
    whole, at, count = name.rpartition(LIMIT)
    if not at or name in sizes:
        return sizes[find("size", name, sizes)]
    if not (count.isascii() and count.isdigit() and int(count)):
        raise InputError(f"size '{name}': what follows {LIMIT} must be a whole number from 1 up")
    found = sizes[find("size", whole, sizes)]
    images = {role: min(each, int(count)) for role, each in found.images.items()}
    return replace(found, name=name, images=images)
