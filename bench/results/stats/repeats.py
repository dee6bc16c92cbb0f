"""Scores of runs that differ in the seed of the erasure alone; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of some seeds' values and their sample standard deviation.

    Args:
        values: One a seed; NaN is one that was not measured, and makes both NaN.
    """
    if not values or any(math.isnan(value) for value in values):
        return math.nan, math.nan
    return fmean(values), stdev(values) if len(values) > 1 else math.nan
