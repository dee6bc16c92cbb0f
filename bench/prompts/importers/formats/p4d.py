"""P4D: prompts found by gradient against an erased model (arXiv 2309.06135)."""

from __future__ import annotations

from collections.abc import Collection

from bench.prompts.importers.drafts import SEEDS, Draft, Row, first

HELP = "P4D: found prompts in a column prompt; needs --format and --concept"
FOUND = ("adv_prompt", "adversarial_prompt", "optimized_prompt", "prompt", "text")
"""Columns that hold the found prompt."""


def recognises(columns: Collection[str]) -> bool:
    """Return false: its columns are those of many; it has to be named."""
    return False


def draft(row: Row, asked: str) -> Draft:
    """Read a found prompt; the attack's name is its tag.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return Draft(
        first(row, FOUND), first(row, SEEDS), role="adversarial", tag="p4d", kind="explicit"
    )
