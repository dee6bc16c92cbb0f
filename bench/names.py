"""The one place that looks a name up, so that every "unknown ..." message reads the same."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from bench.types import InputError


def find(kind: str, name: str, choices: Iterable[str]) -> str:
    """Return `name` if it is one of `choices`.

    Raises:
        InputError: it is not; the message lists the choices and the nearest of them.
    """
    allowed = list(choices)
    if name in allowed:
        return name
    folded = {choice.casefold(): choice for choice in allowed}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.3)
    nearest = f"nearest: {folded[close[0]]}; " if close else ""
    raise InputError(f"unknown {kind}: '{name}'; {nearest}choices: {', '.join(allowed) or 'none'}")
