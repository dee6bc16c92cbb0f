"""Least-squares edits of cross-attention: one shared d x d matrix for every layer.

Each edit here minimises SUM s ||W' x - W y||^2 + ridge ||W' - W||_F^2 over token rows x with wanted
outputs W y. The optimum factors as W' = W M with

    M = I + ( SUM s (y - x) x^T ) ( SUM s x x^T + ridge I )^-1

which does not depend on W, so a hundred concepts and thirty-two layers cost one d x d solve and the
memory of two d x d matrices. What is to stay (y = x) enters the second sum only. Written as a
change of W, so that erasing nothing returns W to the last bit. Derivation: the normal equations;
the factoring holds because every target is linear in W (not so for UCE's old `tensor` technique).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

log = logging.getLogger(__name__)

WARN_CONDITION = 1e10
"""A condition number above which fp64 keeps fewer than about six digits."""


class Equations:
    """Least-squares equations for an edit of cross-attention, whose sums in fp64 grow by rows."""

    def __init__(self, dim: int, device: torch.device | str = "cpu") -> None:
        """Start with empty sums for rows of `dim` numbers."""
        self.shift = torch.zeros(dim, dim, dtype=torch.float64, device=device)
        """SUM s (y - x) x^T"""
        self.gram = torch.zeros(dim, dim, dtype=torch.float64, device=device)
        """SUM s x x^T + ridge I"""

    def move(self, rows: Tensor, targets: Tensor, scale: float = 1.0) -> None:
        """Ask that the edited weight read each row as the weight now reads its target.

        Args:
            rows: Text embeddings to move, (n, d) or (..., d).
            targets: The embeddings in whose place they are put, of the same shape.
            scale: Weight of these equations.
        """
        x = rows.reshape(-1, rows.shape[-1]).to(self.gram)
        y = targets.reshape(-1, targets.shape[-1]).to(self.gram)
        self.shift.addmm_((y - x).T, x, alpha=scale)
        self.gram.addmm_(x.T, x, alpha=scale)

    def keep(self, rows: Tensor, scale: float = 1.0) -> None:
        """Ask that the edited weight read each row as the weight does now.

        Args:
            rows: Text embeddings to leave alone, (n, d) or (..., d).
            scale: Weight of these equations.
        """
        x = rows.reshape(-1, rows.shape[-1]).to(self.gram)
        self.gram.addmm_(x.T, x, alpha=scale)

    def ridge(self, strength: float) -> None:
        """Pull the edited weight towards the weight as it is."""
        self.gram.diagonal().add_(strength)

    def matrix(self) -> Tensor:
        """Return M (d, d) in fp64, so that W' = W M."""
        eye = torch.eye(len(self.gram), dtype=torch.float64, device=self.gram.device)
        if not self.shift.any():
            return eye
        return eye + Division(self.gram)(self.shift)


class Division:
    """Divides from the right by a symmetric positive semi-definite matrix that is factored once.

    Cholesky where it succeeds; otherwise the least-norm answer by eigenvalues, with a warning. The
    1-norm condition number is logged, and warned about above `WARN_CONDITION`.
    """

    def __init__(self, gram: Tensor) -> None:
        """Factor the gram (d, d) in fp64."""
        gram = gram.to(torch.float64)
        if not torch.isfinite(gram).all():
            raise FloatingPointError("the normal equations hold values that are not finite")
        factor, failed = torch.linalg.cholesky_ex(gram)
        if int(failed) == 0:
            self.inverse = torch.cholesky_inverse(factor)
            self.condition = _norm(gram) * _norm(self.inverse)
            log.info("normal equations: condition number %.2g", self.condition)
            if self.condition > WARN_CONDITION:
                log.warning(
                    "the normal equations are nearly singular (condition number %.2g): "
                    "raise the ridge or preserve more",
                    self.condition,
                )
        else:
            self.inverse = _least_norm_inverse(gram)
            self.condition = float("inf")

    def __call__(self, numerator: Tensor) -> Tensor:
        """Return numerator gram^-1 in fp64 for a numerator of (k, d)."""
        return numerator.to(self.inverse) @ self.inverse


