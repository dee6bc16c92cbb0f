"""Rates, intervals and harmonic means; pure, no I/O, no state."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

Floats = npt.NDArray[np.float64]

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""

Interval = tuple[float, float, float]
"""Value, low, high."""

NAN3: Interval = (math.nan, math.nan, math.nan)


def wilson(successes: int, n: int) -> Interval:
    """Return a rate and its 95 % Wilson score interval.

    The interval stays inside [0, 1] and is honest at 0 and 1, where the normal one has no width.

    Returns:
        rate, low, high; NaN for n = 0.

    Raises:
        ValueError: if not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    return NAN3 if n == 0 else _wilson(successes / n, n)


def _wilson(rate: float, n: float) -> Interval:
    spread = Z95 * math.sqrt(rate * (1 - rate) / n + Z95**2 / (4 * n**2))
    centre, scale = rate + Z95**2 / (2 * n), 1 + Z95**2 / n
    # At the ends the closed form is exact only up to rounding; the rate must lie inside.
    low = 0.0 if rate == 0 else (centre - spread) / scale
    high = 1.0 if rate == 1 else (centre + spread) / scale
    return rate, low, high


def clustered_rate(clusters: Sequence[Floats]) -> Interval:
    """Return the rate of 0/1 values that come in clusters, and its 95 % interval.

    Wilson's interval at the effective sample size: the number of values, divided by the design
    effect of the clusters and corrected for having few of them. One cluster is `wilson`. Source:
    Korn and Graubard, Survey Methodology 24 (1998); Dean and Pagano, J. Surv. Stat. Methodol. 3
    (2015).

    Args:
        clusters: Values of each cluster, for example of each erased concept; empty ones are
            ignored.
    """
    full = [each for each in clusters if each.size]
    n, k = sum(each.size for each in full), len(full)
    if n == 0:
        return NAN3
    rate = float(sum(each.sum() for each in full) / n)
    binomial = rate * (1 - rate) / n
    if k == 1 or binomial == 0:
        return _wilson(rate, n)
    errors = np.array([each.sum() - rate * each.size for each in full])
    variance = float((errors**2).sum()) * k / (k - 1) / n**2
    effect = max(1.0, variance / binomial)
    few = (Z95 / float(stdtrit(k - 1, 0.975))) ** 2 if effect > 1 else 1.0
    return _wilson(rate, n / effect * few)


def mean_interval(clusters: Sequence[Floats], *, seed: int) -> Interval:
    """Return the mean over clusters of their means, and its 95 % interval by `bootstrap`.

    NaN when there are no values. Clusters are as in `clustered_rate`.
    """
    full = [each for each in clusters if each.size]
    if not full:
        return NAN3
    low, high = percentiles(*bootstrap(_mean, [[each] for each in full], seed=seed))
    return float(np.mean([each.mean() for each in full])), low, high


def _mean(means: Floats) -> Floats:
    return means


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
    """Return H_c = 2 / (1 / (1 - acc_e) + 1 / acc_s); arguments as in `harmonic_objects`."""
    return harmonic(1 - np.asarray(acc_e), acc_s)


def headline_interval(
    formula: Callable[..., npt.ArrayLike], clusters: Sequence[Sequence[Floats]], *, seed: int
) -> Interval:
    """Return the mean over clusters of a formula of their group means, with its 95 % interval.

    That is how the field averages a headline over concepts. Arguments as in `bootstrap`.
    """
    means = [[g.mean() if g.size else math.nan for g in groups] for groups in clusters]
    values = [float(np.asarray(formula(*some))) for some in means]
    return float(np.mean(values)), *percentiles(*bootstrap(formula, clusters, seed=seed))


def bootstrap(
    fn: Callable[..., npt.ArrayLike],
    clusters: Sequence[Sequence[Floats]],
    *,
    seed: int,
    draws: int = 2000,
) -> tuple[Floats, int]:
    """Return bootstrap draws of the mean over clusters of `fn` of the cluster's group means.

    Several clusters are drawn with replacement, each with all its values: what varies from concept
    to concept is part of the uncertainty. Of a single cluster, the values are drawn inside each
    group, so that the groups keep their sizes.

    Args:
        fn: Vectorised over draws; takes one array of means a group.
        clusters: For each cluster its groups of values; an empty group has a mean of NaN.
        seed: Seed of the numpy Generator that the draws come from.
        draws: Number of resamples.

    Returns:
        The draws, and the number of things that were drawn: clusters, or values of the smallest
        group of one cluster.
    """
    rng = np.random.default_rng(seed)
    if len(clusters) == 1:
        groups = clusters[0]
        values = fn(*[_resampled_means(group, rng, draws) for group in groups])
        return np.asarray(values), min((g.size for g in groups if g.size), default=0)
    means = [[g.mean() if g.size else math.nan for g in groups] for groups in clusters]
    each = np.asarray([float(np.asarray(fn(*some))) for some in means])
    chosen = rng.integers(0, len(each), (draws, len(each)))
    return each[chosen].mean(axis=1), len(each)


def _resampled_means(values: Floats, rng: np.random.Generator, draws: int) -> Floats:
    if values.size == 0:
        return np.full(draws, np.nan)
    # Few distinct values (0 and 1) are resampled by their counts, which is fast for any n.
    levels, counts = np.unique(values, return_counts=True)
    if levels.size <= 2:
        ones = rng.binomial(values.size, counts[-1] / values.size, draws) / values.size
        return np.asarray(levels[0] + (levels[-1] - levels[0]) * ones)
    return np.asarray(values[rng.integers(0, values.size, (draws, values.size))].mean(axis=1))


def percentiles(draws: Floats, size: int) -> tuple[float, float]:
    """Return the ends of a 95 % interval from bootstrap draws; NaN where a draw is.

    The percentiles are expanded for small samples, whose plain ones are too narrow. Source:
    Hesterberg, The American Statistician 69 (2015), section 4.

    Args:
        draws: From `bootstrap`.
        size: Number of things that were drawn, from `bootstrap`.
    """
    if size < 2:
        return math.nan, math.nan
    tail = 100 * float(ndtr(-math.sqrt(size / (size - 1)) * stdtrit(size - 1, 0.975)))
    low, high = np.percentile(draws, [tail, 100 - tail])
    return float(low), float(high)
