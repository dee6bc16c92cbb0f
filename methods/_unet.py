"""New weights of a U-Net or text encoder: checked, logged, and copies to train them in."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.room import mixed, recomputing
from bench.models.weights import PREFIXES
from bench.types import InputError
from methods import _closed_form

log = logging.getLogger(__name__)


def learned(pipe: Any, weights: Mapping[str, Tensor], part: str = "unet") -> dict[str, Tensor]:
    """Return new weights in the precision of the old ones, and log how far they moved.

    Args:
        pipe: The diffusers pipeline that they are for.
        weights: New values under the part's own parameter names.
        part: Of the pipeline; its prefix goes in front of the names that are returned.

    Raises:
        InputError: if a value is not finite.
    """
    parameters = {name: each.detach() for name, each in getattr(pipe, part).named_parameters()}
    found: dict[str, Tensor] = {}
    moved, size = 0.0, 0.0
    for name, weight in weights.items():
        value = weight.detach()
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
        found[PREFIXES[part] + name] = value.to(before)
    if size:
        log.info("relative change ||W' - W|| / ||W||: %.3g", (moved / size) ** 0.5)
    return found


def multiplied(pipe: Any, matrix: Tensor) -> dict[str, Tensor]:
    """Return W M for the weight W of every cross-attention key and value, by parameter name.

    Args:
        pipe: The diffusers pipeline, which stays as it is.
        matrix: M, (d, d), where d is the width of its text embeddings.
    """
    weights = pipelines.cross_attention(pipe.unet)
    return learned(
        pipe, {name: _closed_form.apply(weight.data, matrix) for name, weight in weights.items()}
    )


def trainable(module: Any) -> Any:
    """Return a frozen fp32 copy of a module to train in; half precision loses small updates.

    A large one computes its inner layers again for their gradients instead of keeping them and, if
    it is a copy of one in half precision, computes in bf16.
    """
    first = next(module.parameters())
    student = recomputing(copy.deepcopy(module).float().requires_grad_(False).eval())
    return student if first.dtype == torch.float32 else mixed(student, first.device.type)


def learning(module: Any, rule: str) -> dict[str, Tensor]:
    """Let those parameters of a module learn whose names match a rule, and return them by name.

    Args:
        module: As `trainable` returns it.
        rule: A regular expression that is looked for in the names.
    """
    return {
        name: each.requires_grad_(True)
        for name, each in module.named_parameters()
        if re.search(rule, name)
    }
