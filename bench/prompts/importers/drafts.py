"""What a format makes of a row, before it is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.types import Kind, Role

TEXTS = ("prompt", "text", "caption", "adv_prompt", "adversarial_prompt", "optimized_prompt")
"""Names that columns of prompts go by, the surest first."""
SEEDS = ("evaluation_seed", "seed", "sd_seed")
"""Names that columns of seeds go by."""
Row = Mapping[str, str]


class UnusableError(ValueError):
    """Why a row cannot become a prompt."""


@dataclass(frozen=True)
class Draft:
    """Text, seed, concept, role and tag that a row asks for; "" where it says nothing."""

    text: str
    seed: str = ""
    concept: str = ""
    role: Role = "target"
    tag: str = ""
    kind: Kind = "object"
    """Of the concept, should it be a new one."""


def first(row: Row, names: Iterable[str]) -> str:
    """Return the value of the first of these columns that the row has.

    Args:
        row: Cells by column.
        names: Columns, the preferred first.

    Returns:
        The cell; "" where the row has none of them.
    """
    return next((row[name] for name in names if name in row), "")


def has(columns: Iterable[str], *groups: Iterable[str]) -> bool:
    """Return whether each group has a column that is there.

    Args:
        columns: The columns of a file.
        *groups: Names that mean the same, of which one is enough.
    """
    there = set(columns)
    return all(there.intersection(group) for group in groups)
