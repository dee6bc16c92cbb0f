"""What figures read of the runs of a group: scores as intervals, runs as series; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.prompts import joint
from bench.results.report.figures.shapes import Series
from bench.results.report.groups import Column, Group
from bench.results.stats import axes
from bench.results.stats.intervals import Interval
from bench.results.store import Finished
from bench.types import KEPT, ORIGINAL, InputError


def series(group: Group, run: Finished) -> Series:
    """Return how a run is called and marked.

    Args:
        group: The runs beside which it stands.
        run: One of them.
    """
    spec = run.record.spec
    flagged = bool(run.record.flags)
    original = spec.method == ORIGINAL
    return Series(group.label(run), spec.method_name, spec.run_id, flagged, original)


def score(group: Group, run: Finished, column: Column, case: str = "") -> Interval | None:
    """Return a run's score for a column, None where it was not measured.

    Args:
        group: The runs beside which it stands.
        run: One of them.
        column: Which score.
        case: Of which case; "" for the compared one.
    """
    found = group.score(run, column, case)
    return (
        None if found is None or math.isnan(found.value) else (found.value, found.low, found.high)
    )


Erased = dict[str, tuple[str, ...]]
"""What each case erases."""


def cases(group: Group) -> Iterator[tuple[Finished, Erased]]:
    """Yield each run with what its cases erase, by the suite of which runs keep a copy.

    A suite's version ends in a hash of its content, so that of runs that share one, one is read.

    Args:
        group: The runs; where their suite cannot be read, cases are taken by their names.
    """
    known: dict[tuple[object, ...], Erased] = {}
    for run in group.runs:
        spec = run.record.spec
        key = spec.suite, spec.suite_version, spec.cases
        if key not in known:
            found = _cases(run)
            if found is None:
                yield run, {name: tuple(name.split(joint.JOINER)) for name in spec.cases}
                continue
            known[key] = found
        yield run, known[key]


def _cases(run: Finished) -> Erased | None:
    """Return what a run's cases erase; None where its suite cannot be read."""
    names = run.record.spec.cases
    try:
        known = joint.choices(run.suite, names)
    except InputError:
        return None
    return {
        name: known[name].concepts if name in known else tuple(name.split(joint.JOINER))
        for name in names
    }


def less(interval: Interval | None) -> Interval | None:
    """Return one minus a share."""
    return interval and (1 - interval[0], 1 - interval[2], 1 - interval[1])


def seconds(run: Finished) -> Interval | None:
    """Return how long an erasure took, None where that is not known."""
    found = run.record.seconds.get("erase", math.nan)
    return None if math.isnan(found) else (found, math.nan, math.nan)


def axis(group: Group, name: str) -> Column | None:
    """Return the column of an axis, None where no run has it.

    Args:
        group: The runs.
        name: Of the axis.
    """
    return next((c for c in group.axes() if c.name == axes.PREFIX + name), None)


def rate(group: Group, role: str) -> Column | None:
    """Return the column of the main metric's share on a role, where it tells what it should.

    Args:
        group: The runs.
        role: Of the images.
    """
    main = group.metrics[group.main].measures()[0]
    better = main.better("near" if role == KEPT else role)
    if main.statistic != "share" or (role == KEPT and better != "higher"):
        return None
    return Column(group.main, main.name, role, better, main.unit, main)