def _norm(matrix: Tensor) -> float:
    return float(matrix.abs().sum(0).max())


def _least_norm_inverse(gram: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(gram)
    kept = values > values[-1].clamp_min(0) * len(values) * torch.finfo(torch.float64).eps
    log.warning(
        "the normal equations are singular (rank %d of %d): the least change is taken; "
        "a ridge or preserved prompts would decide the rest",
        int(kept.sum()),
        len(values),
    )
    basis = vectors[:, kept]
    inverse: Tensor = (basis / values[kept]) @ basis.T
    return inverse


def identity(rows: Tensor) -> Tensor:
    """Return the fp64 identity (d, d) for rows of (..., d); edited as a weight, it becomes M."""
    return torch.eye(rows.shape[-1], dtype=torch.float64, device=rows.device)


def apply(weight: Tensor, matrix: Tensor) -> Tensor:
    """Return W M in the weight's own dtype; the product is taken in fp32 or better.

    Added to W as W (M - I), so that what is not edited is not rounded either.

    Args:
        weight: W, (out, d).
        matrix: M, (d, d).
    """
    exact = torch.promote_types(weight.dtype, torch.float32)
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    change = (matrix - eye).to(weight.device, exact)
    edited: Tensor = (weight.to(exact) + weight.to(exact) @ change).to(weight.dtype)
    return edited


def replaced(
    weight: Tensor,
    erase: Tensor,
    guide: Tensor,
    preserve: Tensor,
    *,
    erase_scale: float,
    preserve_scale: float,
    lamb: float,
) -> Tensor:
    """Return the weight that reads each erased vector as its guide and keeps the preserved ones.

    W' = (lamb W + es SUM W g c^T + ps SUM W p p^T) (lamb I + es SUM c c^T + ps SUM p p^T)^-1.
    Source: UCE equation 7, with the scales of its code. Of the identity it is M of W' = W M.

    Args:
        weight: (out, d).
        erase: Vectors c as rows, (n, d).
        guide: Vectors g as rows, (n, d).
        preserve: Vectors p as rows, (m, d).
        erase_scale: es.
        preserve_scale: ps, for each row.
        lamb: Weight of staying near W.

    Returns:
        (out, d), in the weight's dtype; solved in fp64.
    """
    sums = Equations(weight.shape[1], weight.device)
    sums.move(erase, guide, erase_scale)
    sums.keep(preserve, preserve_scale)
    sums.ridge(lamb)
    return apply(weight, sums.matrix())


def fuse(
    weight: Tensor,
    loras: Sequence[tuple[Tensor, Tensor]],
    grams: Sequence[Tensor],
    total: Division,
    pull: Tensor | None = None,
) -> Tensor:
    """Return the weight closest to each W + up_i down_i on the rows behind its gram.

    W' = W + ( SUM_i up_i (down_i S_i) + pull ) G^-1. Only the low-rank factors differ between
    layers, so `grams` and `total` are made once. Source: MACE's third stage, with W_i = W + up_i
    down_i put in.

    Args:
        weight: (out, d), the weight that every low-rank change starts from.
        loras: up (out, r) and down (r, d) of each concept.
        grams: S_i = SUM c c^T over the rows of concept i, (d, d) each.
        total: division by G = SUM_i S_i + what preserves, (d, d).
        pull: SUM (v - W p) p^T of preserved rows whose wanted output v is not W p, (out, d).
    """
    change = torch.zeros(weight.shape, dtype=torch.float64, device=weight.device)
    if pull is not None:
        change += pull.to(change)
    for (up, down), gram in zip(loras, grams, strict=True):
        change += up.to(change) @ (down.to(change) @ gram.to(change))
    moved = total(change).to(weight.device)
    return (weight.to(torch.float64) + moved).to(weight.dtype)


def relative_change(before: Tensor, after: Tensor) -> float:
    """Return ||after - before||_F / ||before||_F.

    Args:
        before: Any shape.
        after: The same shape.
    """
    start = before.to(torch.float64)
    return float(torch.linalg.norm(after.to(start) - start) / torch.linalg.norm(start))
