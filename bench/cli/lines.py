"""Lines of text in a terminal: a long one goes on below where its last column began."""

from __future__ import annotations

import re
import textwrap

GAP = re.compile(r"\S {2,}(?=\S)")
"""What stands between the columns of a line."""
LEAST = 24
"""Characters that must be left beside an indentation, for a line to be readable."""


def wrapped(line: str, width: int) -> str:
    """Return a line broken between words, its rest below its last column.

    Args:
        line: One line; words longer than the width, such as paths, stay whole.
        width: Characters that the terminal has beside each other.
    """
    if len(line) <= width:
        return line
    own = len(line) - len(line.lstrip())
    starts = [own + 2, *(found.end() for found in GAP.finditer(line))]
    indent = max((start for start in starts if start <= width - LEAST), default=0)
    kept = line[:indent] if line[:indent].strip() else " " * own
    return textwrap.fill(
        line[len(kept) :],
        width,
        initial_indent=kept,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
