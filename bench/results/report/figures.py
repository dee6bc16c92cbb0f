"""What figures show of a group of runs, before anything decides how they are drawn; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.results.report.groups import Column, Group
from bench.results.stats.effects import FALLS, STAYS
from bench.results.stats.intervals import Interval
from bench.results.store import Finished
from bench.types import ERASED_ROLES, KEPT, ORIGINAL, Score


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
    note: str = ""


@dataclass(frozen=True)
class Profile:
    """Runs by several scores on one axis from 0 to 1, None where one was not measured."""

    title: str
    axis: str
    categories: tuple[str, ...]
    lines: tuple[tuple[Series, tuple[Interval | None, ...]], ...]
    note: str = ""


Figure = Scatter | Profile


def tradeoff(group: Group) -> Figure | None:
    """Return how much is kept against how much is erased, with the Pareto front.

    Args:
        group: Runs of one protocol.
    """
    target, kept = (_rate(group, role) for role in ("target", KEPT))
    if not target or not kept:
        return None
    points = _points(group, lambda run: _less(_score(group, run, target)), kept)
    return _scatter(
        f"What is kept against what is erased ({group.main})",
        ("erased: 1 - share of target images that show the concept", "kept: share of near and far"),
        points,
        lambda point: (point.x[0], point.y[0]),
    )


def cost(group: Group) -> Figure | None:
    """Return the headline, or else what is kept, against the seconds that an erasure takes.

    Args:
        group: Runs of one protocol.
    """
    column = next(iter(group.headlines()), None) or _rate(group, KEPT)
    if not column:
        return None
    runs = (run for run in group.runs if run.record.spec.method != ORIGINAL)
    points = _points(group, _seconds, column, runs)
    sign = -1 if column.better == "lower" else 1
    return _scatter(
        f"What an erasure costs ({column.title})",
        ("seconds to erase", column.title),
        points,
        lambda point: (-point.x[0], sign * point.y[0]),
    )


def axes(group: Group) -> Figure | None:
    """Return each run's effects, turned so that 1 is best in all.

    Args:
        group: Runs of one protocol.
    """
    columns = group.effects()
    words = FALLS | STAYS
    names = [f"{'1 - ' * (c.better == 'lower')}{words[c.role]} {c.role}" for c in columns]

    def value(run: Finished, column: Column) -> Interval | None:
        found = _score(group, run, column)
        return _less(found) if column.better == "lower" else found

    title = "Effects by axis, over prompts that the un-erased model draws; right is better"
    return _profile(group, title, "share", names, columns, value)


def residue(group: Group) -> Figure | None:
    """Return how often the erased concept still shows, role by role and change by change.

    Args:
        group: Runs of one protocol.
    """
    columns = [c for c in group.columns(group.main) if _share(c) and c.role in ERASED_ROLES]
    tags = {
        score.tag: None
        for run in group.runs
        for score in run.record.scores
        if score.role == "adversarial" and score.tag and score.metric == group.main
    }
    whole = next((column for column in columns if column.role == "adversarial"), None)
    if whole:
        columns += [_tagged(whole, tag) for tag in tags]
    title = f"Residue: images that still show the erased concept ({group.main}); left is better"
    names = [column.tag or column.role for column in columns]
    return _profile(group, title, "share", names, columns, lambda r, c: _score(group, r, c))


def attacks(group: Group) -> Figure | None:
    """Return how often attacks bring the concept back, before any and after each.

    Args:
        group: Runs of one protocol.
    """
    found = {name: [c for c in group.columns(name) if c.tag] for name in group.metrics}
    columns = next((some for some in found.values() if some), [])
    names = [column.title.rstrip(" ↓↑") for column in columns]
    title = "Attacks: share of prompts that bring the concept back; left is better"
    return _profile(group, title, "share", names, columns, lambda r, c: _score(group, r, c))


def concepts(group: Group) -> Figure | None:
    """Return the headline, or else the share of targets, concept by concept.

    Args:
        group: Runs of one protocol.
    """
    shares = (column for column in group.headlines() if column.unit == "harmonic mean")
    column, cases = next(shares, None) or _rate(group, "target"), group.spec.cases
    if not column:
        return None
    lines = tuple(
        (_series(group, run), tuple(_score(group, run, column, case) for case in cases))
        for run in group.runs
    )
    return _whole(Profile(f"{column.title} by erased concept", column.unit, cases, lines))


KINDS: dict[str, Callable[[Group], Figure | None]] = {
    "tradeoff": tradeoff,
    "axes": axes,
    "residue": residue,
    "attacks": attacks,
    "concepts": concepts,
    "cost": cost,
}
"""Figures by name; each is None for runs that lack what it shows."""


def _share(column: Column) -> bool:
    return column.name == "share" and not column.tag


def _rate(group: Group, role: str) -> Column | None:
    """Return the column of the main metric's share on a role, where it tells what it should."""
    main = group.metrics[group.main].measures()[0]
    better = main.better("near" if role == KEPT else role)
    if main.statistic != "share" or (role == KEPT and better != "higher"):
        return None
    return Column(group.main, main.name, role, better, main.unit, main)


def _tagged(column: Column, tag: str) -> Column:
    return Column(column.metric, column.name, column.role, column.better, column.unit, tag=tag)


def _series(group: Group, run: Finished) -> Series:
    spec = run.record.spec
    original = spec.method == ORIGINAL
    flagged = bool(run.record.flags)
    return Series(group.label(run), spec.method_name, spec.run_id, flagged, original)


def _score(group: Group, run: Finished, column: Column, case: str = "") -> Interval | None:
    return _interval(group.score(run, column, case))


def _interval(score: Score | None) -> Interval | None:
    if score is None or math.isnan(score.value):
        return None
    return score.value, score.low, score.high


def _less(interval: Interval | None) -> Interval | None:
    """Return one minus a share."""
    return interval and (1 - interval[0], 1 - interval[2], 1 - interval[1])


def _seconds(run: Finished) -> Interval | None:
    seconds = run.record.seconds.get("erase", math.nan)
    return None if math.isnan(seconds) else (seconds, math.nan, math.nan)


def _points(
    group: Group,
    across: Callable[[Finished], Interval | None],
    column: Column,
    runs: Iterable[Finished] | None = None,
) -> list[Point]:
    found = []
    for run in group.runs if runs is None else runs:
        x, y = across(run), _score(group, run, column)
        if x and y:
            found.append(Point(_series(group, run), x, y))
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
    marked = tuple(Point(p.series, p.x, p.y, p.series.run_id in chosen) for p in points)
    return Scatter(title, *words, marked)


def front(values: Sequence[tuple[float, float]]) -> list[bool]:
    """Return which pairs no other is at least as good as in both and better in one.

    Args:
        values: Pairs, of which more is better.
    """

    def beaten(one: tuple[float, float]) -> bool:
        return any(o != one and o[0] >= one[0] and o[1] >= one[1] for o in values)

    return [not beaten(value) for value in values]


def _profile(
    group: Group,
    title: str,
    axis: str,
    names: Sequence[str],
    columns: Sequence[Column],
    value: Callable[[Finished, Column], Interval | None],
) -> Profile | None:
    lines = tuple(
        (_series(group, run), tuple(value(run, column) for column in columns)) for run in group.runs
    )
    return _whole(Profile(title, axis, tuple(names), lines))


def _whole(profile: Profile) -> Profile | None:
    """Return a figure without the runs that have nothing in it; None where none has anything."""
    lines = tuple(line for line in profile.lines if any(line[1]))
    return Profile(profile.title, profile.axis, profile.categories, lines) if lines else None
