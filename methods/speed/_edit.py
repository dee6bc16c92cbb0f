"""SPEED's maths: what an edit disturbs, the null space of what stays, the edit confined to it."""

from __future__ import annotations

import torch
from torch import Tensor

from methods import _closed_form

ZERO = 1e-12
"""Share of the longest invariant below which a part of it counts as none."""


def moments(rows: Tensor, targets: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return T = SUM t t^T / n and A - T = SUM (a - t) t^T / n, (d, d) in fp64.

    Args:
        rows: Embeddings t of the concepts, (rows, d).
        targets: Embeddings a of what they are to read as, (rows, d).
        count: n, the number of concepts.
    """
    t, a = rows.double(), targets.double()
    return t.T @ t / count, (a - t).T @ t / count


def unconfined(weight: Tensor, gram: Tensor, shift: Tensor) -> Tensor:
    """Return the edit without regard for what stays, W (A - T) (I + T)^-1, (out, d) in fp64.

    Args:
        weight: W, (out, d).
        gram: T of `moments`, (d, d) in fp64.
        shift: A - T of `moments`, (d, d) in fp64.
    """
    division = _closed_form.Division(gram + _closed_form.identity(gram))
    return division(weight.double() @ shift)


def null_space(rows: Tensor, threshold: float, *, relative: bool) -> Tensor:
    """Return an orthonormal basis of the directions that rows hardly use.

    They are the singular vectors of R = mean r r^T whose singular value is below the threshold.
    Source: paper, and the code's threshold on singular values.

    Args:
        rows: (n, d).
        threshold: An absolute number, or a share of the greatest singular value.
        relative: Which of the two.

    Returns:
        (d, m) in fp64, m from 0 to d.
    """
    r = rows.double()
    values, vectors = torch.linalg.eigh(r.T @ r / max(len(r), 1))
    limit = threshold * float(values[-1]) if relative else threshold
    basis: Tensor = vectors[:, values < limit]
    return basis


def confined(
    weight: Tensor,
    gram: Tensor,
    shift: Tensor,
    basis: Tensor,
    invariants: Tensor,
    *,
    retain_scale: float,
    lamb: float,
) -> Tensor:
    """Return the change of a weight that the null space and the invariants allow.

    The minimiser D P of ||(W + D P) t - W a||^2 + rho ||D P||^2 over the concepts' rows, subject to
    (D P) K = 0. Source: paper, W' = W + W (A - T) P [I - M K (K^T P M K + lam I)^-1 K^T P] M with
    M = (T P + rho I)^-1, here in the coordinates of the null space, where P is the identity:

        D P = W (A - T) U X U^T,   X = N - N B (B^T N B + lam I)^-1 B^T N,
        N = (U^T T U + rho I)^-1,  B = U^T K

    With lam 0 the invariants hold exactly; B is then replaced by an orthonormal basis of its
    columns, so that invariants which are retained already do not make the system singular.

    Args:
        weight: W, (out, d).
        gram: T, (d, d).
        shift: A - T, (d, d).
        basis: U, (d, m), P = U U^T.
        invariants: K, what is read exactly as before, (d, k).
        retain_scale: rho.
        lamb: lam, slack of the invariants.

    Returns:
        (out, d) in fp64.
    """
    inner = basis.T @ gram @ basis + retain_scale * torch.eye(basis.shape[1]).to(basis)
    held = basis.T @ invariants.to(basis)
    if lamb == 0:
        left, values, _ = torch.linalg.svd(held, full_matrices=False)
        held = left[:, values > ZERO * invariants.norm()]
    solved = torch.linalg.solve(inner, torch.cat([held, torch.eye(len(inner)).to(inner)], 1))
    slack, free = solved[:, : held.shape[1]], solved[:, held.shape[1] :]
    pinned = held.T @ slack + lamb * torch.eye(held.shape[1]).to(inner)
    free = free - slack @ torch.linalg.solve(pinned, slack.T)
    change: Tensor = weight.double() @ shift @ basis @ free @ basis.T
    return change
