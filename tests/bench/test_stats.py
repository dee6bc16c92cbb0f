from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from bench import stats


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (4, 100), (50, 100), (10, 10), (1, 1)])
def test_wilson_agrees_with_scipy(successes: int, n: int) -> None:
    rate, low, high = stats.wilson(successes, n)
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert rate == successes / n
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= rate <= high <= 1


def test_nothing_measured_is_nan_not_zero() -> None:
    assert all(math.isnan(x) for x in stats.wilson(0, 0))
    assert all(math.isnan(x) for x in stats.mean_interval(np.array([]), seed=0))


def test_wilson_refuses_more_successes_than_images() -> None:
    with pytest.raises(ValueError, match="3 successes of 2"):
        stats.wilson(3, 2)


def test_harmonic_objects_against_a_hand_calculation() -> None:
    # 3 / (1/0.9 + 1/0.8 + 1/0.5)
    assert float(stats.harmonic_objects(0.1, 0.8, 0.5)) == pytest.approx(0.687898, abs=1e-6)
    assert float(stats.harmonic_objects(0, 1, 0)) == 1.0


@pytest.mark.parametrize("rates", [(1, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 1)])
def test_harmonic_objects_is_zero_when_a_term_is(rates: tuple[float, float, float]) -> None:
    assert float(stats.harmonic_objects(*rates)) == 0.0


def test_harmonic_celebrities_against_a_hand_calculation() -> None:
    assert float(stats.harmonic_celebrities(0.2, 0.4)) == pytest.approx(2 / (1 / 0.8 + 1 / 0.4))


def test_a_missing_rate_makes_the_headline_nan_even_beside_a_zero() -> None:
    assert math.isnan(float(stats.harmonic_objects(1, 0.5, math.nan)))


def test_bootstrap_spreads_like_the_mean_and_repeats_by_seed() -> None:
    hits = np.array([1.0] * 30 + [0.0] * 70)
    draws = stats.bootstrap(lambda mean: mean, [hits], seed=3)
    again = stats.bootstrap(lambda mean: mean, [hits], seed=3)
    assert np.array_equal(draws, again)
    assert draws.mean() == pytest.approx(0.3, abs=0.01)
    assert draws.std() == pytest.approx(math.sqrt(0.3 * 0.7 / 100), rel=0.1)


def test_bootstrap_of_real_values_spreads_like_their_standard_error() -> None:
    values = np.random.default_rng(0).random(200)
    draws = stats.bootstrap(lambda mean: mean, [values], seed=0)
    assert draws.std() == pytest.approx(values.std() / math.sqrt(200), rel=0.1)


def test_mean_interval_contains_the_mean() -> None:
    value, low, high = stats.mean_interval(np.array([0.2, 0.4, 0.9, 0.3]), seed=0)
    assert low < value < high
    assert value == pytest.approx(0.45)


def test_constant_values_have_no_spread() -> None:
    assert stats.mean_interval(np.full(5, 0.25), seed=0) == (0.25, 0.25, 0.25)
