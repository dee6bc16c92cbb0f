"""From what was measured of each image to the scores of a run; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench.results.stats import intervals
from bench.results.stats.intervals import Interval
from bench.types import ALL, ATTACK, KEPT, ROLES, RunSpec, Score

if TYPE_CHECKING:
    from bench.metrics import Measure, Metric, SetScore
    from bench.results.stats.calibration import Reading

TAGGED = "adversarial"
"""The role that is also scored tag by tag."""
OTHERS = ("near", "far")
"""The roles that `KEPT` takes together."""
CORRECTED = "corrected"
"""The measure of the main one's rates without the detector's errors."""
UNREAD = "unread"
"""The measure of how many images a metric could tell nothing of."""

Row = Mapping[str, str]
Rows = Sequence[Row]
Found = tuple[str, str, str, Interval, int]
"""Measure, role, tag, interval, n."""


def aggregate(
    rows: Rows,
    spec: RunSpec,
    metrics: Sequence[Metric],
    *,
    family: str,
    of_run: Mapping[str, Mapping[str, Sequence[SetScore]]] | None = None,
    readings: Mapping[str, Reading] | None = None,
) -> list[Score]:
    """Return the scores of a run by metrics, per case and, of several cases, over all.

    For each metric: each of its measures on each of its roles, adversarial prompts also tag by tag;
    `corrected`, the main one's rates without its detector's errors, where these are known;
    `unread`, the share of images of which it could tell nothing, and which count nowhere
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
        of_run: By case and metric, what is said of it as a whole.
        readings: By metric, its answers to images of known content.
    """
    groups = {case: [row for row in rows if row["case"] == case] for case in spec.cases}
    whole = dict(of_run or {})
    if len(groups) > 1:
        groups[ALL] = list(rows)
        whole[ALL] = {
            metric.name: _averaged(
                [m for some in whole.values() for m in some.get(metric.name, ())]
            )
            for metric in metrics
        }
    score = partial(Score, spec.method_name, spec.model, spec.suite)
    scores: list[Score] = []
    for case, group in groups.items():
        for metric in metrics:
            known = (readings or {}).get(metric.name)
            some = _of_metric(group, metric, family, known, spec.seed)
            for measure, role, tag, (value, low, high), n in some:
                scores.append(score(case, metric.name, measure, role, tag, value, low, high, n))
        for name, measured in whole.get(case, {}).items():
            for each in measured:
                what = (case, name, each.measure, each.role, "")
                scores.append(score(*what, each.value, each.low, each.high, each.n))
    return scores


def _of_metric(
    rows: Rows, metric: Metric, family: str, known: Reading | None, seed: int
) -> Iterator[Found]:
    if not metric.columns:
        return
    measures = [m for m in metric.measures() if m.families is None or family in m.families]
    for role, tag, some in _roles(rows):
        for measure in measures:
            if measure.value and _covers(measure, role):
                yield measure.name, role, tag, *_score(measure, some)
                if known and measure is measures[0]:
                    yield CORRECTED, role, tag, *_corrected(measure, some, known, seed)
    read = {role for measure in measures for role in measure.roles}
    due = rows if ALL in read else [row for row in rows if row["role"] in read]
    unread = _clusters(due, lambda row: float(metric.missing(row)))
    yield UNREAD, ALL, "", intervals.rate_interval(unread), len(due)


def _covers(measure: Measure, role: str) -> bool:
    return set(OTHERS if role == KEPT else (role,)) <= set(measure.roles)


def _roles(rows: Rows) -> Iterator[tuple[str, str, Rows]]:
    """Yield role, tag and rows of each role, of each adversarial tag, of what stays, and all."""
    for role in ROLES:
        some = [row for row in rows if row["role"] == role]
        if some:
            yield role, "", some
        if role == TAGGED:
            for tag in dict.fromkeys(row["tag"] for row in some if row["tag"]):
                yield role, tag, [row for row in some if row["tag"] == tag]
    if kept := [row for row in rows if row["role"] in OTHERS]:
        yield KEPT, "", kept
    yield ALL, "", rows


def _score(measure: Measure, rows: Rows) -> tuple[Interval, int]:
    assert measure.value is not None
    clusters = _clusters(rows, measure.value)
    n = sum(each.size for each in clusters)
    if measure.statistic == "sum":
        return intervals.total_interval(clusters), n
    return intervals.mean_interval(clusters, bounds(measure)), n


def _corrected(measure: Measure, rows: Rows, known: Reading, seed: int) -> tuple[Interval, int]:
    assert measure.value is not None
    cases: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        cases.setdefault(row["case"], []).append((row["concept"], measure.value(row)))
    n = sum(not math.isnan(value) for case in cases.values() for _, value in case)
    return known.corrected(list(cases.values()), seed=seed), n


def bounds(measure: Measure) -> intervals.Bounds:
    """Return the least and the most that a measure's values can be."""
    return intervals.SHARE if measure.statistic == "share" else measure.bounds


def _clusters(rows: Rows, value: Callable[[Row], float]) -> list[intervals.Floats]:
    """Return the values measured, case by case."""
    cases = dict.fromkeys(row["case"] for row in rows)
    return [values([row for row in rows if row["case"] == case], value) for case in cases]


def values(rows: Rows, value: Callable[[Row], float]) -> intervals.Floats:
    """Return the values of images, without those that have none.

    Args:
        rows: per_image.csv, or a part of it.
        value: Reads a row; NaN for none.
    """
    found = np.asarray([value(row) for row in rows], dtype=np.float64)
    return found[~np.isnan(found)]


def _averaged(measured: Sequence[SetScore]) -> list[SetScore]:
    """Return the means, over the cases that have one, of what was measured of each as a whole."""
    from bench.metrics import SetScore

    found: dict[tuple[str, str], list[SetScore]] = {}
    for each in measured:
        some = found.setdefault((each.measure, each.role), [])
        if not math.isnan(each.value):
            some.append(each)
    return [
        SetScore(
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
        gone: Names of metrics, and of headlines and effects, whose old scores the new ones replace.
    """
    fresh = list(new)
    again = {score.key for score in fresh}
    kept = [
        score
        for score in old
        if score.key not in again
        # What attacks brought back was measured on images of their own.
        and (score.role == ATTACK or not {score.metric, score.measure} & set(gone))
    ]
    # Where they stood before; what is new stands last of its case.
    places = {score.key: number for number, score in enumerate(old)}
    order = {case: number for number, case in enumerate(dict.fromkeys(s.case for s in old))}

    def place(score: Score) -> tuple[int, int]:
        return order.get(score.case, len(order)), places.get(score.key, len(places))

    return sorted([*kept, *fresh], key=place)
