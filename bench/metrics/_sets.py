"""Distances between sets of images, from their features: FID from sums, KID from all pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

CHUNK = 500
"""Rows of the kernel matrix that are in memory at once."""


@dataclass(frozen=True)
class Moments:
    """Number, mean and scatter of a set of features, from which a Gaussian is fitted."""

    n: int
    mean: Any
    """(d,), fp64."""
    scatter: Any
    """Sum of the outer products of what differs from the mean, (d, d), fp64."""

    @property
    def covariance(self) -> Any:
        """The unbiased covariance (d, d)."""
        return self.scatter / (self.n - 1)

    def with_more(self, other: Moments) -> Moments:
        """Return the moments of both sets together (Chan et al. 1979, equation 2.1)."""
        import torch

        n, gap = self.n + other.n, other.mean - self.mean
        apart = torch.outer(gap, gap) * (self.n * other.n / n)
        mean = self.mean + gap * (other.n / n)
        return Moments(n, mean, self.scatter + other.scatter + apart)


def moments(batches: Iterable[Any]) -> Moments | None:
    """Return the moments of features that come in batches (n, d); None of no features."""
    found = None
    for batch in batches:
        if len(batch):
            rows = batch.double()
            mean = rows.mean(dim=0)
            more = Moments(len(rows), mean, (rows - mean).T @ (rows - mean))
            found = more if found is None else found.with_more(more)
    return found


def frechet(one: Moments, two: Moments) -> float:
    """Return the squared Frechet distance of the Gaussians of two sets, which may differ in size.

    |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2), where the last trace is the sum of the
    singular values of F1^T F2 with C = F F^T; so covariances may be singular.
    Source: Heusel et al. 2017 (1706.08500), equation 6.

    Args:
        one: Mean and covariance of the features of one set.
        two: Those of the other.
    """
    import torch

    gap = (one.mean - two.mean).square().sum()
    traces = one.covariance.trace() + two.covariance.trace()
    shared = torch.linalg.svdvals(_factor(one).T @ _factor(two)).sum()
    return float(gap + traces - 2 * shared)


def _factor(of: Moments) -> Any:
    import torch

    values, vectors = torch.linalg.eigh(of.covariance)
    return vectors * values.clamp(min=0).sqrt()


def kernel(one: Any, two: Any) -> float:
    """Return the KID of two sets of features (n, d) and (m, d), which may differ in size.

    The unbiased estimate of the squared MMD with the kernel (x.y / d + 1)^3, one over all features,
    without subsets. Source: Binkowski et al. 2018 (1801.01401), section 4.

    Args:
        one: Features (n, d), n at least 2.
        two: Features (m, d), m at least 2.
    """
    a, b = one.double(), two.double()
    return _within(a) + _within(b) - 2 * _total(a, b) / (len(a) * len(b))


def _within(rows: Any) -> float:
    """Return the mean of the kernel over pairs of two features."""
    width, n = rows.shape[1], len(rows)
    itself = float((rows.square().sum(dim=1) / width + 1).pow(3).sum())
    return (_total(rows, rows) - itself) / (n * (n - 1))


def _total(one: Any, two: Any) -> float:
    width = one.shape[1]
    parts = (float((some @ two.T / width + 1).pow(3).sum()) for some in one.split(CHUNK))
    return sum(parts)
