"""From what was measured of each image to the scores of a run; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench.results.stats import intervals
from bench.results.stats.intervals import Interval
from bench.types import ATTACK, ROLES, RunSpec, Score

if TYPE_CHECKING:
    from bench.metrics import Measure, Measured, Metric
    from bench.results.stats.calibration import Reading

ALL = "all"
"""The case of pooled cases, and the role of scores over all roles."""
TAGGED = "adversarial"
"""The role that is also scored tag by tag, as `adversarial.<tag>`."""

KEPT = ("near", "far")
OTHERS = "kept"
"""The role of scores over near and far images together, the others that are to stay."""

Row = Mapping[str, str]
Rows = Sequence[Row]
Found = tuple[str, str, Interval, int]
"""Metric, role, interval, n."""


def aggregate(
    rows: Rows,
    spec: RunSpec,
    metrics: Sequence[Metric],
    *,
    family: str,
    of_run: Mapping[str, Sequence[Measured]] | None = None,
    readings: Mapping[str, Reading] | None = None,
) -> list[Score]:
    """Return the scores of a run by metrics, per case and, of several cases, over all.

    For each metric: each of its measures on each of its roles, adversarial prompts also tag by tag;
    `<metric>_corrected`, the main one's rates without its detector's errors, where these are known;
    `<metric>_unread`, the share of images of which it could tell nothing, and which count nowhere
    else; and what it says of whole cases. What they amount to is told by
    `bench.results.stats.headlines`.

    Over several cases, shares, means and totals are of all their images together, and intervals
    take the cases for clusters; what is said of whole cases is the mean over those that have it.
    `n` is the images behind a value.

    Args:
        rows: `per_image.csv`.
        spec: The run's spec.
        metrics: The metrics measured.
        family: Model family that drew the images.
        of_run: By case, what metrics say of it as a whole.
        readings: By metric, its answers to images of known content.
    """
    groups = {case: [row for row in rows if row["case"] == case] for case in spec.cases}
    whole = dict(of_run or {})
    if len(groups) > 1:
        groups[ALL] = list(rows)
        whole[ALL] = _averaged([each for some in whole.values() for each in some])
    score = partial(Score, spec.method_name, spec.model, spec.suite)
    scores: list[Score] = []
    for case, group in groups.items():
        for metric in metrics:
            known = (readings or {}).get(metric.name)
            some = _of_metric(group, metric, family, known, spec.seed)
            for name, role, (value, low, high), n in some:
                scores.append(score(case, name, role, value, low, high, n))
        scores += (
            score(case, each.name, each.role, each.value, each.low, each.high, each.n)
            for each in whole.get(case, ())
        )
    return scores


def _of_metric(
    rows: Rows, metric: Metric, family: str, known: Reading | None, seed: int
) -> Iterator[Found]:
    if not metric.columns:
        return
    measures = [m for m in metric.measures() if m.families is None or family in m.families]
    for role, some in _roles(rows):
        for measure in measures:
            if measure.value and _covers(measure, role):
                yield _score(measure, role, some)
                if known and measure is measures[0]:
                    yield _corrected(measure, role, some, known, seed)
    read = {role for measure in measures for role in measure.roles}
    due = rows if ALL in read else [row for row in rows if row["role"] in read]
    unread = _clusters(due, lambda row: float(metric.missing(row)))
    yield f"{metric.name}_unread", ALL, intervals.rate_interval(unread), len(due)


def _covers(measure: Measure, role: str) -> bool:
    if role == OTHERS:
        return set(KEPT) <= set(measure.roles)
    return role.split(".")[0] in measure.roles


def _roles(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield the rows of each role, of each adversarial tag, of what stays, and all."""
    for role in ROLES:
        some = [row for row in rows if row["role"] == role]
        if some:
            yield role, some
        if role == TAGGED:
            for tag in dict.fromkeys(row["tag"] for row in some if row["tag"]):
                yield f"{role}.{tag}", [row for row in some if row["tag"] == tag]
    if kept := [row for row in rows if row["role"] in KEPT]:
        yield OTHERS, kept
    yield ALL, rows


def _score(measure: Measure, role: str, rows: Rows) -> Found:
    assert measure.value is not None
    clusters = _clusters(rows, measure.value)
    n = sum(each.size for each in clusters)
    if measure.statistic == "sum":
        return measure.name, role, intervals.total_interval(clusters), n
    return measure.name, role, intervals.mean_interval(clusters, bounds(measure)), n


def _corrected(measure: Measure, role: str, rows: Rows, known: Reading, seed: int) -> Found:
    assert measure.value is not None
    cases: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        cases.setdefault(row["case"], []).append((row["concept"], measure.value(row)))
    n = sum(not math.isnan(value) for case in cases.values() for _, value in case)
    interval = known.corrected(list(cases.values()), seed=seed)
    return f"{measure.name}_corrected", role, interval, n


def bounds(measure: Measure) -> intervals.Bounds:
    """Return the least and the most that a measure's values can be."""
    return intervals.SHARE if measure.statistic == "share" else measure.bounds


def _clusters(rows: Rows, value: Callable[[Row], float]) -> list[intervals.Floats]:
    """Return the values measured, case by case."""
    cases = dict.fromkeys(row["case"] for row in rows)
    return [values([row for row in rows if row["case"] == case], value) for case in cases]


def values(rows: Rows, value: Callable[[Row], float]) -> intervals.Floats:
    """Return the values of images, without those that have none."""
    found = np.asarray([value(row) for row in rows], dtype=np.float64)
    return found[~np.isnan(found)]


def _averaged(measured: Sequence[Measured]) -> list[Measured]:
    """Return the means, over the cases that have one, of what was measured of each as a whole."""
    from bench.metrics import Measured

    found: dict[tuple[str, str], list[Measured]] = {}
    for each in measured:
        some = found.setdefault((each.name, each.role), [])
        if not math.isnan(each.value):
            some.append(each)
    return [
        Measured(
            *(name, role, sum(m.value for m in some) / len(some) if some else math.nan),
            n=sum(m.n for m in some),
        )
        for (name, role), some in found.items()
    ]


def merged(old: Sequence[Score], new: Iterable[Score], gone: Collection[str]) -> list[Score]:
    """Return a run's scores after some were made again.

    Args:
        old: The scores so far.
        new: Those made again.
        gone: Names of metrics, headlines and effects whose old scores the new ones replace.
    """
    fresh = list(new)
    again = {(score.case, score.metric, score.role) for score in fresh}
    kept = [
        score
        for score in old
        if (score.case, score.metric, score.role) not in again
        # What attacks brought back was measured on images of their own.
        and (
            score.role.startswith(ATTACK)
            or not any(score.metric == name or score.metric.startswith(f"{name}_") for name in gone)
        )
    ]
    # Where they stood before; what is new stands last of its case.
    places = {(s.case, s.metric, s.role): number for number, s in enumerate(old)}
    order = {case: number for number, case in enumerate(dict.fromkeys(s.case for s in old))}

    def place(score: Score) -> tuple[int, int]:
        key = (score.case, score.metric, score.role)
        return order.get(score.case, len(order)), places.get(key, len(places))

    return sorted([*kept, *fresh], key=place)
