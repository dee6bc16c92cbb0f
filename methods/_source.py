"""Where training steps take their noisy latents from: a pool of trajectories, or fresh ones.

Both are denoised by the model that is given, be it frozen or in training; for the latter a pool
ages, and is denoised anew now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch

from bench.models.prediction import Conditioning
from bench.types import Progress, silent
from methods import _noise


@dataclass
class Source:
    """Draws noisy latents of prompts, step by step, from denoising trajectories of a model."""

    pipe: Any
    """The diffusers pipeline that denoises, as it is whenever it does."""
    prompts: Conditioning
    """What it denoises for, each prompt as often as the others."""
    null: Conditioning
    """What guidance leads away from, one text."""
    generator: torch.Generator
    """Source of all randomness, on the CPU."""
    pool: int
    """Trajectories that are denoised at once and drawn from, at least one for each prompt; 1
    denoises a fresh one for each latent, up to a random step."""
    refresh: int
    """Training steps after which the pool is denoised anew; 0 never."""
    steps: int
    """DDIM steps of a trajectory."""
    guidance: float
    """Classifier-free guidance of a trajectory, a factor."""
    buckets: bool
    """Whether a latent's timestep is any of those that its step stands for, see `_noise.in_bucket`,
    or the step's own."""
    progress: Progress = silent
    """Told of each batch of the pool."""
    _pool: _noise.Pool | None = field(default=None, init=False)

    def draw(self, step: int, count: int = 1) -> _noise.Draw:
        """Draw the noisy latents of a training step.

        Args:
            step: Of the training, counted from 0.
            count: Number of latents.
        """
        draw = self._fresh(count) if self.pool == 1 else self._pooled(step, count)
        if not self.buckets:
            return draw
        return replace(draw, timesteps=_noise.in_bucket(self._grid, draw.timesteps, self.generator))

    @cached_property
    def _grid(self) -> Any:
        return _noise.ddim(self.pipe, self.steps)

    def _pooled(self, step: int, count: int) -> _noise.Draw:
        due = self.refresh and step % self.refresh == 0
        if self._pool is None or due:
            paths = max(self.pool, len(self.prompts))
            self._pool = self._denoise(self.prompts, paths, None, self.progress)
        return self._pool.draw(count, self.generator)

    def _fresh(self, count: int) -> _noise.Draw:
        stops = torch.randint(self.steps, (count,), generator=self.generator).tolist()
        which = torch.randint(len(self.prompts), (count,), generator=self.generator).tolist()
        latents, timesteps = [], []
        for stop, prompt in zip(stops, which, strict=True):
            path = self._denoise(self.prompts[prompt : prompt + 1], 1, stop, silent)
            latents.append(path.final)
            timesteps.append(path.scheduler.timesteps[stop])
        device = self.pipe.unet.device
        return _noise.Draw(torch.cat(latents), torch.stack(timesteps).to(device), which)

    def _denoise(
        self, prompts: Conditioning, count: int, stop: int | None, progress: Progress
    ) -> _noise.Pool:
        return _noise.trajectories(
            self.pipe,
            prompts,
            self.null,
            count=count,
            steps=self.steps,
            guidance=self.guidance,
            generator=self.generator,
            stop=stop,
            progress=progress,
        )
