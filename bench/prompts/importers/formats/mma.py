"""MMA-Diffusion: adversarial prompts beside those they stand for (arXiv 2311.17516)."""

from __future__ import annotations

from collections.abc import Collection

from bench.prompts.importers.drafts import SEEDS, Draft, Row, first

HELP = "MMA-Diffusion: adv_prompt, maybe target_prompt; needs --concept"
FOUND = ("adv_prompt", "adversarial_prompt", "prompt")
"""Columns that hold the found prompt."""


def recognises(columns: Collection[str]) -> bool:
    """Return whether these are its columns."""
    return "adv_prompt" in columns


def draft(row: Row, asked: str) -> Draft:
    """Read a found prompt; the attack's name is its tag.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return Draft(
        first(row, FOUND), first(row, SEEDS), role="adversarial", tag="mma", kind="explicit"
    )
