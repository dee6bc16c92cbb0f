"""Noisy latents of a prompt from the frozen model: a pool of denoising trajectories.

ESD denoises a fresh trajectory up to a random step for every training step, which is nine tenths of
its cost. The model is frozen and the prompt fixed, so a batch of trajectories is denoised once and
(trajectory, step) pairs are drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.models import prediction
from bench.models.prediction import Conditioning
from bench.types import Progress, silent

BATCH = 16
"""Trajectories denoised together; a bound on memory that does not change the result."""


@dataclass(frozen=True)
class Draw:
    """Noisy latents of one training step, with their timesteps and prompts."""

    latents: Tensor
    """x_t, (n, channels, height, width), fp32."""
    timesteps: Tensor
    """t of each, (n,), int64."""
    prompts: list[int]
    """Index of the prompt each was denoised for."""
    truth: Tensor | None = None
    """What a model would predict that knew the noise: the noise itself or, of a v-prediction model,
    the velocity; of re-noised images only, as the latents."""

    def error(self, made: Tensor) -> Tensor:
        """Return the mean squared error of predictions, like the latents, against the truth.

        Raises:
            ValueError: these are no images that were noised anew, so there is no truth.
        """
        if self.truth is None:
            raise ValueError("latents of a trajectory have no truth; use `renoise`")
        return (made - self.truth).square().mean()


@dataclass(frozen=True)
class Pool:
    """Denoising trajectories of the frozen model, from which training steps draw latents."""

    latents: Tensor
    """x_t before each step, (steps, trajectories, channels, height, width), fp32; no steps where
    they are not kept."""
    timesteps: Tensor
    """t of each step, (steps,), int64."""
    final: Tensor
    """x after the last step, (trajectories, channels, height, width), fp32."""
    prompts: tuple[int, ...]
    """Index of the prompt of each trajectory."""
    scheduler: Any
    """The noise schedule, for `renoise`."""

    def draw(self, count: int, generator: torch.Generator) -> Draw:
        """Draw (trajectory, step) pairs uniformly.

        Args:
            count: Number of pairs.
            generator: Source of all randomness, on the CPU.
        """
        steps, paths = self.latents.shape[:2]
        step = torch.randint(steps, (count,), generator=generator)
        path = torch.randint(paths, (count,), generator=generator)
        return Draw(
            self.latents[step, path],
            self.timesteps[step].to(self.latents.device),
            [self.prompts[int(i)] for i in path],
        )

    def renoise(self, count: int, generator: torch.Generator) -> Draw:
        """Draw finished images and noise them to uniform timesteps.

        Args:
            count: Number of images, drawn with replacement.
            generator: Source of all randomness, on the CPU.
        """
        path = torch.randint(len(self.final), (count,), generator=generator)
        total = int(self.scheduler.config.num_train_timesteps)
        timesteps = torch.randint(total, (count,), generator=generator)
        return self.noised(path, timesteps, generator)

    def noised(self, images: Tensor, timesteps: Tensor, generator: torch.Generator) -> Draw:
        """Noise finished images anew.

        Args:
            images: Which, (n,), int64.
            timesteps: To which timestep each, (n,), int64.
            generator: Source of the noise, on the CPU.
        """
        clean = self.final[images]
        timesteps = timesteps.to(clean.device)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        noisy = self.scheduler.add_noise(clean, noise, timesteps)
        velocity = self.scheduler.config.prediction_type == "v_prediction"
        truth = self.scheduler.get_velocity(clean, noise, timesteps) if velocity else noise
        return Draw(noisy, timesteps, [self.prompts[int(i)] for i in images], truth)


def ddim(pipe: Any, steps: int) -> Any:
    """Return a DDIM scheduler of the pipeline's own noise schedule.

    Args:
        pipe: The diffusers pipeline.
        steps: Inference steps that it is set to.
    """
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(steps)
    return scheduler


def in_bucket(scheduler: Any, timesteps: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a timestep from the equal part of the schedule that each step of a grid stands for.

    Of S steps over T timesteps, the k-th from the end stands for [k T / S, (k + 1) T / S). Source:
    ESD's 2023 script.

    Args:
        scheduler: Its grid has the timesteps.
        timesteps: (n,).
        generator: Source of all randomness, on the CPU.

    Returns:
        (n,), int64.
    """
    grid = scheduler.timesteps.cpu()
    width = int(scheduler.config.num_train_timesteps) / len(grid)
    later = (grid[None] < timesteps.cpu()[:, None]).sum(1)
    drawn = [
        int(torch.randint(round(k * width), round((k + 1) * width), (1,), generator=generator))
        for k in later.tolist()
    ]
    return torch.tensor(drawn, device=timesteps.device)


def trajectories(
    pipe: Any,
    rows: Conditioning,
    null: Conditioning,
    *,
    count: int,
    steps: int,
    guidance: float,
    generator: torch.Generator,
    stop: int | None = None,
    keep: bool = True,
    progress: Progress = silent,
) -> Pool:
    """Denoise a batch of trajectories with DDIM (eta 0) and keep every step.

    Args:
        pipe: A diffusers pipeline, used as it is.
        rows: The prompts; trajectory i is for prompt i mod prompts.
        null: What guidance leads away from, one text.
        count: Number of trajectories.
        steps: Length of the timestep grid.
        guidance: Scale of classifier-free guidance.
        generator: Source of the initial noise, on the CPU.
        stop: Keep the x_t of this many steps only; all by default.
        keep: Keep every x_t; else the finished images alone, for `renoise`.
        progress: Told after each batch.

    Returns:
        The pool.
    """
    scheduler = ddim(pipe, steps)
    grid = scheduler.timesteps[: steps if stop is None else stop]
    unet = pipe.unet
    side = unet.config.sample_size
    height, width = (side, side) if isinstance(side, int) else side
    shape = (count, unet.config.in_channels, height, width)
    noise = torch.randn(shape, generator=generator) * scheduler.init_noise_sigma
    order = [i % len(rows) for i in range(count)]
    kept, final = [], []
    for first in range(0, count, BATCH):
        x = noise[first : first + BATCH].to(unet.device)
        text = prediction.joined([null.expand(len(x)), rows[order[first : first + BATCH]]])
        path = []
        with torch.no_grad():
            for t in grid:
                if keep:
                    path.append(x)
                empty, full = prediction.predict(unet, torch.cat([x, x]), t, text).chunk(2)
                x = scheduler.step(empty + guidance * (full - empty), t, x).prev_sample
        kept.append(torch.stack(path) if path else x[None][:0])
        final.append(x)
        progress("noise", min(first + BATCH, count), count)
    return Pool(torch.cat(kept, 1), grid, torch.cat(final), tuple(order), scheduler)


def importance(timesteps: int) -> Tensor:
    """Return MACE's odds of each timestep, (timesteps,) in fp64; most lie in 200 to 400."""
    t = torch.arange(timesteps, dtype=torch.float64)
    return torch.sigmoid(0.05 * (t - 200)) - torch.sigmoid(0.05 * (t - 400))
