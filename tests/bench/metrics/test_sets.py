"""FID and KID from features, against torch-fidelity's own and independent evaluations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from bench.metrics import _sets
from bench.metrics._sets import Moments, frechet, kernel, moments


def features(n: int, shift: float, seed: int, width: int = 6) -> torch.Tensor:
    """Features in which dimensions hang together, as a network's do."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=torch.Generator().manual_seed(9))
    return torch.randn(n, width, generator=generator).relu() @ mixing + shift


def of(rows: torch.Tensor, size: int = 1000) -> Moments:
    found = moments(rows.split(size))
    assert found is not None
    return found


def torch_fidelitys(one: torch.Tensor, two: torch.Tensor) -> float:
    statistics = [fid_features_to_statistics(rows.double()) for rows in (one, two)]
    found: float = fid_statistics_to_metric(*statistics, verbose=False)[
        "frechet_inception_distance"
    ]
    return found


@pytest.mark.parametrize(("n", "m", "width"), [(300, 300, 6), (90, 4000, 32), (700, 650, 256)])
def test_fid_is_torch_fidelitys_of_the_same_features(n: int, m: int, width: int) -> None:
    one, two = features(n, 0.0, 0, width), features(m, 0.3, 1, width)
    assert frechet(of(one), of(two)) == pytest.approx(torch_fidelitys(one, two), rel=1e-9)


def test_fid_is_that_of_an_independent_evaluation() -> None:
    one, two = features(300, 0.0, 0).double().numpy(), features(250, 0.5, 1).double().numpy()
    a, b = np.cov(one.T), np.cov(two.T)
    gap = one.mean(0) - two.mean(0)
    expected = gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet(of(torch.tensor(one)), of(torch.tensor(two))) == pytest.approx(
        expected, rel=1e-8
    )


def test_covariances_may_be_singular() -> None:
    """Fewer features than dimensions, and a dimension that never changes."""
    one, two = features(20, 0.0, 0, 64), features(30, 0.4, 1, 64)
    one[:, 5] = two[:, 5] = 1.0
    assert frechet(of(one), of(two)) == pytest.approx(torch_fidelitys(one, two), rel=1e-6)
    # Two points against three, by hand: covariances along one axis, of 2 and of 1.
    two_points = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    three_points = torch.tensor([[3.0, 1.0], [3.0, 0.0], [3.0, -1.0]])
    assert frechet(of(two_points), of(three_points)) == pytest.approx(9 + 2 + 1, rel=1e-12)


@pytest.mark.parametrize("n", [3, 64, 500])
def test_equal_sets_have_no_distance(n: int) -> None:
    rows = features(n, 2.0, 0, 64)
    size = float(of(rows).covariance.trace())
    assert frechet(of(rows), of(rows.flip(0))) == pytest.approx(0, abs=1e-6 * size)


@pytest.mark.parametrize("size", [1, 7, 299])
def test_moments_do_not_depend_on_the_batches(size: int) -> None:
    rows = features(300, 100.0, 0)
    whole, parts = of(rows), of(rows, size)
    assert parts.n == whole.n == 300
    torch.testing.assert_close(parts.mean, whole.mean)
    torch.testing.assert_close(parts.covariance, torch.cov(rows.double().T))
    assert moments([]) is None and moments([rows[:0]]) is None


def test_kid_is_torch_fidelitys_of_the_same_features() -> None:
    one, two = features(200, 0.0, 0, 32), features(200, 0.3, 1, 32)
    wanted = kid_features_to_metric(
        one.double(), two.double(), kid_subsets=1, kid_subset_size=200, verbose=False
    )["kernel_inception_distance_mean"]
    assert kernel(one, two) == pytest.approx(wanted, rel=1e-9)


def test_kid_takes_all_of_sets_of_two_sizes_in_any_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = features(70, 0.0, 0).double(), features(41, 0.5, 1).double()

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return float((x @ y / 6 + 1) ** 3)

    def within(rows: torch.Tensor) -> float:
        pairs = [k(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
        return float(np.mean(pairs))

    between = np.mean([k(a, b) for a in one for b in two])
    for chunk in (1, 40, 500):
        monkeypatch.setattr(_sets, "CHUNK", chunk)
        wanted = within(one) + within(two) - 2 * between
        assert kernel(one, two) == pytest.approx(wanted, rel=1e-9)


def test_kid_is_at_least_what_the_shift_of_the_mean_alone_makes() -> None:
    """3/d |m1 - m2|^2, the linear term; the limit of collapsed photographs rests on it."""
    for shift in (0.5, 1.0, 2.0):
        one, two = features(2000, 0.0, 0, 16), features(2000, shift, 1, 16)
        assert kernel(one, two) > 3 / 16 * float((one.mean(0) - two.mean(0)).square().sum())
