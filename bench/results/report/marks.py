"""One colour and one shape a method, told apart by colour-blind readers too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#b8860b", "#7a52a5")
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), its yellow darkened to be read on white and
its black, which is the un-erased model's, replaced by violet."""
SHAPES = ("circle", "square", "triangle", "diamond", "down", "plus")
DARK = 0.55
"""Share from which a cell of a matrix is so dark that its number is white."""
GREY = "#8c959f"
"""Of runs that are flagged."""


@dataclass(frozen=True)
class Mark:
    """How a method is drawn."""

    colour: str
    shape: str


def marks(methods: Iterable[str]) -> dict[str, Mark]:
    """Return a mark for each method, whatever it is beside: of many, no two are the same.

    Args:
        methods: Names, in the order in which marks are given; one may come again.
    """
    names: Sequence[str] = list(dict.fromkeys(methods))
    return {
        name: Mark(COLOURS[number % len(COLOURS)], SHAPES[_shape(number) % len(SHAPES)])
        for number, name in enumerate(names)
    }


def _shape(number: int) -> int:
    """Return a shape that changes with the colour, and by one more at each turn of the colours."""
    return number + number // (len(COLOURS) * len(SHAPES))
