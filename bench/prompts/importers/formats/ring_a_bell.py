"""Ring-A-Bell: prompts found by genetic search in text space (arXiv 2310.10012)."""

from __future__ import annotations

from bench.prompts.importers.drafts import Draft, Row, attacked
from bench.prompts.importers.formats import attack
from bench.prompts.importers.records import Table

HELP = (
    "Ring-A-Bell: sensitive prompt beside normal prompt, or found prompts in a column prompt, by "
    "--format; needs --concept"
)
COLUMNS = attack.COLUMNS
NEUTRAL = True


def recognises(table: Table) -> bool:
    """Return whether these are its pairs; found prompts alone have to be named."""
    return table.has(("sensitive_prompt",))


def draft(row: Row, asked: str) -> Draft:
    """Read a found prompt and the harmless one beside it; the attack's name is its tag.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return attacked(row, asked, "ring_a_bell")
