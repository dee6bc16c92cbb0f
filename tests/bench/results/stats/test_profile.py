from __future__ import annotations

import math

import pytest

from bench.results.stats import profile
from bench.results.stats.intervals import NAN3


def test_sizes_of_differences_are_averaged_whatever_their_sign() -> None:
    value, low, high = profile.distance([(0.5, 0.4, 0.6), (-0.3, -0.5, -0.1), NAN3])
    assert value == pytest.approx(0.4)
    # (0.1^2 + 0.2^2)^0.5 / 2 each way.
    assert (low, high) == pytest.approx((0.4 - 0.1118, 0.4 + 0.1118), abs=1e-4)


def test_a_difference_that_may_be_none_may_have_no_size() -> None:
    assert profile.distance([(0.1, -0.2, 0.4)]) == pytest.approx((0.1, 0.0, 0.4))
    assert profile.distance([(-0.1, -0.5, 0.2)]) == pytest.approx((0.1, 0.0, 0.5))
    assert profile.distance([(0.0, -0.1, 0.1), (0.0, -0.1, 0.1)])[:2] == (0.0, 0.0)


def test_a_distance_is_a_share_and_what_is_unknown_stays_unknown() -> None:
    assert profile.distance([(1.0, 0.5, 1.0), (-1.0, -1.0, -0.5)])[2] == 1.0
    assert all(map(math.isnan, profile.distance([NAN3])))
    value, low, high = profile.distance([(0.2, math.nan, math.nan), (0.4, 0.3, 0.5)])
    assert value == pytest.approx(0.3) and math.isnan(low) and math.isnan(high)
