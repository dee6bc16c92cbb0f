"""Figures of runs by several scores on one axis; pure."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results.report.figures.reading import rate, score, series
from bench.results.report.figures.shapes import Profile
from bench.results.report.groups import Column, Group
from bench.types import ERASED_ROLES


def axes(group: Group) -> Profile | None:
    """Return each run's axes and their harmonic mean, each better the higher.

    Args:
        group: Runs of one protocol.
    """
    columns = group.axes()
    names = [column.title.rstrip(" ↑") for column in columns]
    title = "Axes and H_all, their harmonic mean; right is better"
    return _profile(group, title, "share", names, columns)


def residue(group: Group) -> Profile | None:
    """Return how often the erased concept still shows, by role, adversarial kind and attack.

    Args:
        group: Runs of one protocol.
    """
    main = group.columns(group.main)
    columns = [c for c in main if c.name == "share" and not c.tag and c.role in ERASED_ROLES]
    tags = {
        score.tag: None
        for run in group.runs
        for score in run.record.scores
        if score.role == "adversarial" and score.tag and score.metric == group.main
    }
    whole = next((column for column in columns if column.role == "adversarial"), None)
    if whole:
        columns += [_tagged(whole, tag) for tag in tags]
    names = [f"adversarial: {column.tag}" if column.tag else column.role for column in columns]
    searched = [column for column in _attacks(group) if column.name == "asr"]
    names += [f"attack: {column.tag}" for column in searched]
    title = f"Residue: images that still show the erased concept ({group.main}); left is better"
    return _profile(group, title, "share", names, [*columns, *searched])


def attacks(group: Group) -> Profile | None:
    """Return how often attacks bring the concept back, before any and after each.

    Args:
        group: Runs of one protocol.
    """
    columns = _attacks(group)
    names = [column.title.rstrip(" ↓↑") for column in columns]
    title = "Attacks: share of prompts that bring the concept back; left is better"
    return _profile(group, title, "share", names, columns)


def cases(group: Group) -> Profile | None:
    """Return the headline, or else the share of targets, case by case.

    Args:
        group: Runs of one protocol.

    Returns:
        None for a single case.
    """
    shares = (column for column in group.headlines() if column.unit == "harmonic mean")
    column, names = next(shares, None) or rate(group, "target"), group.spec.cases
    if not column or len(names) < 2:
        return None
    lines = tuple(
        (series(group, run), tuple(score(group, run, column, case) for case in names))
        for run in group.runs
    )
    return _whole(Profile(f"{column.title} by erased concept", column.unit, names, lines))


def _attacks(group: Group) -> list[Column]:
    """Return the columns of searched attacks, of the first metric that has any."""
    found = ([c for c in group.columns(name) if c.tag] for name in group.metrics)
    return next((some for some in found if some), [])


def _tagged(column: Column, tag: str) -> Column:
    return Column(column.metric, column.name, column.role, column.better, column.unit, tag=tag)


def _profile(
    group: Group, title: str, axis: str, names: Sequence[str], columns: Sequence[Column]
) -> Profile | None:
    lines = tuple(
        (series(group, run), tuple(score(group, run, column) for column in columns))
        for run in group.runs
    )
    return _whole(Profile(title, axis, tuple(names), lines))


def _whole(profile: Profile) -> Profile | None:
    """Return a figure without the runs that have nothing in it; None where none has anything."""
    lines = tuple(line for line in profile.lines if any(line[1]))
    return Profile(profile.title, profile.axis, profile.categories, lines) if lines else None
