"""MACE's two closed forms: of the first stage and of the third.

Source: arXiv 2403.06135 (CVPR 2024), Shilin-LU/MACE at 057e7a6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from methods import _closed_form, _lora


def refine(
    weight: Tensor,
    old: Iterable[Tensor],
    new: Iterable[Tensor],
    *,
    lamb: float,
    prior_outer: Tensor | None = None,
    prior_gram: Tensor | None = None,
    prior_scale: float = 0.0,
) -> Tensor:
    """Return the weight that reads the concept's context rows as the anchor's.

    W' = (lamb W + SUM W n o^T + a P1) (lamb I + SUM o o^T + a P2)^-1. Source: MACE, first stage. Of
    the identity it is M of W' = W M, if P1 = P2.

    Args:
        weight: W (out, d).
        old: Rows o of the concept's prompts, (n, d), or blocks of them.
        new: Rows n of the anchor's prompts, in the same shapes.
        lamb: Weight of staying near W.
        prior_outer: P1 = SUM (W p) p^T over preserved rows, (out, d).
        prior_gram: P2 = SUM p p^T, (d, d).
        prior_scale: a.

    Returns:
        (out, d), in the weight's dtype; solved in fp64.
    """
    sums = _closed_form.Equations(weight.shape[1], weight.device)
    for rows, targets in zip(old, new, strict=True):
        sums.move(rows, targets)
    sums.ridge(lamb)
    pull = weight.double() @ sums.shift
    if prior_gram is not None and prior_outer is not None:
        sums.gram += prior_scale * prior_gram.to(sums.gram)
        pull += prior_scale * (prior_outer.double() - weight.double() @ prior_gram.double())
    return (weight.double() + _closed_form.Division(sums.gram)(pull)).to(weight.dtype)


def fuse(
    weight: Tensor,
    loras: Sequence[tuple[Tensor, Tensor]],
    rows: Sequence[Tensor],
    *,
    lamb: float,
    prior_outer: Tensor | None = None,
    prior_gram: Tensor | None = None,
    prior_scale: float = 0.0,
) -> Tensor:
    """Return the weight that does on each concept's rows what its LoRA does; `fused` of one layer.

    W' = (lamb W + SUM_i SUM_c (W + up_i down_i) c c^T + a P1) (lamb I + SUM_i SUM_c c c^T + a
    P2)^-1. Source: MACE, third stage.

    Args:
        weight: W (out, d).
        loras: up (out, r) and down (r, d) of each concept.
        rows: Rows c of each concept's prompts, (n_i, d).
        lamb: Weight of staying near W.
        prior_outer: P1 = SUM (W p) p^T over preserved rows, (out, d).
        prior_gram: P2 = SUM p p^T, (d, d).
        prior_scale: a.

    Returns:
        (out, d), in the weight's dtype; solved in fp64.
    """
    empty = weight.new_zeros(weight.shape[1], weight.shape[1])
    return _lora.fused(
        {"": weight},
        [{"": pair} for pair in loras],
        rows,
        ridge=lamb,
        prior_gram=empty if prior_gram is None else prior_gram,
        prior_outers=None if prior_outer is None else {"": prior_outer},
        prior_scale=prior_scale,
    )[""]
