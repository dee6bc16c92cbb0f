"""Files of nobody in particular, and those of this project."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from bench.names import find
from bench.prompts.importers.drafts import SEEDS, TEXTS, Draft, Row, UnusableError, first, has
from bench.types import ROLES, InputError, Role

HELP = "any table with a column prompt, text or caption, and a text file with one prompt a line"


def recognises(columns: Collection[str]) -> bool:
    """Return whether a column holds prompts."""
    return has(columns, TEXTS[:3])


def draft(row: Row, asked: str) -> Draft:
    """Read text, and seed, concept, role and tag where the file has them.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.

    Raises:
        UnusableError: saying why the row cannot become a prompt.
    """
    role = row.get("role", "").strip() or "target"
    try:
        find("role", role, ROLES)
    except InputError as error:
        raise UnusableError(str(error)) from None
    concept = row.get("concept", "").strip()
    return Draft(
        first(row, TEXTS), first(row, SEEDS), concept, cast(Role, role), row.get("tag", "")
    )
