"""Figures of the page as shapes in a drawing of fixed size, which a template writes as SVG; pure.

SVG written by a template needs no library in the page: it follows the page's colours in the dark
and on paper, its marks hide with the page's filters, and a reader of screens reads its titles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.results.report.figures import Panels, Profile, Scatter, Series
from bench.results.report.marks import Mark, apart, beside
from bench.results.stats.intervals import Interval

WIDTH, LEFT, RIGHT, TOP = 640, 64, 16, 12
BELOW = 44
"""Pixels for the axis and its words."""
ROW = 9
"""Pixels that a run takes in a category of a profile."""
MARK, INSET = 8.0, 10.0
"""Pixels of a mark, and between a scatter's frame and its outermost marks."""
SMALL = (300.0, 210.0, 40.0)
"""Width, height and left edge of one of several panels."""
UNIT = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Dot:
    """A run's mark, its intervals as lines (x1, y1, x2, y2), and what is said of it."""

    series: Series
    mark: Mark | None
    """None for the un-erased model."""
    x: float
    y: float
    lines: tuple[tuple[float, float, float, float], ...]
    words: str


@dataclass(frozen=True)
class Path:
    """A line through the marks of a run's label, as an SVG polyline's points."""

    series: Series
    mark: Mark | None
    points: str


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A figure ready to be drawn."""

    figure: Scatter | Profile
    height: float
    left: float
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    dots: tuple[Dot, ...]
    front: str = ""
    """The points of the line through the front."""
    lines: tuple[float, ...] = ()
    """Where lines part categories."""
    paths: tuple[Path, ...] = ()
    width: float = WIDTH
    top: float = TOP

    @property
    def right(self) -> float:
        """Where the frame ends."""
        return self.width - RIGHT

    @property
    def bottom(self) -> float:
        """Where the axis is."""
        return self.height - BELOW

    @property
    def description(self) -> str:
        """What it shows, in words."""
        return f"{self.figure.title}. " + "; ".join(dot.words for dot in self.dots[:40])


@dataclass(frozen=True)
class Panelled:
    """Several charts of one figure."""

    figure: Panels
    charts: tuple[Chart, ...]


def panelled(figure: Panels, known: Mapping[str, Mark]) -> Panelled:
    """Return where everything of a figure of several scatters is.

    Args:
        figure: What it shows.
        known: The mark of each method.
    """
    return Panelled(figure, tuple(_scatter(each, known, *SMALL) for each in figure.scatters))


def chart(figure: Scatter | Profile, known: Mapping[str, Mark]) -> Chart:
    """Return where everything of a figure is.

    Args:
        figure: What it shows.
        known: The mark of each method.
    """
    if isinstance(figure, Scatter):
        return _scatter(figure, known)
    return _profile(figure, known)


def _scatter(
    figure: Scatter,
    known: Mapping[str, Mark],
    width: float = WIDTH,
    height: float = 320.0,
    left: float = LEFT,
) -> Chart:
    across = _counts(figure) if figure.joined else _ticks([p.x for p in figure.points])
    up = _ticks([p.y for p in figure.points])
    inset = 3 * INSET if figure.joined else INSET

    def x(value: float) -> float:
        return _place(value, across, left + inset, width - RIGHT - inset)

    def y(value: float) -> float:
        return _place(value, up, height - BELOW - INSET, TOP + INSET)

    dots = []
    aside = beside((p.series.label for p in figure.points), MARK, 2 * inset)
    moved = (
        [(aside[p.series.label], 0.0) for p in figure.points]
        if figure.joined
        else apart([(x(p.x[0]), y(p.y[0])) for p in figure.points], MARK)
    )
    for p, (right, down) in zip(figure.points, moved, strict=True):
        at = _within(x(p.x[0]) + right, left, width - RIGHT)
        level = _within(y(p.y[0]) + down, TOP, height - BELOW)
        lines = [(x(a), level, x(b), level) for a, b in _limits(p.x)]
        lines += [(at, y(a), at, y(b)) for a, b in _limits(p.y)]
        words = f"{p.series.label}: {_words(p.x)} across, {_words(p.y)} up"
        dots.append(_dot(p.series, known, at, level, lines, words))
    best = sorted((x(p.x[0]), y(p.y[0])) for p in figure.points if p.front)
    return Chart(
        figure,
        height,
        left,
        tuple(Tick(x(value), f"{value:g}") for value in across),
        tuple(Tick(y(value), f"{value:g}") for value in up),
        tuple(dots),
        " ".join(f"{a:.1f},{b:.1f}" for a, b in best),
        tuple(y(value) for value in up),
        tuple(
            Path(
                series,
                _mark(series, known),
                " ".join(f"{x(a) + aside[series.label]:.1f},{y(b):.1f}" for a, b in means),
            )
            for series, means in figure.paths
        ),
        width,
    )


def _profile(figure: Profile, known: Mapping[str, Mark]) -> Chart:
    row = max(26.0, ROW * len(figure.lines) + 14)
    # Letters are larger on a phone than here.
    left = 24 + 7.4 * max(len(name) for name in figure.categories)
    left = min(max(LEFT, left), 230)
    height = TOP + BELOW + row * len(figure.categories)

    def x(value: float) -> float:
        return _place(value, UNIT, left, WIDTH - RIGHT)

    dots = []
    for number, (series, values) in enumerate(figure.lines):
        for place, value in enumerate(values):
            if value:
                shift = (number + 0.5) / len(figure.lines) * (row - 12)
                y = TOP + place * row + 6 + shift
                lines = [(x(a), y, x(b), y) for a, b in _limits(value)]
                words = f"{series.label}, {figure.categories[place]}: {_words(value)}"
                dots.append(_dot(series, known, x(value[0]), y, lines, words))
    between = tuple(TOP + place * row for place in range(1, len(figure.categories)))
    middles = (TOP + (place + 0.5) * row for place in range(len(figure.categories)))
    return Chart(
        figure,
        height,
        left,
        tuple(Tick(x(value), f"{value:g}") for value in UNIT),
        tuple(Tick(at, name) for at, name in zip(middles, figure.categories, strict=True)),
        tuple(dots),
        lines=between,
    )


def _dot(
    series: Series,
    known: Mapping[str, Mark],
    x: float,
    y: float,
    lines: Sequence[tuple[float, float, float, float]],
    words: str,
) -> Dot:
    flagged = ", collapsed" * series.flagged
    return Dot(series, _mark(series, known), x, y, tuple(lines), words + flagged)


def _mark(series: Series, known: Mapping[str, Mark]) -> Mark | None:
    return None if series.reference else known[series.method]


def _words(interval: Interval) -> str:
    value, low, high = interval
    return f"{value:.3g}" + "".join(f" [{a:.3g}, {b:.3g}]" for a, b in _limits((value, low, high)))


def _limits(interval: Interval) -> list[tuple[float, float]]:
    _, low, high = interval
    return [] if math.isnan(low + high) else [(low, high)]


def _place(value: float, ticks: Sequence[float], start: float, end: float) -> float:
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return start + (end - start) * _within(share, 0.0, 1.0)


def _counts(figure: Scatter) -> Sequence[float]:
    """Return the counts across, few enough to be read, with the first and last."""
    found = sorted({point.x[0] for point in figure.points})
    return (
        found
        if len(found) <= len(UNIT) + 1
        else [found[0], *found[1 : -1 : len(found) // 4], found[-1]]
    )


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _ticks(values: Sequence[Interval]) -> Sequence[float]:
    """Return round numbers around some values; for shares, from 0 to 1."""
    every = [number for value in values for number in value if not math.isnan(number)]
    least, most = min(every), max(every)
    if least >= 0 and most <= 1:
        return UNIT
    least = min(least, 0.0)
    span = (most - least) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 2))
    step *= next(times for times in (1, 2, 5, 10) if span / (step * times) <= 5)
    first, last = math.floor(least / step), math.ceil(most / step)
    return [step * number for number in range(first, max(last, first + 1) + 1)]
