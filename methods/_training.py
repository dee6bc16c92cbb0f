"""The training loop that the erasers share."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

from bench.types import InputError, Progress

log = logging.getLogger(__name__)


def fit(
    optimizer: torch.optim.Optimizer,
    loss_at: Callable[[int], Tensor],
    steps: int,
    *,
    what: str,
    progress: Progress,
    clip: float | None = None,
) -> list[float]:
    """Take optimiser steps on a loss.

    Args:
        optimizer: Holds the parameters.
        loss_at: The loss of a step, counted from 0.
        steps: Number of steps.
        what: Named in progress and errors.
        progress: Told after each step.
        clip: Greatest norm of the gradient; None leaves it.

    Returns:
        The loss of each step.

    Raises:
        InputError: if a loss is not finite.
    """
    losses = []
    for group in optimizer.param_groups:
        # All at once, as on a GPU by default, needs as much memory again as the parameters.
        group["foreach"] = False
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for step in range(steps):
        loss = loss_at(step)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(
                f"{what}: the loss is {value} at step {step + 1}; lower the learning rate"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        losses.append(value)
        progress(what, step + 1, steps)
    log.info("%s: loss %.4g at first, %.4g at last", what, losses[0], losses[-1])
    return losses
