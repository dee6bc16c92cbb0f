"""How far two runs' profiles of rates lie apart; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.results.stats import intervals
from bench.results.stats.intervals import Interval


def distance(differences: Sequence[Interval]) -> Interval:
    """Return the mean absolute difference of rates, with its 95 % interval.

    The parts' intervals, each of its absolute difference, are added square by square (Zou and
    Donner, Statistics in Medicine 27, 2008), as if the parts were independent.

    Args:
        differences: Of each rate the difference with its limits; those that are NaN do not count.

    Returns:
        NaN where there is no difference; NaN limits where one of a part is not known.
    """
    known = [each for each in differences if not math.isnan(each[0])]
    if not known:
        return intervals.NAN3
    values = [abs(value) for value, _, _ in known]
    mean = sum(values) / len(known)
    ends = [_absolute(low, high) for _, low, high in known]
    below = math.hypot(*(v - least for v, (least, _) in zip(values, ends, strict=True)))
    above = math.hypot(*(most - v for v, (_, most) in zip(values, ends, strict=True)))
    if math.isnan(below + above):
        return mean, math.nan, math.nan
    return mean, max(0.0, mean - below / len(known)), min(1.0, mean + above / len(known))


def _absolute(low: float, high: float) -> tuple[float, float]:
    """Return the least and the most that the size of a number between two limits can be."""
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return least, max(abs(low), abs(high))
