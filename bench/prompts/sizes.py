"""Sizes of suites: how many images of each role a run has, whole or cut to a few of them; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.names import find
from bench.types import ROLES, InputError, Size, Suite

LIMIT = "@"
"""Stands between a size's name and the number of images of each role that it is cut to."""
ROLE = "+"
"""Stands before each role of those that a size is cut to."""


def cut(name: str, limit: int | None = None, roles: Sequence[str] = ()) -> str:
    """Return the name of a size that is cut to some roles, and to so many images of each and case.

    Args:
        name: A size's.
        limit: How many images at most, the first ones; None for all.
        roles: Of the size; empty for all.
    """
    named = name + "".join(f"{ROLE}{role}" for role in sorted(set(roles)))
    return named if limit is None else f"{named}{LIMIT}{limit}"


def cut_to(name: str) -> tuple[str, ...]:
    """Return the roles that a size's name says it is cut to, none for a whole one.

    Args:
        name: As `cut` makes it.
    """
    _, *roles = name.partition(LIMIT)[0].split(ROLE)
    return tuple(roles) if set(roles) <= set(ROLES) else ()


def size_of(suite: Suite, name: str) -> Size:
    """Return one of a suite's sizes.

    Args:
        suite: The suite.
        name: The size's, or what `cut` makes of it: "quick", "quick@8", "quick+far+target@8".

    Raises:
        InputError: there is none of that name, or it has no images of such a role.
    """
    sizes = {size.name: size for size in suite.sizes}
    # A suite from outside may have a size whose name looks like one that is cut.
    if name in sizes:
        return sizes[name]
    some, at, count = name.rpartition(LIMIT)
    if at and not (count.isascii() and count.isdigit() and int(count)):
        raise InputError(f"size '{name}': what follows {LIMIT} must be a whole number from 1 up")
    most = int(count) if at else None
    some = some if at else name
    whole, *roles = [some] if some in sizes else some.split(ROLE)
    found = sizes[find("size", whole, sizes)]
    for role in roles:
        find(f"role of size {whole} of suite {suite.name}", role, found.images)
    images = {
        role: each if most is None else min(each, most)
        for role, each in found.images.items()
        if role in roles or not roles
    }
    return replace(found, name=name, images=images)
