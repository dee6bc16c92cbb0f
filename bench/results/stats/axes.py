"""The axes of a profile, each from 0 to 1 and better the higher, and their harmonic mean; pure.

efficacy (target), generality (synonym, hyponym), completeness (related) and robustness
(adversarial) are the shares of images without the concept; specificity (near, far) is the share
that still shows its own; remainder (of that role) the share that keeps what stands beside the
concept; intactness (near, far, general) the share in which nothing readable is lost. An axis of
several roles is the harmonic mean of their shares, so that many images of one role cannot hide what
happened to few of another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.results.stats import intervals, propagation
from bench.results.stats.intervals import SHARE, Floats, Interval

if TYPE_CHECKING:
    from bench.metrics import Metric, Row

OVERALL = "H_all"
"""The harmonic mean of all axes that a suite has roles for."""
PREFIX = "axis_"
"""What the measure of an axis begins with, for effects have some of the same names."""


@dataclass(frozen=True)
class Axis:
    """One side of what an erasure should do."""

    name: str
    roles: tuple[str, ...]
    gone: bool = False
    """Whether the share of images that lack what the metric looks for counts."""
    metric: str = ""
    """Stem of the metric whose main measure counts; "" for the one that decides."""

    @property
    def measure(self) -> str:
        """What its score is called."""
        return PREFIX + self.name


AXES = (
    Axis("efficacy", ("target",), gone=True),
    Axis("generality", ("synonym", "hyponym"), gone=True),
    Axis("completeness", ("related",), gone=True),
    Axis("robustness", ("adversarial",), gone=True),
    Axis("specificity", ("near", "far")),
    Axis("remainder", ("remainder",), metric="remainder"),
    Axis("intactness", ("near", "far", "general"), metric="intact"),
)
NAMES = (*(axis.measure for axis in AXES), OVERALL)
"""The measures of these scores."""
Found = tuple[str, str, Interval, int]
"""Metric, measure, interval, n."""


def of(
    parts: Sequence[Sequence[Row]],
    unerased: Sequence[Row],
    decides: Metric,
    metrics: Sequence[Metric],
    *,
    seed: int,
) -> Iterator[Found]:
    """Yield the axes that a run has roles for, and `H_all`.

    Where the un-erased model was measured, images count whose un-erased image shows the concept, as
    in effects; without it, all. `H_all` is NaN where one of these axes could not be measured:
    leaving a metric out raises nothing. Over several cases, axes and `H_all` are the means of the
    cases' own.

    Args:
        parts: Rows of per_image.csv, case by case; cases are the clusters of intervals.
        unerased: Those of the un-erased model; empty where it was not run.
        decides: The metric that says whether an image shows its prompt's concept.
        metrics: All that have measured the run, itself among them.
        seed: Of the draws that intervals come from.
    """
    shows = _value(decides)
    before = {(row["id"], row["role"]): shows(row) for row in unerased}
    known = {metric.stem: metric for metric in metrics} | {"": decides}
    there = {row["role"] for rows in parts for row in rows}
    every: list[tuple[Axis, Metric | None, tuple[str, ...]]] = []
    for axis in AXES:
        if roles := tuple(role for role in axis.roles if role in there):
            every.append((axis, known.get(axis.metric), roles))
    shares: list[list[list[Floats]]] = []
    for axis, metric, roles in every:
        shown = before if not axis.metric else {}
        own = [[_shares(rows, role, axis, metric, shown) for role in roles] for rows in parts]
        shares.append(own)
        if metric is not None:
            yield metric.name, axis.measure, *_mean(own, seed)
    if every:
        whole = [[group for own in shares for group in own[case]] for case in range(len(parts))]
        formula = _Harmonic(tuple(len(roles) for *_, roles in every))
        yield decides.name, OVERALL, *_mean(whole, seed, formula)


@dataclass(frozen=True)
class _Harmonic:
    """The harmonic mean of axes, each the harmonic mean of so many shares."""

    sizes: tuple[int, ...]

    def __call__(self, *shares: npt.ArrayLike) -> Floats:
        left = iter(shares)
        axes = [intervals.harmonic(*(next(left) for _ in range(size))) for size in self.sizes]
        return intervals.harmonic(*axes)


def _mean(
    cases: Sequence[Sequence[Floats]],
    seed: int,
    formula: Callable[..., npt.ArrayLike] = intervals.harmonic,
) -> tuple[Interval, int]:
    full = [groups for groups in cases if all(group.size for group in groups)]
    n = sum(group.size for groups in full for group in groups)
    if not full:
        return intervals.NAN3, 0
    return propagation.formula_interval(formula, full, seed=seed, bounds=SHARE), n


def _shares(
    rows: Sequence[Row],
    role: str,
    axis: Axis,
    metric: Metric | None,
    before: dict[tuple[str, str], float],
) -> Floats:
    if metric is None:
        return np.zeros(0)
    value = _value(metric)
    some = [row for row in rows if row["role"] == role]
    if before:
        some = [row for row in some if before.get((row["id"], row["role"])) == 1]
    found = np.asarray([value(row) for row in some], dtype=np.float64)
    found = found[~np.isnan(found)]
    return 1 - found if axis.gone else found


def _value(metric: Metric) -> Callable[[Row], float]:
    value = metric.measures()[0].value
    assert value is not None
    return value


def over_seeds(found: Sequence[Interval]) -> Interval:
    """Return the mean of one score over seeds of the erasure, with its 95 % interval.

    All seeds are asked the same prompts of the same cases, so the mean of the seeds' own limits is
    what cases and images leave open, however many seeds there are. To it is added, square by square
    (Zou and Donner, Statistics in Medicine 27, 2008), Student's interval of the seeds' values.

    Args:
        found: Value and limits for each seed; those of an axis or of `H_all`, in [0, 1].

    Returns:
        NaN where one is not known; NaN limits of one seed without its own.
    """
    value, low, high = (float(np.mean(each)) for each in zip(*found, strict=True))
    if len(found) < 2 or math.isnan(value):
        return value, low, high
    spread = float(np.std([each for each, _, _ in found], ddof=1))
    half = intervals.student(len(found) - 1) * spread / math.sqrt(len(found))
    return (
        value,
        max(0.0, value - math.hypot(value - low, half)),
        min(1.0, value + math.hypot(high - value, half)),
    )
