"""How far each run's profile of rates lies from that of one run, for example of the retrained."""

from __future__ import annotations

import math

from bench.models import recognition
from bench.results.report.differences import paired_with, signed
from bench.results.report.groups import ARROWS, Column, Group
from bench.results.report.table import Cell, Table, name
from bench.results.stats import profile
from bench.results.store import Finished

NOTE = (
    "Distance: mean absolute difference of these rates, each of which counts alike, with a 95 % "
    "interval. Two models that draw the concepts equally often still differ by chance, so it is "
    "above 0 for all but the same images."
)


def distances(group: Group, baseline: Finished) -> Table | None:
    """Return the table of distances from a run, or None where no rates can be paired.

    A profile holds the rate of every role of every metric that says share by share what images
    show, but for those that are no independent witness of the model's family.

    Args:
        group: The runs to compare.
        baseline: The run of the group from which distances are taken.
    """
    columns = _profile(group)
    lines = []
    others = [run for run in group.runs if run is not baseline]
    for run, found in zip(others, paired_with(baseline, others, columns), strict=True):
        differences = {
            column: each.interval
            for column, each in zip(columns, found, strict=True)
            if not math.isnan(each.interval[0])
        }
        value, low, high = profile.distance(list(differences.values()))
        if not math.isnan(value):
            limits = "" if math.isnan(low) else f"[{low:.2f}, {high:.2f}]"
            furthest = max(differences, key=lambda c: abs(differences[c][0]))
            where = f"{_title(furthest)} {signed(differences[furthest][0])}"
            cells = (Cell(f"{value:.2f}", limits), Cell(where), Cell(str(len(differences))))
            lines.append((Cell(name(group, run)), *cells))
    if not lines:
        return None
    title = f"distance from {group.label(baseline)}, over the rates of "
    title += ", ".join(_title(column) for column in columns)
    header = ("method", f"distance {ARROWS['lower']}", "furthest in", "rates")
    return Table(title, header, tuple(lines), (NOTE,), name="distance")


def _profile(group: Group) -> list[Column]:
    family = recognition.family_of(group.spec)
    return [
        column
        for metric in group.metrics.values()
        if family not in metric.kin
        for column in group.columns(metric.name)
        if column.name == (main := metric.measures()[0]).name
        and column.measure is not None
        and main.statistic == "share"
        and main.value is not None
        and not main.relative
    ]


def _title(column: Column) -> str:
    return column.role if column.metric == column.role else f"{column.metric} {column.role}"
