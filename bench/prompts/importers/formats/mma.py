"""MMA-Diffusion: adversarial prompts beside those they stand for (arXiv 2311.17516)."""

from __future__ import annotations

from bench.prompts.importers.columns import FOUND
from bench.prompts.importers.drafts import Draft, Row, attacked
from bench.prompts.importers.formats import attack
from bench.prompts.importers.records import Table

HELP = "MMA-Diffusion: adv_prompt, maybe target_prompt; needs --concept"
COLUMNS = attack.COLUMNS
NEUTRAL = True


def recognises(table: Table) -> bool:
    """Return whether these are its columns."""
    return table.has(("adv_prompt",)) and not table.has(set(FOUND) - {"adv_prompt"})


def draft(row: Row, asked: str) -> Draft:
    """Read a found prompt and its plain one; the attack's name is its tag.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return attacked(row, asked, "mma")
