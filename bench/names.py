"""Names that a user types: what an unknown one is near, and how the command line is called."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from bench.types import InputError

SCRIPT = "erasure-bench"
"""The command that an installation brings."""
MODULE = "python -m bench"
"""The same command where nothing is installed."""
ALIKE = 0.6
"""Similarity (difflib's ratio) from which on two names may be a slip of the fingers."""
MOST = 100
"""Choices that are listed."""
LONGEST = 200
"""Letters of a name that are shown."""
BEGINNING = 3
"""Letters of a name that are enough to stand for it."""


def find(kind: str, name: str, choices: Iterable[str]) -> str:
    """Return `name` if it is one of `choices`.

    Args:
        kind: What is looked for, in words, for the message.
        name: What was typed.
        choices: The names that exist.

    Raises:
        InputError: it is not; the message lists the choices and the nearest, if one is near.
    """
    allowed = list(choices)
    if name in allowed:
        return name
    near = nearest(name, allowed)
    said = f"nearest: {_short(near)}; " if near else ""
    more = f" and {len(allowed) - MOST} more" if len(allowed) > MOST else ""
    choice = ", ".join(map(_short, allowed[:MOST])) or "none"
    raise InputError(f"unknown {kind}: '{_short(name)}'; {said}choices: {choice}{more}")


def nearest(name: str, choices: Sequence[str]) -> str | None:
    """Return the choice that somebody who typed `name` may have meant, None if none is near.

    Case and leading dashes do not count. Near is a choice that begins with what was typed, and one
    that most letters are shared with, in their order.

    Args:
        name: What was typed.
        choices: The names that exist.
    """
    plain = {_plain(choice): choice for choice in choices}
    wanted = _plain(name)
    if len(wanted) >= BEGINNING:
        longer = [choice for short, choice in plain.items() if short.startswith(wanted)]
        if longer:
            return min(longer, key=len)
    close = get_close_matches(wanted, plain, n=1, cutoff=ALIKE)
    return plain[close[0]] if close else None


def _short(name: str) -> str:
    """Return a name that a line can hold, which one from a broken file may not be."""
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}..."


def _plain(name: str) -> str:
    return name.lstrip("-").casefold()


def typed(words: str = "") -> str:
    """Return a command line as the user would type it, for hints and errors.

    Args:
        words: What follows the program's name, for example "list methods".
    """
    name = Path(sys.argv[0] if sys.argv else "").name.removesuffix(".exe")
    return f"{SCRIPT if name == SCRIPT else MODULE} {words}".rstrip()
