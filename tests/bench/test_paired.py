from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from bench import paired, stats


def binary(rng: np.random.Generator, n: int, rate: float) -> stats.Floats:
    return (rng.random(n) < rate).astype(float)


@pytest.mark.parametrize(("up", "down"), [(0, 0), (9, 1), (1, 9), (5, 5), (0, 6)])
def test_mcnemar_is_the_binomial_test_of_the_pairs_that_differ(up: int, down: int) -> None:
    run = np.array([1.0] * up + [0.0] * down + [1.0] * 7)
    baseline = np.array([0.0] * up + [1.0] * down + [1.0] * 7)
    expected = binomtest(up, up + down).pvalue if up + down else 1.0
    assert paired.mcnemar(run, baseline) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [6, 40])
def test_permutation_agrees_with_scipy(n: int) -> None:
    rng = np.random.default_rng(1)
    some = rng.normal(0.4, 1, n)
    expected = permutation_test(
        (some,), np.mean, permutation_type="samples", n_resamples=20_000, rng=rng
    ).pvalue
    assert paired.permutation(some, seed=0) == pytest.approx(expected, abs=0.02)


def test_permutation_keeps_its_level_and_finds_a_difference() -> None:
    rng = np.random.default_rng(2)
    p = [paired.permutation(rng.normal(0, 1, 10), seed=0) for _ in range(1000)]
    assert 0.03 < np.mean(np.array(p) <= 0.05) < 0.07
    assert paired.permutation(np.full(10, 0.3), seed=0) == 2 / 2**10


def test_holm_by_hand() -> None:
    # 4 tests: 0.01 x 4, then 0.02 x 3, then 0.03 x 2 (not below what came before), then 0.5.
    assert paired.holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    with_gap = paired.holm([0.04, math.nan, 0.01])
    assert math.isnan(with_gap[1]) and with_gap[0] == pytest.approx(0.04)
    assert with_gap[2] == pytest.approx(0.02)
    assert paired.holm([0.9, 0.8]) == [1.0, 1.0]


def test_no_pair_differs_and_still_the_difference_has_a_width() -> None:
    ones = [np.ones(50)]
    value, low, high = paired.difference(ones, ones, seed=0)
    assert value == 0 and low < 0 < high
    assert paired.p_value(ones, ones, seed=0) == 1


def test_unmeasured_pairs_count_nowhere() -> None:
    run, baseline = np.array([1.0, math.nan, 0.0, 1.0]), np.array([0.0, 0.0, math.nan, 0.0])
    assert paired.difference([run], [baseline], seed=0)[0] == 1
    assert math.isnan(paired.p_value([run[1:2]], [baseline[1:2]], seed=0))


def test_several_clusters_are_tested_as_clusters() -> None:
    """Three concepts can never be significant, however many images each has."""
    run, baseline = [np.ones(200)] * 3, [np.zeros(200)] * 3
    assert paired.p_value(run, baseline, seed=0) == 2 / 2**3


def covered(low: float, truth: float, high: float) -> bool:
    return low <= truth <= high


def test_the_difference_of_paired_rates_is_covered() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        baseline = binary(rng, 60, 0.7)
        run = np.where(rng.random(60) < 0.3, 1 - baseline, baseline)
        # Flipping 30 %: 0.7 becomes 0.7 x 0.7 + 0.3 x 0.3.
        _, low, high = paired.difference([run], [baseline], seed=0)
        hits += covered(low, 0.58 - 0.7, high)
    assert 0.94 <= hits / 2000 <= 0.96


def test_the_difference_of_clustered_means_is_covered() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(2000):
        shifts = rng.normal(0.3, 0.5, 10)
        baseline = [rng.normal(0, 1, 20) for _ in shifts]
        run = [one + rng.normal(s, 0.5, 20) for one, s in zip(baseline, shifts, strict=True)]
        _, low, high = paired.difference(run, baseline, seed=0)
        hits += covered(low, 0.3, high)
    assert 0.94 <= hits / 2000 <= 0.96
