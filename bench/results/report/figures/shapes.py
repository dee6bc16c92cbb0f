"""The kinds of figures there are, before anything decides how they are drawn; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.results.stats.intervals import Interval


@dataclass(frozen=True)
class Series:
    """A run in a figure: what it is called, and how it is marked."""

    label: str
    method: str
    run_id: str
    flagged: bool
    """Whether it is flagged, and so drawn in grey and never on a front."""
    reference: bool
    """Whether it is the un-erased model, which is shown but not compared."""


@dataclass(frozen=True)
class Point:
    """A run in a scatter: a value with its interval both ways."""

    series: Series
    x: Interval
    y: Interval
    front: bool = False
    """Whether no other run is at least as good both ways and better in one."""


@dataclass(frozen=True)
class Scatter:
    """Runs by two scores."""

    title: str
    x: str
    y: str
    points: tuple[Point, ...]
    joined: bool = False
    """Whether a line joins the points of one label."""

    @property
    def paths(self) -> list[tuple[Series, list[tuple[float, float]]]]:
        """What a line joins, label by label: at each x the mean of its points; at least two."""
        found: dict[str, dict[float, list[float]]] = {}
        series = {point.series.label: point.series for point in reversed(self.points)}
        for point in self.points if self.joined else ():
            found.setdefault(point.series.label, {}).setdefault(point.x[0], []).append(point.y[0])
        return [
            (series[label], [(x, sum(ys) / len(ys)) for x, ys in sorted(places.items())])
            for label, places in found.items()
            if len(places) > 1
        ]


@dataclass(frozen=True)
class Panels:
    """Scatters of several scores, side by side, that share what goes across."""

    title: str
    scatters: tuple[Scatter, ...]


@dataclass(frozen=True)
class Profile:
    """Runs by several scores on one axis from 0 to 1, None where one was not measured."""

    title: str
    axis: str
    categories: tuple[str, ...]
    lines: tuple[tuple[Series, tuple[Interval | None, ...]], ...]


@dataclass(frozen=True)
class Row:
    """A run and what it erased, with a share for each concept that was asked for."""

    series: Series
    erased: str
    """The case."""
    concepts: tuple[str, ...]
    """What the case erases."""
    values: tuple[Interval | None, ...]
    counts: tuple[int, ...]
    """Images behind each."""


@dataclass(frozen=True)
class Matrix:
    """Erased by asked concepts: shares from 0 to 1, None where nothing was asked."""

    title: str
    asked: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def names(self) -> list[str]:
        """What each row is called: the run, and the case where there are several."""
        several = len({row.erased for row in self.rows}) > 1
        return [
            f"{row.series.label} · {row.erased}" if several else row.series.label
            for row in self.rows
        ]


Figure = Scatter | Panels | Profile | Matrix


def front(values: Sequence[tuple[float, float]]) -> list[bool]:
    """Return which pairs no other is at least as good as in both and better in one.

    Args:
        values: Pairs, of which more is better.
    """

    def beaten(one: tuple[float, float]) -> bool:
        return any(o != one and o[0] >= one[0] and o[1] >= one[1] for o in values)

    return [not beaten(value) for value in values]
