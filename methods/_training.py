"""The training loop that the erasers share."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from bench.models import room
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
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
) -> list[float]:
    """Take optimiser steps on a loss.

    Args:
        optimizer: Holds the parameters.
        loss_at: The loss of a step, counted from 0.
        steps: Number of steps.
        what: Named in progress and errors.
        progress: Told after each step.
        clip: Greatest norm of the gradient; None leaves it.
        schedule: Of the learning rate, moved on after each step; None keeps it.

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
    at_once = clip is None and sum(each.numel() for each in parameters) >= room.LARGE
    with _stepping(optimizer, parameters if at_once else ()):
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
            if not at_once:
                optimizer.step()
            if schedule is not None:
                schedule.step()
            losses.append(value)
            progress(what, step + 1, steps)
    log.info("%s: loss %.4g at first, %.4g at last", what, losses[0], losses[-1])
    return losses


@contextmanager
def _stepping(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> Iterator[None]:
    """Let parameters step as soon as each has its gradient, so that no two gradients are held.

    The same numbers, since what an optimiser of ours does to one depends on no other.
    """

    def step(parameter: Tensor) -> None:
        # Of all parameters this one alone has a gradient.
        optimizer.step()
        parameter.grad = None

    handles = [
        each.register_post_accumulate_grad_hook(step)  # type: ignore[no-untyped-call]
        for each in parameters
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
