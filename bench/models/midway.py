"""A pipeline that begins in the middle: at a later step of its sampler."""

from __future__ import annotations

import copy
from typing import Any


def begun(pipe: Any, step: int) -> Any:
    """Return a pipeline that takes the latents it is given for those of a later step.

    Args:
        pipe: A diffusers pipeline, which goes on drawing as before; all else is shared with it.
        step: How many of the sampler's steps are left out. With all of them the latents are
            decoded as they are; 0 is the pipeline itself.
    """
    if not step:
        return pipe
    made = copy.copy(pipe)
    made.scheduler = _Later(pipe.scheduler, step)
    return made


class _Later:
    """A scheduler without its first steps; the rest is the scheduler's own.

    It is set to the whole grid, since what acts while drawing may find its step by that.
    """

    def __init__(self, scheduler: Any, step: int) -> None:
        self.scheduler, self.left_out = scheduler, step

    @property
    def timesteps(self) -> Any:
        """The rest of the grid."""
        return self.scheduler.timesteps[self.left_out :]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scheduler, name)
