"""RealEra's first stage in closed form: the paper's idea, in a formula of ours."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from torch import Tensor

from methods import _closed_form


def closed_form(
    weight: Tensor,
    neighbors: Iterable[Tensor],
    anchors: Iterable[Tensor],
    beyond: Iterable[Tensor],
    *,
    beyond_scale: float,
    ridge: float,
    prior: Tensor | None = None,
    prior_scale: float = 0.0,
) -> Tensor:
    """Return the weight that maps neighbours to what the anchors give and keeps the rest.

    min SUM ||W' x_i - W g_i||^2 + beyond_scale SUM ||W' b - W b||^2 + prior_scale SUM ||W' p - W
    p||^2 + ridge ||W' - W||_F^2. That a closed form aligns cross-attention is the paper's; this
    formula is ours (CHOICE). Of the identity it is M of W' = W M.

    Args:
        weight: (out, d).
        neighbors: Token rows of the concept and its neighbours, (n, d), or blocks of them.
        anchors: The anchor's row for each of them, in the same shapes.
        beyond: Rows to keep, (m, d), or blocks of them.
        beyond_scale: Weight of each row of `beyond`.
        ridge: Weight of staying near W.
        prior: Rows of prior prompts to keep, (p, d).
        prior_scale: Weight of each row of `prior`.

    Returns:
        (out, d), in the weight's dtype; solved in fp64.
    """
    sums = _closed_form.Equations(weight.shape[1], weight.device)
    # Side by side, so that blocks may be drawn when they are needed.
    for near, target, away in zip_longest(neighbors, anchors, beyond):
        if near is not None:
            sums.move(near, target)
        if away is not None:
            sums.keep(away, beyond_scale)
    if prior is not None:
        sums.keep(prior, prior_scale)
    sums.ridge(ridge)
    return _closed_form.apply(weight, sums.matrix())
