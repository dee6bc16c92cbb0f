from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from bench.results.stats import intervals, propagation
from bench.results.stats.intervals import SHARE, Floats


def zeros_and_ones(ones: int, n: int) -> Floats:
    return np.array([1.0] * ones + [0.0] * (n - ones))


def headline(*concepts: tuple[tuple[int, int], ...]) -> intervals.Interval:
    groups = [[zeros_and_ones(*counts) for counts in concept] for concept in concepts]
    return propagation.formula_interval(intervals.harmonic_objects, groups, seed=0, bounds=SHARE)


def test_a_perfect_headline_is_no_surer_than_the_rates_it_is_made_of() -> None:
    """A bootstrap gave [1, 1] beside a target of 0 of 4 images, [0, 0.49]."""
    value, low, high = headline(((0, 4), (4, 4), (0, 4)))
    # All three at Clopper and Pearson's limits, 0.60 and 0.40, would be too much at once.
    assert value == high == 1 and 0.4 < low < 0.7
    # Several concepts that agree: surer, not certain.
    _, three, high = headline(*[((0, 4), (4, 4), (0, 4))] * 3)
    assert low < three < 0.9 and high == 1


def test_a_headline_that_lost_two_terms_still_has_a_width() -> None:
    """Square-and-add of one rate at a time would give [0, 0]."""
    value, low, high = headline(((20, 20), (20, 20), (20, 20)))
    assert value == low == 0 and 0.1 < high < 0.5


def test_the_interval_of_a_single_rate_is_clopper_and_pearsons() -> None:
    groups = [[zeros_and_ones(3, 20)]]
    _, low, high = propagation.formula_interval(np.asarray, groups, seed=0, bounds=SHARE)
    assert (low, high) == pytest.approx((0.032, 0.379), abs=0.01)


def test_concepts_that_lack_a_group_are_left_out_and_none_is_nan() -> None:
    whole = ((1, 4), (3, 4), (2, 4))
    assert headline(whole, ((1, 4), (0, 0), (2, 4))) == headline(whole)
    assert all(math.isnan(each) for each in headline(((1, 4), (0, 0), (2, 4))))


def test_means_without_bounds_spread_as_students() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(20, 2, 30), rng.normal(30, 2, 30)
    value, low, high = propagation.formula_interval(np.subtract, [[other, one]], seed=0)
    spread = 2.0 * math.sqrt(one.var(ddof=1) / 30 + other.var(ddof=1) / 30)
    assert value == pytest.approx(other.mean() - one.mean())
    assert (value - low, high - value) == pytest.approx((spread, spread), rel=0.1)
    # One value, and values that are all the same, tell nothing of a spread.
    for some in (np.array([1.0]), np.ones(5)):
        _, low, high = propagation.formula_interval(np.subtract, [[some, some]], seed=0)
        assert math.isnan(low) and math.isnan(high)


Remembered = Callable[..., intervals.Interval]


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find a concept's own interval once for the same counts, on which alone it depends."""
    found: dict[object, intervals.Interval] = {}
    real = propagation._of_concept

    def of_concept(formula: object, groups: list[Floats], *rest: object) -> intervals.Interval:
        key = (tuple((group.sum(), group.size) for group in groups), *rest)
        if key not in found:
            found[key] = real(formula, groups, *rest)  # type: ignore[arg-type]
        return found[key]

    monkeypatch.setattr(propagation, "_of_concept", of_concept)
    monkeypatch.setattr(propagation, "DRAWS", 1000)


ENDS = [
    (0.0, 1.0, 0.0),
    (0.01, 0.99, 0.01),
    (0.0, 0.98, 0.0),
    (0.02, 1.0, 0.02),
    (0.98, 0.02, 0.98),
    (1.0, 0.5, 0.5),
]


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("truth", ENDS)
@pytest.mark.parametrize(
    ("k", "n"), [(1, 4), (1, 20), (1, 200), (3, 4), (3, 50), (10, 4), (10, 20)]
)
def test_a_headline_near_0_or_1_is_covered_and_not_absurdly_wide(
    truth: tuple[float, ...], k: int, n: int
) -> None:
    rng = np.random.default_rng(1)
    true = float(intervals.harmonic_objects(*truth))
    hits, width, trials = 0, 0.0, 200
    for _ in range(trials):
        concepts = [[(rng.random(n) < rate).astype(float) for rate in truth] for _ in range(k)]
        found = propagation.formula_interval(
            intervals.harmonic_objects, concepts, seed=0, bounds=SHARE
        )
        hits += found[1] - 1e-12 <= true <= found[2] + 1e-12
        width += (found[2] - found[1]) / trials
    assert hits >= 0.93 * trials
    # As wide at most as a single rate of one concept's images can be.
    widest: npt.NDArray[np.float64] = np.array([b - a for _, a, b in [intervals.wilson(n // 2, n)]])
    assert width <= 1.3 * widest[0]


@pytest.mark.slow
@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("k", [1, 3, 10])
def test_headlines_of_all_rates_near_0_and_1_are_covered_over_2000_trials(k: int) -> None:
    rng = np.random.default_rng(2)
    ends = (0.0, 0.01, 0.02, 0.98, 0.99, 1.0)
    for n in (4, 20, 200):
        for gone in ends:
            for stays in ends:
                truth = (gone, stays, gone)
                true, hits = float(intervals.harmonic_objects(*truth)), 0
                for _ in range(2000):
                    some = [[(rng.random(n) < r).astype(float) for r in truth] for _ in range(k)]
                    _, low, high = propagation.formula_interval(
                        intervals.harmonic_objects, some, seed=0, bounds=SHARE
                    )
                    hits += low - 1e-12 <= true <= high + 1e-12
                assert hits >= 0.93 * 2000, (n, truth, hits / 2000)
