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
    assert all(math.isnan(x) for x in stats.mean_interval([np.array([])], seed=0))


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
    draws, size = stats.bootstrap(lambda mean: mean, [[hits]], seed=3)
    again, _ = stats.bootstrap(lambda mean: mean, [[hits]], seed=3)
    assert size == 100
    assert np.array_equal(draws, again)
    assert draws.mean() == pytest.approx(0.3, abs=0.01)
    assert draws.std() == pytest.approx(math.sqrt(0.3 * 0.7 / 100), rel=0.1)


def test_bootstrap_of_real_values_spreads_like_their_standard_error() -> None:
    values = np.random.default_rng(0).random(200)
    draws, _ = stats.bootstrap(lambda mean: mean, [[values]], seed=0)
    assert draws.std() == pytest.approx(values.std() / math.sqrt(200), rel=0.1)


def test_mean_interval_contains_the_mean() -> None:
    value, low, high = stats.mean_interval([np.array([0.2, 0.4, 0.9, 0.3])], seed=0)
    assert low < value < high
    assert value == pytest.approx(0.45)


def test_constant_values_have_no_spread() -> None:
    assert stats.mean_interval([np.full(5, 0.25)], seed=0) == (0.25, 0.25, 0.25)


def test_one_cluster_is_wilson_and_equal_clusters_cost_nothing() -> None:
    hits = np.array([1.0] * 30 + [0.0] * 70)
    assert stats.clustered_rate([hits]) == stats.wilson(30, 100)
    assert stats.clustered_rate([hits, hits]) == stats.wilson(60, 200)
    assert stats.clustered_rate([np.zeros(5), np.array([])]) == stats.wilson(0, 5)
    assert all(math.isnan(x) for x in stats.clustered_rate([np.array([])]))


def test_clusters_that_differ_widen_the_interval() -> None:
    apart = [np.ones(100), np.zeros(100), np.ones(100), np.zeros(100)]
    rate, low, high = stats.clustered_rate(apart)
    _, narrow, wide = stats.wilson(200, 400)
    assert rate == 0.5 and low < narrow - 0.2 and high > wide + 0.2


def clusters(rng: np.random.Generator) -> list[stats.Floats]:
    """Ten concepts of 50 images with rates of their own, 0.4 on average."""
    return [(rng.random(50) < rate).astype(float) for rate in rng.beta(4, 6, 10)]


def test_intervals_cover_what_they_should() -> None:
    """Nominal coverage over 2,000 trials: rates, clustered rates, means and a headline."""
    rng = np.random.default_rng(0)
    hits = dict.fromkeys(("rate", "clustered", "mean", "clustered mean", "headline"), 0)
    for _ in range(2000):
        truth = rng.uniform(0.05, 0.95)
        found = {"rate": (truth, stats.wilson(int(rng.binomial(50, truth)), 50))}
        found["clustered"] = (0.4, stats.clustered_rate(clusters(rng)))
        found["mean"] = (0.0, stats.mean_interval([rng.normal(0, 1, 40)], seed=1))
        shifted = [rng.normal(shift, 1, 20) for shift in rng.normal(0, 1, 10)]
        found["clustered mean"] = (0.0, stats.mean_interval(shifted, seed=1))
        groups = [
            (rng.random(n) < rate).astype(float) for n, rate in ((50, 0.2), (130, 0.9), (51, 0.3))
        ]
        draws, size = stats.bootstrap(stats.harmonic_objects, [groups], seed=1)
        value = float(stats.harmonic_objects(0.2, 0.9, 0.3))
        found["headline"] = (value, (value, *stats.percentiles(draws, size)))
        for name, (true, (_, low, high)) in found.items():
            hits[name] += low <= true <= high
    coverage = {name: count / 2000 for name, count in hits.items()}
    assert all(0.94 <= share <= 0.96 for share in coverage.values()), coverage


def test_images_alone_would_not_cover_what_differs_between_concepts() -> None:
    """The control of the test above: Wilson's interval of the pooled images is far too narrow."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(500):
        pooled = np.concatenate(clusters(rng))
        _, low, high = stats.wilson(int(pooled.sum()), pooled.size)
        hits += low <= 0.4 <= high
    assert hits / 500 < 0.7
