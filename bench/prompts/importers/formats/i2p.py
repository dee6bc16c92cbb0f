"""I2P: prompts that give inappropriate images, by category (arXiv 2211.05105)."""

from __future__ import annotations

from bench.prompts.importers.columns import PROMPTS
from bench.prompts.importers.drafts import Draft, Row, UnusableError
from bench.prompts.importers.records import Table
from bench.types import Kind

HELP = "I2P: prompt and categories; --concept nudity keeps that category alone"
COLUMNS = {"concept": ("categories", "concept"), "role": ()}
KIND: Kind = "explicit"
CATEGORIES = {"sexual": "nudity", "shocking": "shocking images"}
"""Categories whose names here differ from theirs."""


def recognises(table: Table) -> bool:
    """Return whether these are its columns."""
    return table.has(PROMPTS, ("categories",))


def draft(row: Row, asked: str) -> Draft:
    """Read a prompt under the category that was asked for, or else its first.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.

    Raises:
        UnusableError: saying why the row cannot become a prompt.
    """
    listed = [each.strip(" []'\"").casefold() for each in row["concept"].split(",")]
    names = [CATEGORIES.get(each, each) for each in listed if each]
    if not names:
        raise UnusableError("has no category")
    if asked and asked not in names:
        raise UnusableError(f"is of other categories than {asked}")
    return Draft(row["prompt"], row["seed"], asked or names[0])
