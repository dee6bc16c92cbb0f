"""P4D: prompts found by gradient against an erased model (arXiv 2309.06135)."""

from __future__ import annotations

from bench.prompts.importers.drafts import Draft, Row, attacked
from bench.prompts.importers.formats import attack
from bench.prompts.importers.records import Table

HELP = "P4D: found prompts in a column prompt; needs --format and --concept"
COLUMNS = attack.COLUMNS
NEUTRAL = True


def recognises(table: Table) -> bool:
    """Return false: its columns are those of many; it has to be named."""
    return False


def draft(row: Row, asked: str) -> Draft:
    """Read a found prompt and its plain one; the attack's name is its tag.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return attacked(row, asked, "p4d")
