"""The interference matrix as cells of a drawing, which a template writes as SVG; pure."""

from __future__ import annotations

from dataclasses import dataclass

from bench.results.report.figures import Matrix, Row, Series
from bench.results.report.marks import DARK

WIDTH, RIGHT, TOP = 640.0, 16.0, 22.0
LONGEST = 18
"""Letters of an asked concept's name that are shown."""
HEIGHT = 20.0
"""Pixels of a row."""
WIDEST = 56.0
"""Pixels of a cell at most."""
READABLE = 26.0
"""Pixels of a cell below which its number is in its title alone."""


@dataclass(frozen=True)
class Cell:
    """A share: where it is, how dark, and what is said of it."""

    x: float
    y: float
    share: float
    erased: bool
    """Whether the asked concept is an erased one, so that the share should be low."""
    text: str
    """The number, "" where there is no room for it."""
    words: str

    @property
    def dark(self) -> bool:
        """Whether its number must be white."""
        return self.share >= DARK


@dataclass(frozen=True)
class Line:
    """A row of cells: a run and what it erased."""

    series: Series
    name: str
    middle: float
    cells: tuple[Cell, ...]
    starts: bool
    """Whether another run stands above."""


@dataclass(frozen=True)
class Heat:
    """A matrix ready to be drawn."""

    figure: Matrix
    left: float
    cell: float
    """Pixels that a cell is wide."""
    lines: tuple[Line, ...]
    names: tuple[tuple[float, str], ...]
    """Where each asked concept stands, and its name."""
    row: float = HEIGHT
    width: float = WIDTH
    top: float = TOP

    @property
    def bottom(self) -> float:
        """Where the names of asked concepts begin."""
        return self.top + self.row * len(self.lines)

    @property
    def height(self) -> float:
        """Of the whole drawing."""
        return self.bottom + 24 + 4.4 * min(max(map(len, self.figure.asked)), LONGEST)

    @property
    def description(self) -> str:
        """What it shows, in words."""
        some = [cell.words for line in self.lines for cell in line.cells if cell.erased]
        return f"{self.figure.title}. Of erased concepts: " + "; ".join(some[:40])


def heat(figure: Matrix) -> Heat:
    """Return where everything of a matrix is.

    Args:
        figure: What it shows.
    """
    left = min(24 + 6.2 * max(map(len, figure.names)), 220.0)
    wide = min((WIDTH - left - RIGHT) / len(figure.asked), WIDEST)
    lines = []
    for place, (row, name) in enumerate(zip(figure.rows, figure.names, strict=True)):
        y = TOP + place * HEIGHT
        above = figure.rows[place - 1].series if place else row.series
        cells = _cells(figure, row, left, wide, y)
        lines.append(Line(row.series, name, y + HEIGHT / 2, cells, above != row.series))
    names = tuple((left + (n + 0.5) * wide, name) for n, name in enumerate(figure.asked))
    return Heat(figure, left, wide, tuple(lines), names)


def _cells(figure: Matrix, row: Row, left: float, wide: float, y: float) -> tuple[Cell, ...]:
    found = []
    for number, (asked, value, n) in enumerate(
        zip(figure.asked, row.values, row.counts, strict=True)
    ):
        if value:
            share, low, high = value
            words = f"{row.series.label}, {row.erased} erased, {asked} asked for: "
            words += f"{share:.2f} [{low:.2f}, {high:.2f}] of {n} images"
            text = f"{share:.2f}" if wide >= READABLE else ""
            erased = asked in row.concepts and not row.series.reference
            found.append(Cell(left + number * wide, y, share, erased, text, words))
    return tuple(found)
