"""Runs against a baseline, image by image: differences with intervals and corrected tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.results.report.groups import Column, Group
from bench.results.report.table import Cell, Table, name
from bench.results.stats import paired
from bench.results.stats.intervals import NAN3
from bench.results.stats.paired import Compared
from bench.results.store import Finished
from bench.types import ORIGINAL

SEED = 0
"""Of permutations: tables of the same runs are the same."""
LEVEL = 0.05
Key = tuple[str, str, str, str]
"""What pairs an image with another run's, of `Finished.by_prompt`."""
NOTHING = Compared(NAN3, math.nan, 0)


def differences(group: Group, metric: str, baseline: Finished) -> Table | None:
    """Return the table of a metric's paired differences, or None where there is nothing to pair.

    A distance to the un-erased model's images has no difference from that model, for which it is
    0 by construction.

    Args:
        group: The runs to compare.
        metric: Name of the metric.
        baseline: The run of the group that the others are compared with.
    """
    others = [run for run in group.runs if run is not baseline]
    columns = [
        column
        for column in group.columns(metric)
        if any(_comparable(column, run, baseline) for run in others)
    ]
    if not columns:
        return None
    found = paired_with(baseline, others, columns)
    corrected = iter(paired.holm([each.p for line in found for each in line]))
    lines = [
        (Cell(name(group, run)), *(_cell(each, next(corrected)) for each in line))
        for run, line in zip(others, found, strict=True)
    ]
    header = ("method", *(f"Δ {column.title}" for column in columns))
    title = f"{metric}: difference from {group.label(baseline)} on the same prompts and noise"
    note = _test([each for line in found for each in line])
    return Table(title, header, tuple(lines), (note,), name=f"{metric} difference")


def paired_with(
    baseline: Finished, runs: Sequence[Finished], columns: Sequence[Column]
) -> list[list[Compared]]:
    """Return each run's difference from another in each column, over the images that both drew.

    Args:
        baseline: The run that the others are compared with.
        runs: The others.
        columns: What is compared; what cannot be is NaN.
    """
    theirs = [
        _values(baseline, column) if any(_comparable(column, run, baseline) for run in runs) else {}
        for column in columns
    ]
    return [
        [
            _compared(_values(run, column), known, column)
            if _comparable(column, run, baseline)
            else NOTHING
            for column, known in zip(columns, theirs, strict=True)
        ]
        for run in runs
    ]


def _comparable(column: Column, run: Finished, baseline: Finished) -> bool:
    measure = column.measure
    if measure is None or measure.value is None:
        return False
    unerased = ORIGINAL in (run.record.spec.method, baseline.record.spec.method)
    return not (measure.relative and unerased)


def _test(found: Sequence[Compared]) -> str:
    tests = sum(not math.isnan(each.p) for each in found)
    few = any(math.isnan(each.p) and each.n for each in found)
    return (
        "p: McNemar's exact test of shares, Fisher's of swapped pairs of means; like the interval "
        "beside it, of these cases, whose pairs are pooled, not of concepts in general. "
        f"* holds at {LEVEL:.0%} after Holm's correction for the table's {tests} tests."
        + f" Fewer than {paired.LEAST} pairs cannot be tested."
        * few
    )


def _values(run: Finished, column: Column) -> dict[Key, float]:
    """Return a column's values of a run's images, by prompt."""
    assert column.measure is not None and column.measure.value is not None
    found, value = dict[Key, float](), column.measure.value
    for key, row in run.by_prompt.items():
        if row["role"] == column.role:
            try:
                found[key] = value(row)
            except KeyError:
                # The run was not measured by this metric.
                continue
    return found


def _compared(mine: Mapping[Key, float], theirs: Mapping[Key, float], column: Column) -> Compared:
    assert column.measure is not None
    statistic = column.measure.statistic
    values = [(value, theirs[key]) for key, value in mine.items() if key in theirs]
    both = np.array(values, dtype=np.float64).reshape(-1, 2)
    found = paired.compared(both[:, 0], both[:, 1], share=statistic == "share", seed=SEED)
    if statistic == "sum":
        mean, low, high = found.interval
        found = Compared((mean * found.n, low * found.n, high * found.n), found.p, found.n)
    return found


def _cell(found: Compared, corrected: float) -> Cell:
    value, low, high = found.interval
    if math.isnan(value):
        return Cell("–")
    interval = "" if math.isnan(low) else f"[{signed(low)}, {signed(high)}]"
    if math.isnan(found.p):
        return Cell(f"{signed(value)} p –", interval)
    chance = "p<0.001" if found.p < 0.001 else f"p={found.p:.3f}"
    return Cell(f"{signed(value)} {chance}{'*' * (corrected <= LEVEL)}", interval)


def signed(value: float) -> str:
    """Write a difference with its sign."""
    text = f"{value:+.2f}" if abs(value) < 100 else f"{value:+.0f}"
    return text.replace("-", "−")
