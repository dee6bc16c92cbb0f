"""Runs against a baseline, image by image: differences with intervals and corrected p-values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench import paired
from bench.report.groups import Column, Group
from bench.report.table import Cell, Table, name
from bench.stats import Floats
from bench.store import Finished, Row

Key = tuple[str, ...]
SEED = 0
"""Of the bootstrap and of permutations: tables of the same runs are the same."""


def differences(group: Group, metric: str, baseline: Finished) -> Table | None:
    """Return the table of a metric's paired differences, or None where there is nothing to pair.

    p-values are Holm's over the whole table.
    """
    columns = [c for c in group.columns(metric) if c.measure and c.measure.value]
    others = [run for run in group.runs if run is not baseline]
    if not columns or not others:
        return None
    theirs = _by_key(baseline.folder.read_per_image())
    found: list[list[tuple[float, float, float, float]]] = []
    for run in others:
        mine = _by_key(run.folder.read_per_image())
        found.append([_compared(mine, theirs, column) for column in columns])
    corrected = iter(paired.holm([p for line in found for *_, p in line]))
    lines = [
        (Cell(name(group, run)), *(_cell(value, next(corrected)) for value in line))
        for run, line in zip(others, found, strict=True)
    ]
    header = ("method", *(f"Δ {column.title(metric)}" for column in columns))
    title = f"{metric}: difference from {group.label(baseline)} on the same prompts and noise"
    return Table(title, header, tuple(lines), (_test(group),))


def _test(group: Group) -> str:
    several = len(group.spec.cases) > 1
    how = (
        "permutation test over cases, intervals by a bootstrap over cases"
        if several
        else "McNemar's exact test of shares, permutation test of means"
    )
    return f"p: {how}, corrected over the table by Holm."


def _by_key(rows: Sequence[Row]) -> dict[Key, Row]:
    return {tuple(row[name] for name in ("case", "id", "text", "seed")): row for row in rows}


def _compared(
    mine: Mapping[Key, Row], theirs: Mapping[Key, Row], column: Column
) -> tuple[float, float, float, float]:
    assert column.measure is not None and column.measure.value is not None
    value = column.measure.value
    pairs: dict[str, list[tuple[float, float]]] = {}
    for key, row in mine.items():
        other = theirs.get(key)
        if other is not None and row["role"] == column.role:
            try:
                pair = value(row), value(other)
            except KeyError:
                # One of the runs was not measured by this metric.
                continue
            pairs.setdefault(key[0], []).append(pair)
    clusters = [np.array(some, dtype=np.float64) for some in pairs.values()]
    run: list[Floats] = [each[:, 0] for each in clusters]
    baseline: list[Floats] = [each[:, 1] for each in clusters]
    p = paired.p_value(run, baseline, seed=SEED)
    return (*paired.difference(run, baseline, seed=SEED), p)


def _cell(found: tuple[float, float, float, float], p: float) -> Cell:
    value, low, high, _ = found
    if math.isnan(value):
        return Cell("–")
    chance = "p<0.001" if p < 0.001 else f"p={p:.3f}"
    interval = "" if math.isnan(low) else f"[{_signed(low)}, {_signed(high)}]"
    return Cell(f"{_signed(value)} {chance}", interval)


def _signed(value: float) -> str:
    text = f"{value:+.2f}" if abs(value) < 100 else f"{value:+.0f}"
    return text.replace("-", "−")
