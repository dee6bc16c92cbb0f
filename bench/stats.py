"""Rates, intervals and harmonic means; pure numpy, no I/O, no state."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""

NAN3 = (math.nan, math.nan, math.nan)


def wilson(successes: int, n: int) -> tuple[float, float, float]:
    """Return a rate and its 95 % Wilson score interval.

    The interval stays inside [0, 1] and is honest at 0 and 1, where the normal one has no width.

    Returns:
        rate, low, high; NaN for n = 0.

    Raises:
        ValueError: if not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return NAN3
    rate = successes / n
    spread = Z95 * math.sqrt(rate * (1 - rate) / n + Z95**2 / (4 * n**2))
    centre, scale = rate + Z95**2 / (2 * n), 1 + Z95**2 / n
    # At the ends the closed form is exact only up to rounding; the rate must lie inside.
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return rate, low, high


def mean_interval(values: Floats, *, seed: int) -> tuple[float, float, float]:
    """Return the mean of values and its 95 % bootstrap interval; NaN when there are none."""
    if values.size == 0:
        return NAN3
    low, high = percentiles(bootstrap(lambda mean: mean, [values], seed=seed))
    return float(values.mean()), low, high


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


def bootstrap(
    fn: Callable[..., npt.ArrayLike],
    groups: Sequence[Floats],
    *,
    seed: int | tuple[int, ...],
    draws: int = 2000,
) -> Floats:
    """Return `fn` of the resampled group means, one value a draw.

    Images are resampled with replacement inside each group, so that the groups keep their sizes.

    Args:
        fn: Vectorised; takes one array of `draws` means a group.
        groups: Values per image, one array a group; an empty group has NaN means.
        seed: Seed of the numpy Generator that the draws come from.
        draws: Number of resamples.
    """
    rng = np.random.default_rng(seed)
    return np.asarray(fn(*[_resampled_means(group, rng, draws) for group in groups]))


def _resampled_means(values: Floats, rng: np.random.Generator, draws: int) -> Floats:
    if values.size == 0:
        return np.full(draws, np.nan)
    # Few distinct values (0 and 1) are resampled by their counts, which is fast for any n.
    levels, counts = np.unique(values, return_counts=True)
    if levels.size <= 2:
        ones = rng.binomial(values.size, counts[-1] / values.size, draws) / values.size
        return np.asarray(levels[0] + (levels[-1] - levels[0]) * ones)
    means = [values[rng.integers(0, values.size, values.size)].mean() for _ in range(draws)]
    return np.asarray(means)


def percentiles(draws: Floats) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % percentiles of bootstrap draws."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
