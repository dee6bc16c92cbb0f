"""Intervals of functions of rates and means, which keep a width where rates are 0 or 1; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from bench.results.stats import intervals
from bench.results.stats.intervals import ANY, SHARE, Bounds, Floats, Interval

DRAWS = 2000
Formula = Callable[..., npt.ArrayLike]
Groups = Sequence[Floats]
Pair = tuple[Floats, Floats]
"""Draws of what a rate is at least, and of what it is at most."""


def rates(rate: float, n: float, rng: np.random.Generator) -> Pair:
    """Return draws of what a rate is at least and at most that was seen among n zeros and ones.

    Their 2.5 % and 97.5 % quantiles are Clopper and Pearson's limits: Beta(x, n - x + 1), which is
    0 where nothing was seen, and Beta(x + 1, n - x), which is 1 where everything was. Source: Fay,
    Proschan and Brittain, Biometrics 71 (2015), section 3.

    Args:
        rate: In [0, 1].
        n: Number of zeros and ones; need not be whole.
        rng: Source of the draws.
    """
    yes, other, no = (_gamma(size, rng) for size in (rate * n, 1.0, (1 - rate) * n))
    whole = yes + other + no
    return yes / whole, (yes + other) / whole


def _gamma(shape: float, rng: np.random.Generator) -> Floats:
    # Rounding must not make a rate of 0 or 1 into one beside it.
    return rng.standard_gamma(shape if shape > 1e-9 else 0.0, DRAWS)


def melded(
    formula: Formula, pairs: Sequence[Pair], unknown: Bounds = (math.nan, math.nan)
) -> tuple[float, float]:
    """Return the 95 % interval of a formula, monotone in each argument, of what was drawn.

    Its lower limit comes from the end of each argument that makes it small, its upper one from the
    other. Source: Fay, Proschan and Brittain, Biometrics 71 (2015), equation 4.

    Args:
        formula: Vectorised over draws.
        pairs: Draws of each argument.
        unknown: What the formula is at least and at most where it is NaN.
    """
    corners = np.stack([np.asarray(formula(*some)) for some in product(*pairs)])
    least, most = (np.where(np.isnan(corners), end, corners) for end in unknown)
    low, high = least.min(axis=0), most.max(axis=0)
    return float(np.percentile(low, 2.5)), float(np.percentile(high, 97.5))


def formula_interval(
    formula: Formula, concepts: Sequence[Groups], *, seed: int, bounds: Bounds = ANY
) -> Interval:
    """Return the mean over concepts of a formula of their group means, with its 95 % interval.

    That is how the field averages a headline over concepts. A concept's own interval is `melded`;
    over several these are added square by square (Zou and Donner, Statistics in Medicine 27, 2008),
    or it is that of the concepts' values, `_between`, where that is wider.

    Args:
        formula: Vectorised over draws and monotone; takes one array of means a group.
        concepts: For each its groups of values; one with an empty group is left out.
        seed: Of the draws.
        bounds: The least and the greatest that a value, and the formula, can be.

    Returns:
        NaN where no concept has all groups; NaN limits where nothing tells of the spread.
    """
    full = [groups for groups in concepts if all(group.size for group in groups)]
    if not full:
        return intervals.NAN3
    alone = len(full) == 1
    own = [_of_concept(formula, groups, seed, bounds, alone) for groups in full]
    values = np.array([value for value, _, _ in own])
    value = float(values.mean())
    low, high = (
        math.sqrt(sum((each[0] - each[end]) ** 2 for each in own)) / len(own) for end in (1, 2)
    )
    if not alone:
        below, above = _between(values, bounds)
        low, high = max(low, below), max(high, above)
    if math.isnan(low) or low + high <= 1e-12 * abs(value):
        return value, math.nan, math.nan
    return value, max(bounds[0], value - low), min(bounds[1], value + high)


def _between(values: Floats, bounds: Bounds) -> tuple[float, float]:
    """Return how far below and above their mean the interval of concepts' values reaches.

    Student's; of values from 0 to 1 no further than Wilson's of so many zeros and ones.
    """
    k, mean = values.size, float(values.mean())
    half = intervals.student(k - 1) * float(values.std(ddof=1)) / math.sqrt(k)
    if bounds != SHARE:
        return half, half
    _, low, high = intervals.wilson_rate(mean, k)
    return min(half, mean - low), min(half, high - mean)


def _of_concept(
    formula: Formula, groups: Groups, seed: int, bounds: Bounds, alone: bool
) -> Interval:
    rng = np.random.default_rng(seed)
    value = float(np.asarray(formula(*(group.mean() for group in groups))))
    low, high = melded(formula, [_drawn(group, rng, bounds, alone) for group in groups])
    return value, min(value, low), max(value, high)


def _drawn(values: Floats, rng: np.random.Generator, bounds: Bounds, alone: bool) -> Pair:
    """Return draws of the mean of one concept's values; NaN of one value without bounds."""
    if bounds == SHARE:
        n = intervals.effective([values])
        return rates(float(values.mean()), n if alone else intervals.unlike(n), rng)
    error = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else math.nan
    drawn = values.mean() + error * rng.standard_t(max(1, values.size - 1), DRAWS)
    return drawn, drawn
