"""MACE's artists: type 0 is erased, 1 is kept; the erased ones are erased together."""

from __future__ import annotations

from collections.abc import Collection

from bench.prompts.importers.drafts import SEEDS, Draft, Row, UnusableError, first

HELP = "MACE's artists: type (0 erased, 1 kept), artist, prompt, evaluation_seed"
TOGETHER = True


def recognises(columns: Collection[str]) -> bool:
    """Return whether these are its columns."""
    return {"type", "artist", "prompt"} <= set(columns)


def draft(row: Row, asked: str) -> Draft:
    """Read a prompt and whether its artist is erased.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.

    Raises:
        UnusableError: saying why the row cannot become a prompt.
    """
    kept = {"0": False, "1": True}.get(row["type"].strip())
    if kept is None:
        raise UnusableError("has a type other than 0 (erased) and 1 (kept)")
    return Draft(
        first(row, ("prompt",)),
        first(row, SEEDS),
        row["artist"].strip(),
        "far" if kept else "target",
        kind="style",
    )
