"""What a format makes of a row, before it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.types import Role

Row = Mapping[str, str]
"""Cells by what they mean, of `columns.NAMES`; what a file does not have is ""."""


class UnusableError(ValueError):
    """Why a row cannot become a prompt."""


LONGEST = 100_000
"""Characters of a cell; csv itself reads no more than 131,072."""


def check_texts(*cells: str) -> None:
    """Refuse texts that no prompt file could hold.

    Args:
        *cells: Of one row.

    Raises:
        UnusableError: saying why.
    """
    if max(map(len, cells)) > LONGEST:
        raise UnusableError(f"has more than {LONGEST:,} characters in one cell")
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        raise UnusableError("has half a character that no text can hold") from None


@dataclass(frozen=True)
class Draft:
    """Text, seed, concept, role and tag that a row asks for; "" where it says nothing."""

    text: str
    seed: str = ""
    concept: str = ""
    role: Role = "target"
    tag: str = ""
    twin: Draft | None = None
    """The plain prompt beside an adversarial one, to be drawn from the same noise."""


def attacked(row: Row, asked: str, attack: str) -> Draft:
    """Return a prompt that an attack has found, with the plain one beside it.

    The plain one is direct where it is what the attack starts from, or names the concept; one that
    is said to be harmless and does not name it shows everyday things.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.
        attack: The attack's name, for rows without a tag.
    """
    named = row["concept"].strip()
    concept = (named or asked).casefold()
    text = row["plain"] or row["benign"]
    direct = bool(row["plain"]) or (bool(concept) and concept in text.casefold())
    role: Role = "target" if direct else "general"
    twin = Draft(text, role=role, concept=named if direct else "") if text.strip() else None
    return Draft(row["prompt"], row["seed"], named, "adversarial", row["tag"] or attack, twin)
