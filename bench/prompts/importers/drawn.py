"""What a row says of how its image is drawn: guidance, size and negative prompt; pure."""

from __future__ import annotations

import math
import re

from bench.drawing import SIDES, Drawing
from bench.prompts.importers.columns import SIZE
from bench.prompts.importers.drafts import Row, UnusableError, check_texts
from bench.prompts.schema import STRONGEST

NOTHING = ("", "nan", "na", "none", "null")
"""What stands in columns of numbers where there is none."""

_DECIMAL = re.compile(r"\s*(\d{1,3}),(\d{1,2})\s*")
"""A decimal comma, as spreadsheets of many countries write it between semicolons."""


def read(row: Row) -> Drawing:
    """Return how a row is drawn; what it leaves open is the run's.

    Args:
        row: Cells by meaning.

    Raises:
        UnusableError: it asks for what no image can have.
    """
    negative = row["negative_prompt"] if row["negative_prompt"].strip() else ""
    check_texts(negative)
    guidance, width, height = (_number(row[name]) for name in ("guidance", "width", "height"))
    if width is None and height is None and (size := SIZE.fullmatch(row["size"].strip())):
        width, height = float(size[1]), float(size[2] or size[1])
    if guidance is not None and not 0 <= guidance <= STRONGEST:
        raise UnusableError(f"has a guidance that is no number from 0 to {STRONGEST}")
    if (width is None) != (height is None):
        raise UnusableError("has a width or a height without the other")
    if any(side is not None and side not in SIDES for side in (width, height)):
        raise UnusableError(
            f"has a size that is not of {SIDES[0]} to {SIDES[-1]} pixels in steps of {SIDES.step}"
        )
    if width is None or height is None:
        return Drawing(guidance, negative_prompt=negative)
    return Drawing(guidance, int(width), int(height), negative)


def _number(cell: str) -> float | None:
    """Return a cell's number, which frames may have written as 512.0; NaN where it is no number."""
    if cell.strip().casefold() in NOTHING:
        return None
    try:
        return float(_DECIMAL.sub(r"\1.\2", cell))
    except ValueError:
        return math.nan
