"""From what was measured of each image to the scores of a run; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from bench import stats
from bench.types import ROLES, Kind, RunSpec, Score

ALL = "all"
"""The case of pooled cases, and the role of scores over all roles."""

Rows = Sequence[Mapping[str, str]]
Truth = Callable[[Mapping[str, str]], float]
Interval = tuple[float, float, float]
"""Value, low, high."""


@dataclass(frozen=True)
class Headline:
    """One number for a kind of concept, from the rates of groups of roles."""

    metric: str
    formula: Callable[..., npt.ArrayLike]
    roles: tuple[tuple[str, ...], ...]
    """The roles that are pooled into each argument of the formula."""


HEADLINES: Mapping[Kind, Headline] = {
    "object": Headline("H_o", stats.harmonic_objects, (("target",), ("near", "far"), ("synonym",))),
    "person": Headline("H_c", stats.harmonic_celebrities, (("target",), ("near", "far"))),
}


def aggregate(rows: Rows, spec: RunSpec, metrics: Sequence[str], kind: Kind) -> list[Score]:
    """Return the scores of a run, per case and, of several cases, over all.

    For each metric m and role: `m`, the share of images that show the prompt's own concept;
    `m_probability`, its mean probability (what the field publishes as accuracy); for near and far
    `m_leak`, the share that shows an erased concept; and `m_unread`, the share of images that
    could not be opened, which count nowhere else. The headline (H_o, H_c) and its twin from mean
    probabilities come from the first metric.

    Args:
        rows: `per_image.csv`.
        spec: The run's spec.
        metrics: Names of the metrics measured, the headline's first.
        kind: Kind of the suite's concepts.
    """
    groups = {case: [row for row in rows if row["case"] == case] for case in spec.cases}
    if len(groups) > 1:
        groups[ALL] = list(rows)
    score = partial(Score, spec.method_name, spec.model, spec.suite)
    scores: list[Score] = []
    for case, group in groups.items():
        for metric in metrics:
            for name, role, (value, low, high), n in _of_metric(group, metric, spec.seed):
                scores.append(score(case, name, role, value, low, high, n))
        members = list(spec.cases) if case == ALL else [case]
        parts = [groups[member] for member in members]
        for name, (value, low, high), n in _headlines(parts, metrics[0], kind, spec.seed):
            scores.append(score(case, name, ALL, value, low, high, n))
    return scores


def _of_metric(rows: Rows, metric: str, seed: int) -> list[tuple[str, str, Interval, int]]:
    found: list[tuple[str, str, Interval, int]] = []
    for role in (role for role in ROLES if any(row["role"] == role for row in rows)):
        hits = _values(rows, (role,), partial(_own, metric))
        found.append((metric, role, stats.wilson(int(hits.sum()), hits.size), hits.size))
        shares = _values(rows, (role,), partial(_probability, metric))
        name = f"{metric}_probability"
        found.append((name, role, stats.mean_interval(shares, seed=seed), shares.size))
        if role in ("near", "far"):
            leaks = _values(rows, (role,), partial(_leak, metric))
            found.append(
                (f"{metric}_leak", role, stats.wilson(int(leaks.sum()), leaks.size), leaks.size)
            )
    unread = sum(math.isnan(_leak(metric, row)) for row in rows)
    found.append((f"{metric}_unread", ALL, stats.wilson(unread, len(rows)), len(rows)))
    return found


def _headlines(
    parts: Sequence[Rows], metric: str, kind: Kind, seed: int
) -> list[tuple[str, Interval, int]]:
    headline = HEADLINES.get(kind)
    if headline is None:
        return []
    found = []
    for name, truth in (("", _own), ("_probability", _probability)):
        values, draws, n = [], [], 0
        for number, rows in enumerate(parts):
            groups = [_values(rows, roles, partial(truth, metric)) for roles in headline.roles]
            means = [group.mean() if group.size else math.nan for group in groups]
            values.append(float(np.asarray(headline.formula(*means))))
            # A stream of its own a case: the cases' resamples are independent.
            draws.append(stats.bootstrap(headline.formula, groups, seed=(seed, number)))
            n += sum(group.size for group in groups)
        low, high = stats.percentiles(np.mean(draws, axis=0))
        found.append((headline.metric + name, (float(np.mean(values)), low, high), n))
    return found


def _values(rows: Rows, roles: Sequence[str], truth: Truth) -> stats.Floats:
    values = np.asarray([truth(row) for row in rows if row["role"] in roles], dtype=np.float64)
    return values[~np.isnan(values)]


def _probability(metric: str, row: Mapping[str, str]) -> float:
    return float(row[f"{metric}_probability"])


def _leak(metric: str, row: Mapping[str, str]) -> float:
    return float(row[f"{metric}_erased"])


def _own(metric: str, row: Mapping[str, str]) -> float:
    if math.isnan(_probability(metric, row)):
        return math.nan
    return float(row[f"{metric}_label"] == row["concept"])
