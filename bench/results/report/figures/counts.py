"""Figures of runs by how many concepts one erasure removes; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bench.results.report.figures.reading import Erased, cases, rate, score, seconds, series
from bench.results.report.figures.shapes import Panels, Point, Scatter
from bench.results.report.groups import Column, Group
from bench.results.stats.intervals import Interval
from bench.results.store import Finished
from bench.types import ALL, ORIGINAL

ACROSS = "concepts erased together"
Counted = tuple[Finished, int, str]
"""A run, how many concepts it erases together, and of which case."""
Up = Callable[[Finished, str], Interval | None]
"""A run's value on a case."""


def concepts(group: Group) -> Panels | None:
    """Return headline, axes and seconds by how many concepts one erasure removes.

    Without a headline, the share of targets stands for it.

    Args:
        group: Runs whose protocols differ in their cases alone.

    Returns:
        None where all runs erase equally many.
    """
    shares = [column for column in group.headlines() if column.unit == "harmonic mean"]
    first = shares[:1] or [each for each in [rate(group, "target")] if each]
    read = [(run, _counted(erased)) for run, erased in cases(group)]
    counted = [(run, count, case) for run, found in read for count, case in found]
    if len({count for _, count, _ in counted}) < 2:
        return None
    scatters = [
        _scatter(group, column.title, counted, _scored(group, column))
        for column in dict.fromkeys([*first, *group.axes()])
    ]
    # A run's seconds are those of all its cases.
    timed = [
        (run, *found[0])
        for run, found in read
        if len(found) == 1 and run.record.spec.method != ORIGINAL
    ]
    scatters.append(
        _scatter(group, "seconds to erase a case ↓", timed, lambda run, _: seconds(run))
    )
    shown = tuple(each for each in scatters if len({point.x[0] for point in each.points}) > 1)
    return Panels("Scores by the number of concepts erased together", shown) if shown else None


def _scored(group: Group, column: Column) -> Up:
    return lambda run, case: score(group, run, column, case)


def _scatter(group: Group, words: str, counted: Sequence[Counted], up: Up) -> Scatter:
    points = [
        Point(series(group, run), (float(count), math.nan, math.nan), value)
        for run, count, case in counted
        if (value := up(run, case))
    ]
    return Scatter(words, ACROSS, words, tuple(points), joined=True)


def _counted(erased: Erased) -> list[tuple[int, str]]:
    """Return how many concepts a run's cases erase each, all cases as one where they agree."""
    found = [(len(concepts), case) for case, concepts in erased.items()]
    return [(found[0][0], ALL)] if len({n for n, _ in found}) == 1 < len(found) else found
