"""Figures of runs by two scores; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bench.results.report.figures.reading import (
    axis,
    less,
    rate,
    score,
    seconds,
    series,
)
from bench.results.report.figures.shapes import Point, Scatter, front
from bench.results.report.groups import Column, Group
from bench.results.stats.intervals import Interval
from bench.results.store import Finished
from bench.types import KEPT, ORIGINAL

Across = Callable[[Finished], Interval | None]
EFFICACY = "efficacy: target images without the concept"


def tradeoff(group: Group) -> Scatter | None:
    """Return specificity against efficacy, with the Pareto front.

    Without axes, the share of near and far images that keep their concept stands for specificity.

    Args:
        group: Runs of one protocol.
    """
    words = "specificity: near and far images that stay"
    erased, kept = axis(group, "efficacy"), axis(group, "specificity")
    if erased and kept:
        return _tradeoff(group, lambda run: score(group, run, erased), kept, words)
    target, kept = rate(group, "target"), rate(group, KEPT)
    if not target or not kept:
        return None
    return _tradeoff(group, lambda run: less(score(group, run, target)), kept, words)


def intactness(group: Group) -> Scatter | None:
    """Return intactness against efficacy, with the Pareto front.

    Args:
        group: Runs of one protocol.
    """
    erased, kept = axis(group, "efficacy"), axis(group, "intactness")
    if not erased or not kept:
        return None
    words = "intactness: other images that lose nothing"
    return _tradeoff(group, lambda run: score(group, run, erased), kept, words)


def _tradeoff(group: Group, across: Across, kept: Column, words: str) -> Scatter | None:
    title = f"{words.partition(':')[0].capitalize()} against efficacy; the upper right is best"
    points = _points(group, group.runs, across, kept)
    return _scatter(title, (EFFICACY, words), points, lambda point: (point.x[0], point.y[0]))


def cost(group: Group) -> Scatter | None:
    """Return the headline, or else what is kept, against the seconds that an erasure takes.

    Args:
        group: Runs of one protocol.
    """
    column = next(iter(group.headlines()), None) or rate(group, KEPT)
    if not column:
        return None
    runs = (run for run in group.runs if run.record.spec.method != ORIGINAL)
    points = _points(group, runs, seconds, column)
    sign = -1 if column.better == "lower" else 1
    return _scatter(
        f"What an erasure costs ({column.title}); the upper left is best",
        ("seconds to erase a case", column.title),
        points,
        lambda point: (-point.x[0], sign * point.y[0]),
    )


def _points(group: Group, runs: Iterable[Finished], across: Across, column: Column) -> list[Point]:
    found = []
    for run in runs:
        x, y = across(run), score(group, run, column)
        if x and y:
            found.append(Point(series(group, run), x, y))
    return found


def _scatter(
    title: str,
    words: tuple[str, str],
    points: Sequence[Point],
    goodness: Callable[[Point], tuple[float, float]],
) -> Scatter | None:
    if not points:
        return None
    compared = [p for p in points if not (p.series.flagged or p.series.reference)]
    best = front([goodness(point) for point in compared])
    chosen = {point.series.run_id for point, good in zip(compared, best, strict=True) if good}
    marked = tuple(replace(p, front=p.series.run_id in chosen) for p in points)
    return Scatter(title, *words, marked)
