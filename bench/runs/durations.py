"""Lengths of time in words."""

from __future__ import annotations


def minutes(seconds: float) -> str:
    """Return a length of time in words, to the minute: "12 min", "3 h 05 min"."""
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"
