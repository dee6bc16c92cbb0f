"""UnlearnDiffAtk: prompts for one concept that the file does not name, with seed and guidance."""

from __future__ import annotations

from collections.abc import Collection

from bench.prompts.importers.drafts import Draft, Row, first
from bench.prompts.importers.formats.esd import LABELS, OTHERS

HELP = "UnlearnDiffAtk: case_number, prompt, evaluation_seed, evaluation_guidance; needs --concept"


def recognises(columns: Collection[str]) -> bool:
    """Return whether these are its columns."""
    there = set(columns)
    own = {"case_number", "prompt", "evaluation_seed", "evaluation_guidance"}
    return own <= there and not there & (OTHERS | set(LABELS))


def draft(row: Row, asked: str) -> Draft:
    """Read a prompt; it is the start of an attack, hence direct.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return Draft(first(row, ("prompt",)), first(row, ("evaluation_seed",)))
