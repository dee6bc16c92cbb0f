from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, ttest_1samp

from bench.results.stats import intervals


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (4, 100), (50, 100), (10, 10), (4, 9)])
def test_wilson_agrees_with_scipy(successes: int, n: int) -> None:
    rate, low, high = intervals.wilson(successes, n)
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert rate == successes / n
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= rate <= high <= 1


def test_nothing_measured_is_nan_not_zero() -> None:
    assert all(math.isnan(x) for x in intervals.wilson(0, 0))
    assert all(math.isnan(x) for x in intervals.mean_interval([np.array([])]))


def test_wilson_refuses_more_successes_than_images() -> None:
    with pytest.raises(ValueError, match="3 successes of 2"):
        intervals.wilson(3, 2)


def test_harmonic_objects_against_a_hand_calculation() -> None:
    # 3 / (1/0.9 + 1/0.8 + 1/0.5)
    assert float(intervals.harmonic_objects(0.1, 0.8, 0.5)) == pytest.approx(0.687898, abs=1e-6)
    assert float(intervals.harmonic_objects(0, 1, 0)) == 1.0


@pytest.mark.parametrize("rates", [(1, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 1)])
def test_harmonic_objects_is_zero_when_a_term_is(rates: tuple[float, float, float]) -> None:
    assert float(intervals.harmonic_objects(*rates)) == 0.0


def test_harmonic_celebrities_against_a_hand_calculation() -> None:
    assert float(intervals.harmonic_celebrities(0.2, 0.4)) == pytest.approx(2 / (1 / 0.8 + 1 / 0.4))


def test_a_missing_rate_makes_the_headline_nan_even_beside_a_zero() -> None:
    assert math.isnan(float(intervals.harmonic_objects(1, 0.5, math.nan)))


def test_mean_interval_of_one_concept_is_students() -> None:
    values = np.array([0.2, 0.4, 0.9, 0.3])
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert intervals.mean_interval([values]) == pytest.approx((0.45, expected.low, expected.high))


def test_values_that_are_all_the_same_tell_nothing_of_their_spread() -> None:
    for values in (np.full(5, 3.25), np.array([3.25])):
        value, low, high = intervals.mean_interval([values])
        assert value == 3.25 and math.isnan(low) and math.isnan(high)


def test_a_mean_of_probabilities_is_as_honest_at_1_as_a_share() -> None:
    """The old bootstrap gave [1, 1] and [0.9999, 0.9999]."""
    ones = intervals.mean_interval([np.ones(20)], intervals.SHARE)
    assert ones == pytest.approx(intervals.wilson(20, 20))
    _, low, high = intervals.mean_interval([np.full(20, 0.9999)], intervals.SHARE)
    assert low == pytest.approx(ones[1], abs=0.01) and high <= 1
    # What lies in between is known far better than zeros and ones are.
    _, low, high = intervals.mean_interval([np.tile([0.45, 0.55], 50)], intervals.SHARE)
    assert 0.02 < high - low < 0.1


def test_a_mean_stays_within_its_bounds() -> None:
    _, low, _ = intervals.mean_interval([np.array([0.0, 0.0, 0.1])], (0.0, math.inf))
    assert low == 0.0


def test_means_pool_the_images_of_unequal_clusters() -> None:
    some = [np.array([1.0, 1.2]), np.array([]), 3.0 + np.arange(6)]
    assert intervals.mean_interval(some)[0] == pytest.approx(np.concatenate(some).mean())
    ones = [np.ones(1), np.zeros(3)]
    assert (
        intervals.rate_interval(ones)[0]
        == intervals.mean_interval(ones, intervals.SHARE)[0]
        == 0.25
    )


def test_a_total_is_the_sum_of_all_images() -> None:
    some = [np.array([1.0]), np.array([]), np.array([0.0, 0.0, 0.0])]
    total, low, high = intervals.total_interval(some)
    assert total == 1 and 0 <= low < 1 < high
    # Nothing in 50 images: a Poisson mean of 3.84 has a chance of 2 % to show nothing.
    assert intervals.total_interval([np.zeros(50)]) == pytest.approx((0, 0, intervals.Z95**2))
    assert intervals.total_interval([np.zeros(50)] * 4)[2] > 2 * intervals.Z95**2
    assert all(math.isnan(each) for each in intervals.total_interval([np.array([])]))


def test_one_cluster_is_wilson() -> None:
    hits = np.array([1.0] * 30 + [0.0] * 70)
    assert intervals.rate_interval([hits]) == pytest.approx(intervals.wilson(30, 100))
    some = [np.zeros(5), np.array([])]
    assert intervals.rate_interval(some) == pytest.approx(intervals.wilson(0, 5))
    assert all(math.isnan(x) for x in intervals.rate_interval([np.array([])]))


def test_clusters_that_agree_are_not_taken_for_one_concept() -> None:
    """The old interval was that of 2,000 independent images, [0, 0.002]."""
    _, _, high = intervals.rate_interval([np.zeros(200)] * 10)
    assert 3 * intervals.wilson(0, 2000)[2] < high < intervals.wilson(0, 200)[2]


