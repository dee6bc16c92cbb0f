"""What an erasure did, in the field's words, from whether images show their prompt's concept; pure.

efficacy = 1 - rate(target), generality = 1 - rate(synonym), residue = rate(related) and
rate(adversarial), specificity = rate(near) and rate(far). `<name>_relative` counts only prompts
whose un-erased image shows the concept: the others say nothing of the erasure (as attack success is
counted by UnlearnDiffAtk, arXiv 2310.11868, section 5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from bench.results.stats import intervals
from bench.results.stats.intervals import Floats, Interval

Row = Mapping[str, str]
Value = Callable[[Row], float]
Found = tuple[str, str, Interval, int]
"""Name, role, interval, n."""

FALLS = {"target": "efficacy", "synonym": "generality", "hyponym": "generality"}
"""Roles whose effect is one minus the rate."""
STAYS = {
    "related": "residue",
    "adversarial": "residue",
    "near": "specificity",
    "far": "specificity",
}
"""Roles whose effect is the rate."""
BETTER = {"efficacy": "higher", "generality": "higher", "residue": "lower", "specificity": "higher"}
"""Which way each effect is better."""


def relative(name: str) -> str:
    """Return what an effect is called that counts only what the un-erased model drew."""
    return f"{name}_relative"


def of(parts: Sequence[Sequence[Row]], unerased: Sequence[Row], value: Value) -> Iterator[Found]:
    """Yield the effects that these rows have roles for.

    Args:
        parts: Rows of per_image.csv, case by case; cases are the clusters of intervals.
        unerased: Those of the un-erased model; empty where it was not run, then nothing is
            relative.
        value: Whether an image shows its prompt's concept: 1, 0, or NaN where not measured.
    """
    before = {_key(row): value(row) for row in unerased}
    for role, name in (FALLS | STAYS).items():
        some = [[row for row in rows if row["role"] == role] for rows in parts]
        if any(some):
            yield _effect(name, role, some, value)
            if before:
                drawn = [[row for row in rows if before.get(_key(row)) == 1] for rows in some]
                yield _effect(relative(name), role, drawn, value)


def _key(row: Row) -> tuple[str, str]:
    return row["id"], row["role"]


def _effect(name: str, role: str, parts: Sequence[Sequence[Row]], value: Value) -> Found:
    clusters = [_without_nan([value(row) for row in rows]) for rows in parts]
    rate, low, high = intervals.rate_interval(clusters)
    interval = (1 - rate, 1 - high, 1 - low) if role in FALLS else (rate, low, high)
    return name, role, interval, sum(each.size for each in clusters)


def _without_nan(values: Sequence[float]) -> Floats:
    return np.asarray([each for each in values if not math.isnan(each)], dtype=np.float64)
