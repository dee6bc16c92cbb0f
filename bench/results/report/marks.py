"""One colour and one shape a method, told apart by colour-blind readers too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#b8860b", "#7a52a5")
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), its yellow darkened to be read on white and
its black, which is the un-erased model's, replaced by violet."""
SHAPES = ("circle", "square", "triangle", "diamond", "down", "plus")
DARK = 0.55
"""Share from which a cell of a matrix is so dark that its number is white."""
TURN = math.pi * (3 - math.sqrt(5))
"""Golden angle: seeds of a sunflower, each so far on from the last, are nowhere crowded
(doi:10.1016/0025-5564(79)90080-4)."""
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


Place = tuple[float, float]


def apart(places: Sequence[Place], size: float) -> list[Place]:
    """Return how far to move each mark, so that none hides another that lies upon it.

    Marks alone at their place stay there, others stand around it as seeds in a sunflower.

    Args:
        places: Of the marks, in the unit of a drawing.
        size: Of a mark, in the same unit.
    """
    crowds: dict[Place, list[int]] = {}
    for number, (x, y) in enumerate(places):
        near = (at for at in crowds if max(abs(at[0] - x), abs(at[1] - y)) < size / 2)
        crowds.setdefault(next(near, (x, y)), []).append(number)
    moved = [(0.0, 0.0)] * len(places)
    for crowd in crowds.values():
        for seed, number in enumerate(crowd if len(crowd) > 1 else ()):
            far = 0.65 * size * math.sqrt(seed + 0.5)
            moved[number] = far * math.cos(TURN * seed), far * math.sin(TURN * seed)
    return moved


def beside(labels: Iterable[str], size: float, room: float) -> dict[str, float]:
    """Return how far to move the marks of each label across, so that all stand side by side.

    Args:
        labels: One may come again.
        size: Of a mark, in the unit of a drawing.
        room: For all together, in the same unit.
    """
    names = list(dict.fromkeys(labels))
    step = min(size, room / max(1, len(names)))
    return {name: step * (place - (len(names) - 1) / 2) for place, name in enumerate(names)}
