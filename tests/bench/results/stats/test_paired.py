from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from bench.results.stats import intervals, paired


def binary(rng: np.random.Generator, n: int, rate: float) -> intervals.Floats:
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
    assert paired.permutation(some, seed=0)[1] == pytest.approx(expected, abs=0.02)


def test_permutation_keeps_its_level_and_finds_a_difference() -> None:
    rng = np.random.default_rng(2)
    p = [paired.permutation(rng.normal(0, 1, 10), seed=0)[1] for _ in range(1000)]
    assert 0.03 < np.mean(np.array(p) <= 0.05) < 0.07
    assert paired.permutation(np.full(10, 0.3), seed=0)[1] == 2 / 2**10


def test_holm_by_hand() -> None:
    # 4 tests: 0.01 x 4, then 0.02 x 3, then 0.03 x 2 (not below what came before), then 0.5.
    assert paired.holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    with_gap = paired.holm([0.04, math.nan, 0.01])
    assert math.isnan(with_gap[1]) and with_gap[0] == pytest.approx(0.04)
    assert with_gap[2] == pytest.approx(0.02)
    assert paired.holm([0.9, 0.8]) == [1.0, 1.0]


def compared(
    run: intervals.Floats, baseline: intervals.Floats, *, share: bool = True
) -> paired.Compared:
    return paired.compared(run, baseline, share=share, seed=0)


def test_no_pair_differs_and_still_the_difference_of_shares_has_a_width() -> None:
    found = compared(np.ones(50), np.ones(50))
    value, low, high = found.interval
    assert value == 0 and low < 0 < high and found.p == 1
    # Of means nothing tells how far others may lie.
    found = compared(np.ones(50), np.ones(50), share=False)
    assert found.interval[0] == 0 and math.isnan(found.interval[1]) and found.p == 1


def test_unmeasured_pairs_count_nowhere() -> None:
    run, baseline = np.array([1.0, math.nan, 0.0, 1.0]), np.array([0.0, 0.0, math.nan, 0.0])
    found = compared(run, baseline)
    assert found.interval[0] == 1 and found.n == 2
    nothing = compared(run[1:2], baseline[1:2])
    assert nothing.n == 0 and math.isnan(nothing.p) and math.isnan(nothing.interval[0])


@pytest.mark.parametrize("share", [True, False])
def test_fewer_pairs_than_any_test_needs_have_no_p(share: bool) -> None:
    for n in (1, 5):
        found = compared(np.ones(n), np.zeros(n), share=share)
        assert found.interval[0] == 1 and math.isnan(found.p)
        low = found.interval[1]
        assert low < 0 if share else math.isnan(low)
    assert compared(np.ones(6), np.zeros(6), share=share).p == 2 / 2**6


def test_test_and_interval_never_contradict_each_other() -> None:
    """Every table of pairs up to 25, and means of 6 to 30 pairs."""
    for n in range(6, 26):
        for up in range(n + 1):
            for down in range(n + 1 - up):
                run = np.array([1.0] * up + [0.0] * (n - up))
                baseline = np.array([0.0] * up + [1.0] * down + [0.0] * (n - up - down))
                found = compared(run, baseline)
                _, low, high = found.interval
                assert (found.p <= 0.05) == (low > 0 or high < 0), (n, up, down)
    rng = np.random.default_rng(7)
    for shift in (0.0, 0.3, 0.6) * 40:
        some = rng.normal(shift, 1, rng.integers(6, 31))
        (_, low, high), p = paired.permutation(some, seed=0)
        assert (p <= 0.05) == (low > 0 or high < 0)


def test_the_difference_of_paired_rates_is_covered() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        baseline = binary(rng, 60, 0.7)
        run = np.where(rng.random(60) < 0.3, 1 - baseline, baseline)
        # Flipping 30 %: 0.7 becomes 0.7 x 0.7 + 0.3 x 0.3.
        _, low, high = compared(run, baseline).interval
        hits += low <= 0.58 - 0.7 <= high
    assert 0.94 <= hits / 2000 <= 0.98


@pytest.mark.parametrize("rates", [(0.0, 1.0), (0.01, 0.99), (0.02, 0.02), (1.0, 1.0)])
def test_the_difference_is_covered_at_the_ends(rates: tuple[float, float]) -> None:
    rng = np.random.default_rng(8)
    for n in (4, 20, 200):
        hits = 0
        for _ in range(500):
            run, baseline = (binary(rng, n, rate) for rate in rates)
            _, low, high = compared(run, baseline).interval
            hits += low <= rates[0] - rates[1] <= high
        assert hits >= 0.93 * 500, n


@pytest.mark.parametrize("n", [8, 20])
def test_the_difference_of_means_is_covered(n: int) -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(500):
        baseline = rng.normal(0, 1, n)
        run = baseline + rng.normal(0.3, 0.5, n)
        _, low, high = compared(run, baseline, share=False).interval
        hits += low <= 0.3 <= high
    assert 0.93 <= hits / 500 <= 0.975