def test_two_concepts_tell_little_and_not_nothing() -> None:
    """Student's factor of two clusters, 12.7, would give [0, 1 - 1e-9] and 365 detections."""
    some = [np.array([1.0]), np.zeros(3)]
    rate, low, high = intervals.rate_interval(some)
    assert rate == 0.25 and 0 < low < 0.01 and 0.9 < high < 0.95
    total, low, high = intervals.total_interval(some)
    assert total == 1 and 0 < low < 0.2 and 5 < high < 15
    # Concepts that are all or nothing are as many zeros and ones.
    apart = [np.ones(50), np.zeros(50), np.zeros(50)]
    assert intervals.rate_interval(apart) == pytest.approx(intervals.wilson(1, 3), abs=0.01)


def test_clusters_that_differ_widen_the_interval() -> None:
    apart = [np.ones(100), np.zeros(100), np.ones(100), np.zeros(100)]
    rate, low, high = intervals.rate_interval(apart)
    _, narrow, wide = intervals.wilson(200, 400)
    assert rate == 0.5 and low < narrow - 0.2 and high > wide + 0.2


def clusters(rng: np.random.Generator) -> list[intervals.Floats]:
    """Ten concepts of 50 images with rates of their own, 0.4 on average."""
    return [(rng.random(50) < rate).astype(float) for rate in rng.beta(4, 6, 10)]


def test_intervals_cover_what_they_should() -> None:
    """Nominal coverage over 2,000 trials: rates, means and totals, of one cluster and of ten."""
    rng = np.random.default_rng(0)
    hits = dict.fromkeys(("rate", "clustered", "mean", "clustered mean", "unequal", "total"), 0)
    for _ in range(2000):
        truth = rng.uniform(0.05, 0.95)
        found = {"rate": (truth, intervals.wilson(int(rng.binomial(50, truth)), 50))}
        found["clustered"] = (0.4, intervals.rate_interval(clusters(rng)))
        found["mean"] = (0.0, intervals.mean_interval([rng.normal(0, 1, 40)]))
        shifts = rng.normal(0, 1, 10)
        found["clustered mean"] = (
            0.0,
            intervals.mean_interval([rng.normal(s, 1, 20) for s in shifts]),
        )
        sizes = rng.integers(10, 40, 10)
        some = [rng.normal(s, 1, n) for s, n in zip(shifts, sizes, strict=True)]
        found["unequal"] = (0.0, intervals.mean_interval(some))
        counts = rng.poisson(rng.gamma(0.5, 2.0, 200))
        found["total"] = (200.0, intervals.total_interval([counts.astype(float)]))
        for name, (true, (_, low, high)) in found.items():
            hits[name] += low <= true <= high
    coverage = {name: count / 2000 for name, count in hits.items()}
    assert all(0.93 <= share <= 0.97 for share in coverage.values()), coverage


def test_images_alone_would_not_cover_what_differs_between_concepts() -> None:
    """The control of the test above: Wilson's interval of the pooled images is far too narrow."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(500):
        pooled = np.concatenate(clusters(rng))
        _, low, high = intervals.wilson(int(pooled.sum()), pooled.size)
        hits += low <= 0.4 <= high
    assert hits / 500 < 0.7


ENDS = (0.0, 0.01, 0.02, 0.98, 0.99, 1.0)


@pytest.mark.parametrize("n", [4, 8, 16, 50, 100, 200])
def test_a_rate_near_0_or_1_is_covered(n: int) -> None:
    """Exact coverage; without the correction for few successes it is 0.85 at n = 16, p = 0.01."""
    found = [intervals.wilson(x, n) for x in range(n + 1)]
    for p in ENDS:
        covers = [low <= p <= high for _, low, high in found]
        assert binom.pmf(np.flatnonzero(covers), n, p).sum() >= 0.93, p


@pytest.mark.parametrize("k", [3, 10])
@pytest.mark.parametrize("p", ENDS)
def test_clustered_rates_near_0_or_1_are_covered_and_not_absurdly_wide(k: int, p: float) -> None:
    rng = np.random.default_rng(5)
    for n in (4, 20, 200):
        hits, width, reference = 0, 0.0, 0.0
        for _ in range(300):
            some = [(rng.random(n) < p).astype(float) for _ in range(k)]
            _, low, high = intervals.rate_interval(some)
            hits += low <= p <= high
            width += high - low
            pooled = intervals.wilson(int(sum(each.sum() for each in some)), n * k)
            reference += pooled[2] - pooled[1]
        assert hits >= 0.93 * 300 and width < 6 * reference, (n, hits / 300, width / reference)


def test_rare_failures_of_concepts_that_differ_are_covered() -> None:
    """Ten concepts whose rates differ by what `ALIKE` allows; pooled images cover far less."""
    rng = np.random.default_rng(6)
    odds = (1 - intervals.ALIKE) / intervals.ALIKE
    hits = pooled = 0
    for _ in range(1000):
        rates = rng.beta(0.02 * odds, 0.98 * odds, 10)
        some = [(rng.random(200) < rate).astype(float) for rate in rates]
        _, low, high = intervals.rate_interval(some)
        hits += low <= 0.02 <= high
        _, low, high = intervals.wilson(int(sum(each.sum() for each in some)), 2000)
        pooled += low <= 0.02 <= high
    assert hits >= 910 and pooled < 700
