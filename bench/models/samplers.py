"""Samplers: the scheduler that a pipeline draws with, on the protocol's grid of timesteps."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

from bench.drawing import DDIM, SCHEDULERS

GRID: Mapping[str, object] = {
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
    "thresholding": False,
    # PNDM's: Stable Diffusion was published without its Runge-Kutta steps.
    "skip_prk_steps": True,
}
"""Settings that the published models were sampled with, whatever a folder says of its sampler."""


def scheduler(config: Mapping[str, Any], name: str = DDIM) -> Any:
    """Return a diffusers scheduler of a model's noise schedule, on the protocol's grid.

    Args:
        config: Of the scheduler that came with the model: its betas and what its denoiser predicts
            are kept, where the grid lies is not.
        name: One of `bench.drawing.SCHEDULERS`.
    """
    import diffusers

    kind: Any = getattr(diffusers, SCHEDULERS[name])
    known = {key: value for key, value in {**config, **GRID}.items() if key in _settings(kind)}
    return kind.from_config(known)


def sampled(pipe: Any, name: str) -> Any:
    """Return a pipeline that draws by another sampler; all else is shared with `pipe`.

    Args:
        pipe: A diffusers pipeline with DDIM, which goes on drawing as before.
        name: One of `bench.drawing.SCHEDULERS`.
    """
    if name == DDIM:
        return pipe
    made = copy.copy(pipe)
    made.scheduler = scheduler(pipe.scheduler.config, name)
    return made


def _settings(kind: Any) -> list[str]:
    return list(inspect.signature(kind.__init__).parameters)
