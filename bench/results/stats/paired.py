"""Two runs on the same prompts and noise: differences, tests and their correction; pure.

The question is whether two runs differ on these cases: pairs of images are what varies, pooled
over the cases as the scores are. That two runs differ on concepts in general is another claim,
which takes more concepts than a suite has. Interval and test are one: p is at most 0.05 exactly
where the interval leaves 0 out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, betaincinv

from bench.results.stats import intervals
from bench.results.stats.intervals import Floats, Interval

EXACT = 12
"""Up to so many pairs every assignment of signs is counted, not a sample of them."""
LEAST = 6
"""Pairs below which nothing that could be seen has a p-value of 0.05 or less: no test."""
DRAWS = 9_999
CHUNK = 1_000
"""Draws that are held at once."""


@dataclass(frozen=True)
class Compared:
    """The difference of two runs on the same prompts and noise."""

    interval: Interval
    """Mean of run minus baseline over pairs; NaN without pairs, its limits where pairs are too few
    or all differ by the same."""
    p: float
    """Two-sided p-value of no difference; NaN where there is no test."""
    n: int
    """Pairs."""


def compared(run: Floats, baseline: Floats, *, share: bool, seed: int) -> Compared:
    """Return the mean difference over pairs, its 95 % interval and the test that belongs to it.

    Shares: McNemar's exact test; the interval of Bonett and Price (J. Educ. Behav. Stat. 37,
    2012), which has a width even where no pair differs, or where that is wider Clopper and
    Pearson's of the pairs that differ, which is the test's own. Means: Fisher's test of the signs,
    and Hartigan's interval, which holds the differences that the test does not reject.

    Args:
        run: Values, NaN where not measured.
        baseline: Those of the baseline, pair by pair.
        share: Whether values are 0 or 1.
        seed: Of the signs.
    """
    both = ~(np.isnan(run) | np.isnan(baseline))
    one, other = run[both], baseline[both]
    if not one.size:
        return Compared(intervals.NAN3, math.nan, 0)
    if share:
        interval, p = _rates(one, other), mcnemar(one, other)
    else:
        interval, p = permutation(one - other, seed=seed)
    return Compared(interval, p if one.size >= LEAST else math.nan, one.size)


def mcnemar(run: Floats, baseline: Floats) -> float:
    """Return the p-value of McNemar's exact test of paired 0/1 values, two-sided.

    Source: the binomial test of the pairs that differ, McNemar, Psychometrika 12 (1947).

    Args:
        run: 0 or 1, one an image.
        baseline: Those of the same prompts and noise by the other run.
    """
    up, down = int((run > baseline).sum()), int((run < baseline).sum())
    return min(1.0, 2 * float(bdtr(min(up, down), up + down, 0.5))) if up + down else 1.0


def _rates(run: Floats, baseline: Floats) -> Interval:
    n = run.size
    up, down = int((run > baseline).sum()), int((run < baseline).sum())
    # One pair each way is added, which is what gives a width to no difference at all.
    more, less = (up + 1) / (n + 2), (down + 1) / (n + 2)
    spread = intervals.Z95 * math.sqrt((more + less - (more - less) ** 2) / (n + 2))
    value, centre = (up - down) / n, more - less
    differ = (up + down) / n
    least = float(betaincinv(up, down + 1, 0.025)) if up else 0.0
    most = float(betaincinv(up + 1, down, 0.975)) if down else 1.0
    low, high = (
        min(centre - spread, (2 * least - 1) * differ),
        max(centre + spread, (2 * most - 1) * differ),
    )
    return value, max(-1.0, min(low, value)), min(1.0, max(high, value))


def permutation(differences: Floats, *, seed: int) -> tuple[Interval, float]:
    """Return the mean difference with its interval, and the p-value of its being 0, two-sided.

    Runs are swapped within pairs: all ways for up to `EXACT` pairs, else `DRAWS` of them and the
    observed one, so that p is never 0. A way to swap whose swapped pairs have a mean of d or less
    is one that speaks against d as much as what was seen. Source: Fisher's randomisation test;
    Hartigan, J. Am. Stat. Assoc. 64 (1969).

    Args:
        differences: One a pair, at least one.
        seed: Of the draws.
    """
    means = _of_swapped(differences, seed)
    empty = np.isnan(means)
    low, high = (np.sort(np.where(empty, end, means)) for end in (-math.inf, math.inf))
    # Sums that are equal but for rounding are equal.
    slack = 1e-9 * float(np.abs(differences).max())
    beyond = min(int((low <= slack).sum()), int((high >= -slack).sum()))
    place = int(0.025 * means.size)
    ends = float(low[place]), float(high[-1 - place])
    if not all(map(math.isfinite, ends)) or ends[1] - ends[0] <= slack:
        ends = math.nan, math.nan
    return (float(differences.mean()), *ends), min(1.0, 2 * beyond / means.size)


def _of_swapped(differences: Floats, seed: int) -> Floats:
    """Return the mean difference of the pairs that are swapped, way by way; NaN where none is."""
    n = differences.size
    if n <= EXACT:
        ways = [(np.arange(2**n)[:, None] >> np.arange(n)) & 1]
    else:
        rng = np.random.default_rng(seed)
        sizes = [min(CHUNK, DRAWS - start) for start in range(0, DRAWS, CHUNK)]
        drawn = (rng.integers(0, 2, (size, n), dtype=np.int8) for size in sizes)
        ways = [*drawn, np.zeros((1, n), dtype=np.int8)]
    with np.errstate(invalid="ignore"):
        return np.concatenate([way @ differences / way.sum(axis=1) for way in ways])


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for being several, by Holm's step-down; NaN stays and is no test.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted((p, i) for i, p in enumerate(values) if not math.isnan(p))
    corrected = list(values)
    least = 0.0
    for rank, (p, i) in enumerate(order):
        least = max(least, min(1.0, p * (len(order) - rank)))
        corrected[i] = least
    return corrected
