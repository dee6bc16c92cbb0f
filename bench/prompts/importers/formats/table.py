"""Tables of nobody in particular, and those of ESD, UCE, MACE's artists and this project."""

from __future__ import annotations

from bench.prompts.importers import roles
from bench.prompts.importers.columns import PROMPTS
from bench.prompts.importers.drafts import Draft, Row
from bench.prompts.importers.records import Table

HELP = (
    "any table with a column prompt, text or caption, and maybe a seed, a concept (class, artist, "
    "...) and a role or type (erased, preserved, retain, 0, 1): ESD, UCE, MACE's artists, "
    "UnlearnDiffAtk; a text file with one prompt a line"
)


def recognises(table: Table) -> bool:
    """Return whether a column holds prompts."""
    return table.has(PROMPTS)


def draft(row: Row, asked: str) -> Draft:
    """Read text, and seed, concept, role and tag where the file has them.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.

    Raises:
        UnusableError: saying why the row cannot become a prompt.
    """
    role, tag = roles.read(row["role"])
    concept = row["concept"].strip()
    # What is kept and shows nothing by name is everyday.
    role = "general" if tag and not concept else role
    return Draft(row["prompt"], row["seed"], concept, role, row["tag"] or tag)
