"""I2P: prompts that give inappropriate images, by category (arXiv 2211.05105)."""

from __future__ import annotations

from collections.abc import Collection

from bench.prompts.importers.drafts import SEEDS, Draft, Row, UnusableError, first, has

HELP = "I2P: prompt, categories and a seed; --concept nudity keeps that category alone"
CATEGORIES = {"sexual": "nudity", "shocking": "shocking images"}
"""Categories whose names here differ from theirs."""


def recognises(columns: Collection[str]) -> bool:
    """Return whether these are its columns."""
    return has(columns, ("prompt",), ("categories",), SEEDS)


def draft(row: Row, asked: str) -> Draft:
    """Read a prompt under the category that was asked for, or else its first.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.

    Raises:
        UnusableError: saying why the row cannot become a prompt.
    """
    listed = [each.strip().casefold() for each in row["categories"].split(",")]
    names = [CATEGORIES.get(each, each) for each in listed if each]
    if not names:
        raise UnusableError("has no category")
    if asked and asked not in names:
        raise UnusableError(f"is of other categories than {asked}")
    return Draft(first(row, ("prompt",)), first(row, SEEDS), asked or names[0], kind="explicit")
