"""Neighbours drawn without rejection follow the law of rejection sampling."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import ks_2samp

from bench.types import InputError
from methods.realera import sample_beyond, sample_neighbors
from methods.realera._neighbors import around


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rejected(
    e: torch.Tensor, draws: int, low: float, high: float, reach: float, seed: int
) -> torch.Tensor:
    """The published sampler: step towards random noise until the cosine fits."""
    source = generator(seed)
    v = torch.randn(draws, len(e), generator=source)
    r = reach * torch.rand(draws, 1, generator=source)
    points = e + r * (v - e) / (v - e).norm(dim=1, keepdim=True)
    cos = torch.cosine_similarity(points, e[None], dim=1)
    return points[(cos >= low) & (cos <= high)]


@pytest.mark.parametrize(
    ("dim", "low", "high", "reach"),
    [
        (3, 0.5, 0.9, 4.0),
        (3, -1.0, 0.5, 4.0),
        (48, 0.5, 0.9, 11.0),
        (48, 0.5, 0.9, 6.0),
        (48, -1.0, 0.5, 11.0),
    ],
)
def test_same_law_as_rejection_sampling(dim: int, low: float, high: float, reach: float) -> None:
    e = torch.randn(dim, generator=generator(9)) * 1.2
    wanted = rejected(e, 60000, low, high, reach, 1)[:4000]
    drawn = sample_neighbors(
        e, 4000, min_cos=low, max_cos=high, max_distance=reach, generator=generator(2)
    )
    assert len(wanted) == 4000
    other = torch.randn(dim, generator=generator(5))
    for measure in (
        lambda x: torch.cosine_similarity(x, e[None], dim=1),
        lambda x: (x - e).norm(dim=1),
        lambda x: x.norm(dim=1),
        lambda x: x @ other,
    ):
        assert ks_2samp(measure(drawn).numpy(), measure(wanted).numpy()).pvalue > 1e-3


def test_ignoring_the_weight_of_the_interval_would_be_noticed() -> None:
    """Positive control: v as it comes, t uniform in its interval, is another law in 3
    dimensions."""
    from methods.realera import _neighbors

    e = torch.randn(3, generator=generator(9)) * 1.2
    wanted = rejected(e, 60000, 0.5, 0.9, 4.0, 1)[:4000]
    before = _neighbors.CANDIDATES
    _neighbors.CANDIDATES = 1
    try:
        good = []
        source = generator(2)
        while len(good) < 4000:
            try:
                good.append(
                    sample_neighbors(
                        e, 1, min_cos=0.5, max_cos=0.9, max_distance=4.0, generator=source
                    )
                )
            except InputError:
                continue
    finally:
        _neighbors.CANDIDATES = before
    drawn = torch.cat(good)
    assert ks_2samp(drawn.norm(dim=1).numpy(), wanted.norm(dim=1).numpy()).pvalue < 1e-3


def test_bounds_hold_and_shape_and_dtype_are_kept() -> None:
    e = torch.randn(8, 16, generator=generator())
    reach = 1.6 * float(e.norm())
    near = sample_neighbors(
        e, 50, min_cos=0.5, max_cos=0.9, max_distance=reach, generator=generator()
    )
    away = sample_beyond(e, 50, max_cos=0.5, max_distance=reach, generator=generator())
    assert near.shape == away.shape == (50, 8, 16) and near.dtype == e.dtype
    cos = torch.cosine_similarity(near.flatten(1), e.flatten()[None])
    assert cos.min() >= 0.5 - 1e-5 and cos.max() <= 0.9 + 1e-5
    assert torch.cosine_similarity(away.flatten(1), e.flatten()[None]).max() <= 0.5 + 1e-5
    assert (away - e).flatten(1).norm(dim=1).max() <= reach * (1 + 1e-5)


def test_rows_are_perturbed_each_by_itself() -> None:
    rows = torch.randn(4, 32, generator=generator())
    points = around(rows, 20, min_cos=0.6, max_cos=0.8, max_distance=20.0, generator=generator())
    cos = torch.cosine_similarity(points, rows[None].expand_as(points), dim=-1)
    assert points.shape == (20, 4, 32)
    assert cos.min() >= 0.6 - 1e-5 and cos.max() <= 0.8 + 1e-5


def test_the_seed_decides() -> None:
    e = torch.ones(16)
    one, same, other = (
        sample_neighbors(
            e, 3, min_cos=0.5, max_cos=0.9, max_distance=9.0, generator=generator(seed)
        )
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_none_asked_for_none_drawn() -> None:
    drawn = sample_beyond(torch.ones(4, 4), 0, max_cos=0.5, max_distance=1.0, generator=generator())
    assert drawn.shape == (0, 4, 4)


def test_what_cannot_be_reached_is_said() -> None:
    e = torch.ones(64)
    with pytest.raises(InputError, match="nearest point"):
        sample_neighbors(e, 2, min_cos=0.5, max_cos=0.6, max_distance=0.1, generator=generator())
    with pytest.raises(InputError, match="min_cos < max_cos"):
        sample_neighbors(e, 2, min_cos=0.9, max_cos=0.5, max_distance=9.0, generator=generator())
    with pytest.raises(InputError, match="zeros"):
        sample_neighbors(
            0 * e, 2, min_cos=0.5, max_cos=0.9, max_distance=9.0, generator=generator()
        )
