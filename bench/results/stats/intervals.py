"""Rates, means, totals and their 95 % intervals over images and concepts; pure, no I/O, no state.

Values come in clusters, one for each erased concept. Of one cluster an interval is about that
erasure; of several it is about concepts like these, so it takes the clusters for a sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, stdtrit

Floats = npt.NDArray[np.float64]
Clusters = Sequence[Floats]
Bounds = tuple[float, float]
Interval = tuple[float, float, float]
"""Value, low, high."""

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
NAN3: Interval = (math.nan, math.nan, math.nan)
SHARE: Bounds = (0.0, 1.0)
"""Bounds of shares and probabilities."""
ANY: Bounds = (-math.inf, math.inf)
FEW = 3
"""Successes or failures up to which Wilson's interval is corrected."""
ALIKE = 0.05
"""Least correlation within a concept that an interval allows for: where all concepts agree, most of
all at 0 and 1, nothing tells how far the next may differ."""


def wilson(successes: int, n: int) -> Interval:
    """Return a rate and its 95 % Wilson score interval.

    It stays inside [0, 1] and has a width at 0 and 1. With one to three successes or failures the
    nearer limit is the Poisson one of Brown, Cai and DasGupta, Statistical Science 16 (2001),
    section 4.1.1, without which the coverage falls to 83 %.

    Args:
        successes: From 0 to n.
        n: Number of trials.

    Returns:
        rate, low, high; NaN for n = 0.

    Raises:
        ValueError: if not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    return NAN3 if n == 0 else wilson_rate(successes / n, n)


def wilson_rate(rate: float, n: float) -> Interval:
    """Return `wilson` of a rate among n, neither of which need be a whole number.

    Args:
        rate: In [0, 1].
        n: Number of trials, more than 0; a fraction where trials resemble each other.
    """
    spread = Z95 * math.sqrt(rate * (1 - rate) / n + Z95**2 / (4 * n**2))
    centre, scale = rate + Z95**2 / (2 * n), 1 + Z95**2 / n
    low, high = _few(rate, n, (centre - spread) / scale), (centre + spread) / scale
    return rate, low, 1 - _few(1 - rate, n, 1 - high)


def _few(rate: float, n: float, low: float) -> float:
    """Return the lower limit, the Poisson one where successes are few."""
    # The rate must lie inside, and the closed form is exact only up to rounding.
    successes = rate * n
    if successes < 1e-9:
        return 0.0
    few = successes <= FEW + 1e-9
    return min(low, float(gammaincinv(successes, 0.05)) / n) if few else low


def rate_interval(clusters: Clusters) -> Interval:
    """Return the rate over all values from 0 to 1, pooled, and its 95 % interval.

    Wilson's at the effective number of values: divided by the design effect of the clusters,
    corrected for having few of them, never more than `ALIKE` allows nor less than `concepts`. One
    cluster of zeros and ones is `wilson`. Source: Korn and Graubard, Survey Methodology 24 (1998);
    Dean and Pagano, J. Surv. Stat. Methodol. 3 (2015).

    Args:
        clusters: Values of each cluster; empty ones are ignored.
    """
    full = _full(clusters)
    if not full:
        return NAN3
    pooled = np.concatenate(full)
    rate = float(pooled.mean())
    return wilson_rate(rate, effective(full))


def effective(clusters: Clusters) -> float:
    """Return how many independent zeros and ones tell as much of a rate as these values do."""
    full = _full(clusters)
    if not full:
        return 0.0
    n = zeros_and_ones(np.concatenate(full))
    if len(full) == 1:
        return n
    rate = float(np.concatenate(full).mean())
    binomial = rate * (1 - rate) / n
    effect = _between(full) / binomial * _shown_by(len(full)) if binomial > 0 else 1.0
    alike = min(n / max(1.0, effect), sum(unlike(zeros_and_ones(each)) for each in full))
    return max(alike, concepts(full))


def concepts(clusters: Clusters) -> float:
    """Return how many equal clusters tell as much as these do if in each all values are the same.

    So much they always tell, however few of them there are to estimate their spread from.
    """
    sizes = np.array([each.size for each in clusters], dtype=np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def zeros_and_ones(values: Floats) -> float:
    """Return how many zeros and ones are as uncertain as these values from 0 to 1: n or more.

    Judged with one 0 and one 1 added, so that values that are all the same are not certain.
    """
    more = np.concatenate([values, (0.0, 1.0)])
    return values.size * float(more.mean() * (1 - more.mean()) / more.var())


def unlike(n: float) -> float:
    """Return how many values of one concept tell of concepts in general, if none shows anything.

    From the chance that none of n does where rates of concepts are beta distributed with a small
    mean and correlation `ALIKE`: (1 + n r / (1 - r)) to the power of -mean (1 - r) / r.
    """
    odds = ALIKE / (1 - ALIKE)
    return math.log1p(n * odds) / odds


def mean_interval(clusters: Clusters, bounds: Bounds = ANY) -> Interval:
    """Return the mean over all values, pooled, and its 95 % interval; NaN without values.

    Of values from 0 to 1 it is `rate_interval`'s, else Student's: of the values, or of the clusters
    where that is wider, cut at the bounds. Values that are all the same, of which nothing tells how
    far others may lie, have none.

    Args:
        clusters: As in `rate_interval`.
        bounds: The least and the greatest that a value can be.
    """
    full = _full(clusters)
    if bounds == SHARE or not full:
        return rate_interval(full)
    values = np.concatenate(full)
    n, mean = values.size, float(values.mean())
    half = 0.0 if n < 2 else student(n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    if len(full) > 1:
        half = max(half, student(len(full) - 1) * math.sqrt(_between(full)))
    if half <= 1e-12 * abs(mean):
        return mean, math.nan, math.nan
    return mean, max(bounds[0], mean - half), min(bounds[1], mean + half)


def total_interval(clusters: Clusters) -> Interval:
    """Return the total of counts over all images, and its 95 % interval; NaN without images.

    The score interval of a Poisson total, widened by the dispersion of images and clusters as in
    `rate_interval`; it has a width at 0.
    """
    full = _full(clusters)
    if not full:
        return NAN3
    values = np.concatenate(full)
    n, total = values.size, float(values.sum())
    spread = 1.0
    if total > 0 and n > 1:
        spread = max(spread, n * float(values.var(ddof=1)) / total)
    if len(full) > 1:
        between = _between(full) * n**2 / total if total > 0 else 0.0
        most = max(between, spread * n / concepts(full))
        between = min(between * _shown_by(len(full)), most)
        spread = max(spread, between, n / sum(unlike(each.size) for each in full))
    centre, half = total / spread + Z95**2 / 2, Z95 * math.sqrt(total / spread + Z95**2 / 4)
    return total, max(0.0, spread * (centre - half)), spread * (centre + half)


def harmonic(*terms: npt.ArrayLike) -> Floats:
    """Return the elementwise harmonic mean; 0 where a term is 0, NaN where one is NaN."""
    stacked = np.stack(np.broadcast_arrays(*[np.asarray(t, dtype=np.float64) for t in terms]))
    zero = np.isclose(stacked, 0, atol=1e-12).any(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = len(terms) / (1 / stacked).sum(axis=0)
    missing = np.isnan(stacked).any(axis=0)
    return np.asarray(np.where(missing, np.nan, np.where(zero, 0.0, mean)))


def harmonic_objects(acc_e: npt.ArrayLike, acc_s: npt.ArrayLike, acc_g: npt.ArrayLike) -> Floats:
    """Return H_o, high when an object is gone, its synonyms are gone and the others stay.

    H_o = 3 / (1 / (1 - acc_e) + 1 / acc_s + 1 / (1 - acc_g)); source: MACE, section 4.1.

    Args:
        acc_e: Rate of the erased object on its own prompts, in [0, 1].
        acc_s: Rate of the other objects on theirs.
        acc_g: Rate of the erased object on prompts with its synonyms.
    """
    return harmonic(1 - np.asarray(acc_e), acc_s, 1 - np.asarray(acc_g))


def harmonic_celebrities(acc_e: npt.ArrayLike, acc_s: npt.ArrayLike) -> Floats:
    """Return MACE's mean of erased and kept celebrities, H_c = 2 / (1 / (1 - acc_e) + 1 / acc_s).

    Args:
        acc_e: Accuracy on the erased, in [0, 1].
        acc_s: Accuracy on those that should stay, in [0, 1].
    """
    return harmonic(1 - np.asarray(acc_e), acc_s)


def _full(clusters: Clusters) -> list[Floats]:
    return [each for each in clusters if each.size]


def _between(full: Clusters) -> float:
    """Return the variance of the pooled mean that the clusters' own totals show."""
    n, k = sum(each.size for each in full), len(full)
    mean = sum(float(each.sum()) for each in full) / n
    errors = np.array([each.sum() - mean * each.size for each in full])
    return float((errors**2).sum()) * k / (k - 1) / n**2


def _shown_by(k: int) -> float:
    """Return by how much a variance counts for more because few clusters showed it."""
    return (student(k - 1) / Z95) ** 2


def student(freedom: int) -> float:
    """Return the two-sided 95 % quantile of Student's distribution."""
    return float(stdtrit(freedom, 0.975))
