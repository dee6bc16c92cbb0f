"""Axes of runs: as a table, and as axes.csv, one row a run or its seeds, a case and an axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bench.files import csv_bytes
from bench.results.joined import ids
from bench.results.report.groups import Group
from bench.results.report.sheet import drawn
from bench.results.report.table import Table, lines_of
from bench.results.stats import axes
from bench.results.stats.intervals import Interval
from bench.results.store import Finished
from bench.types import ALL, Score

if TYPE_CHECKING:
    from bench.results.report.page import Page

COLUMNS = (
    *("method", "label", "model", "suite", "suite_version", "size", "case"),
    *("axis", "roles", "value", "low", "high", "n", "seed", "flags", "run_id"),
)
TITLE = (
    "axes, better the higher: efficacy, generality, completeness and robustness are shares of "
    "images that lack the concept; specificity, remainder and intactness of those that keep what "
    "they should; H_all is their harmonic mean"
)


def table(group: Group) -> Table | None:
    """Return the table of axes, or None where no run has any.

    Args:
        group: The runs to compare.
    """
    columns = group.axes()
    if not columns:
        return None
    header = ("method", *(column.title for column in columns))
    return Table(TITLE, header, tuple(map(tuple, lines_of(group, columns))), name="axes")


def sheet(pages: Sequence[Page]) -> str:
    """Return axes.csv: each axis and `H_all` of each run, case by case and over all cases.

    Runs that differ in the seed of the erasure alone have a row together besides, whose interval
    takes cases and seeds for clusters (`stats.axes.over_seeds`).

    Args:
        pages: What is compared.
    """
    rows = [row for page in pages for row in rows_of(page.group)]
    for row in rows:
        row |= {key: f"{row[key]:.6g}" for key in ("value", "low", "high")}
    return csv_bytes(COLUMNS, rows).decode()


def rows_of(group: Group) -> Iterator[dict[str, Any]]:
    """Yield the rows of axes.csv of a group, numbers as they are.

    Args:
        group: The runs to compare.
    """
    for run in group.runs:
        for score in _axes(run):
            yield _row(group, (run,), score, (score.value, score.low, score.high))
    for runs in group.repeats:
        found = [{(s.case, s.measure): s for s in _axes(run)} for run in runs]
        for key, score in found[0].items():
            same = [each[key] for each in found if key in each]
            if len(same) == len(runs):
                interval = axes.over_seeds([(s.value, s.low, s.high) for s in same])
                yield _row(group, runs, score, interval, sum(s.n for s in same))


def _axes(run: Finished) -> list[Score]:
    return [s for s in run.record.scores if s.measure in axes.NAMES and not math.isnan(s.value)]


def _row(
    group: Group, runs: Sequence[Finished], score: Score, interval: Interval, n: int | None = None
) -> dict[str, Any]:
    spec = runs[0].record.spec
    roles = {axis.measure: axis.roles for axis in axes.AXES}.get(score.measure, (ALL,))
    value, low, high = interval
    flags = dict.fromkeys(flag for run in runs for flag in run.record.flags)
    return {
        "method": spec.method_name,
        "label": group.label(runs[0], seed=len(runs) == 1),
        **drawn(spec),
        "case": score.case,
        "axis": score.measure.removeprefix(axes.PREFIX),
        "roles": " ".join(roles),
        "value": value,
        "low": low,
        "high": high,
        "n": score.n if n is None else n,
        "seed": " ".join(str(run.record.spec.seed) for run in runs),
        "flags": "; ".join(flags),
        "run_id": " ".join(map(ids, runs)),
    }
