"""An edited pipeline from new weights, which leaves the pipeline it came from alone."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.types import InputError
from methods import _closed_form

log = logging.getLogger(__name__)


def replaced(pipe: Any, weights: Mapping[str, Tensor]) -> Any:
    """Return a pipeline whose U-Net has the given parameters, and log how far they moved.

    Args:
        pipe: A diffusers pipeline, which stays as it was.
        weights: New values under diffusers parameter names.

    Raises:
        InputError: if a value is not finite.
    """
    unet = copy.deepcopy(pipe.unet).requires_grad_(False)
    parameters = dict(unet.named_parameters())
    moved, size = 0.0, 0.0
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise InputError(
                f"the edit made {name} infinite or undefined; "
                "lower the learning rate or raise the regularisation"
            )
        before = parameters[name]
        change = _closed_form.relative_change(before, value)
        log.debug("%s: relative change %.3g", name, change)
        norm = float(torch.linalg.norm(before.double()))
        moved, size = moved + (change * norm) ** 2, size + norm**2
        before.data.copy_(value.to(before))
    if size:
        log.info("relative change ||W' - W|| / ||W||: %.3g", (moved / size) ** 0.5)
    return pipelines.with_unet(pipe, unet)


def multiplied(pipe: Any, matrix: Tensor) -> Any:
    """Return a pipeline with W M for the weight W of every cross-attention key and value."""
    weights = pipelines.cross_attention(pipe.unet)
    return replaced(
        pipe, {name: _closed_form.apply(weight.data, matrix) for name, weight in weights.items()}
    )


def trainable(unet: Any) -> Any:
    """Return a frozen fp32 copy of a U-Net to train in; fp16 loses small updates."""
    return copy.deepcopy(unet).float().requires_grad_(False).eval()
