"""MACE's celebrities: erased ones, erased together, and others; the name is in the prompt alone."""

from __future__ import annotations

import re
from collections.abc import Collection

from bench.prompts.importers.drafts import SEEDS, Draft, Row, UnusableError, first

HELP = "MACE's celebrities: type (erased, others), prompt, evaluation_seed"
TOGETHER = True
_AROUND = re.compile(
    r"(?:A portrait of|An image capturing|An oil painting of|A sketch of)?\s*(.+?)\s*"
    r"(?:at a public event|in an official photo)?",
    re.IGNORECASE,
)
"""The five wordings, around the name (MACE, appendix on celebrity erasure)."""


def recognises(columns: Collection[str]) -> bool:
    """Return whether these are its columns."""
    there = set(columns)
    return {"type", "prompt"} <= there and "artist" not in there


def draft(row: Row, asked: str) -> Draft:
    """Read a prompt, the name in it, and whether it is erased.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.

    Raises:
        UnusableError: saying why the row cannot become a prompt.
    """
    kind = row["type"].strip().casefold()
    if kind not in ("erased", "others"):
        raise UnusableError("has a type other than erased and others")
    text = first(row, ("prompt",))
    name = row.get("name", "").strip()
    if not name:
        match = _AROUND.fullmatch(text.strip())
        if match is None or match[1] == text.strip():
            raise UnusableError("names nobody in any of MACE's five wordings")
        name = match[1]
    return Draft(
        text, first(row, SEEDS), name, "target" if kind == "erased" else "far", kind="person"
    )
