"""The nearest LoRA to a change of a weight: a product of two thin matrices, by its SVD."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Factors:
    """A change of a weight as a LoRA: up times down, as far as its rank holds it."""

    up: Tensor
    """B, (out, rank), of a convolution (out, rank, 1, 1)."""
    down: Tensor
    """A, (rank, in), of a convolution (rank, in, height, width)."""
    norm: float
    """Frobenius norm of the change."""
    lost: float
    """Frobenius norm of what the product misses of it, as the factors are stored."""


def greatest(weight: Tensor) -> int:
    """Return the rank at which a LoRA can hold any change of a weight.

    Args:
        weight: Of a linear layer, (out, in), or of a convolution, (out, in, height, width).
    """
    return min(len(weight), weight[0].numel())


def factorised(change: Tensor, rank: int) -> Factors:
    """Return the factors of the nearest matrix of a rank to a change of a weight.

    The truncated SVD, whose singular values are shared by both factors in equal parts, so that
    neither is out of range at half precision. Of a rank above the weight's own the rest is zeros,
    so that all layers have the same. Source: Eckart and Young 1936.

    Args:
        change: The weight after less the weight before, (out, in) or (out, in, height, width).
        rank: From 1 up.

    Returns:
        Factors in the precision of the change, whose error is that of what is stored.
    """
    flat = change.double().flatten(1)
    left, values, right = torch.linalg.svd(flat, full_matrices=False)
    held = min(rank, len(values))
    root = values[:held].sqrt()
    up, down = flat.new_zeros(len(flat), rank), flat.new_zeros(rank, flat.shape[1])
    up[:, :held] = left[:, :held] * root
    down[:held] = root[:, None] * right[:held]
    up, down = up.to(change.dtype), down.to(change.dtype)
    lost = float((flat - up.double() @ down.double()).norm())
    if change.dim() == 4:
        up, down = up[..., None, None], down.reshape(rank, *change.shape[1:])
    return Factors(up.contiguous(), down.contiguous(), float(flat.norm()), lost)
