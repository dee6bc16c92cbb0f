"""MACE's celebrities: erased ones and others; the name is in the prompt alone."""

from __future__ import annotations

import re

from bench.prompts.importers import roles
from bench.prompts.importers.columns import LABELS, PROMPTS
from bench.prompts.importers.drafts import Draft, Row, UnusableError
from bench.prompts.importers.records import Table
from bench.types import Kind

HELP = "MACE's celebrities: type (erased, others), prompt, evaluation_seed"
COLUMNS = {"concept": ("name", "celebrity", "person", "concept"), "role": ("type", "role")}
KIND: Kind = "person"
_AROUND = re.compile(
    r"(?:A portrait of|An image capturing|An oil painting of|A sketch of)?\s*(.+?)\s*"
    r"(?:at a public event|in an official photo)?",
    re.IGNORECASE,
)
"""The five wordings, around the name (MACE, appendix on celebrity erasure)."""


def recognises(table: Table) -> bool:
    """Return whether these are its columns, and a prompt is of one of its wordings."""
    there = table.has(("type",), PROMPTS) and not table.has(LABELS)
    typed = any(cell.strip().casefold() in roles.WORDS for cell in table.cells("type"))
    return there and typed and any(map(_name, table.cells("prompt")))


def draft(row: Row, asked: str) -> Draft:
    """Read a prompt, the name in it, and whether it is erased.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.

    Raises:
        UnusableError: saying why the row cannot become a prompt.
    """
    if not row["role"].strip():
        raise UnusableError("has no type, erased or others")
    role, tag = roles.read(row["role"])
    name = row["concept"].strip() or _name(row["prompt"])
    if not name:
        raise UnusableError("names nobody in any of MACE's five wordings")
    return Draft(row["prompt"], row["seed"], name, role, tag)


def _name(text: str) -> str:
    """Return the name that a wording is around; "" if it is none of the five."""
    match = _AROUND.fullmatch(text.strip())
    return match[1] if match and match[1] != text.strip() else ""
