"""How one concept's adapters are trained: it is led away, and random points are held still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from diffusers.optimization import get_cosine_with_hard_restarts_schedule_with_warmup
from torch import Tensor

from bench.models import pipelines, prediction
from bench.models.prediction import Conditioning
from bench.types import Progress
from methods import _noise, _training, _unet
from methods.spm import _membrane

if TYPE_CHECKING:
    from methods.spm import Spm

NEAREST, FARTHEST = 0.8, 1.2
"""Least and greatest length of an anchor, as a share of the concept's (published)."""


def trained(
    options: Spm, pipe: Any, name: str, guide: str, *, seed: int, progress: Progress
) -> Mapping[str, Tensor]:
    """Train the adapters of one concept, whatever else is erased.

    Args:
        options: How.
        pipe: The un-erased pipeline.
        name: Of the concept.
        guide: What it is to become.
        seed: Of all randomness.
        progress: Told after each step.

    Returns:
        The adapters, as `_membrane.named` names them.
    """
    generator = torch.Generator().manual_seed(seed)
    student = _unet.trainable(pipe.unet)
    weights = _membrane.attach(student, options.rank, generator)
    optimizer = torch.optim.AdamW(weights, lr=options.learning_rate, weight_decay=1e-2)
    schedule = get_cosine_with_hard_restarts_schedule_with_warmup(
        optimizer, options.warmup_steps, options.steps, options.cycles
    )
    lesson = _Lesson(options, pipe, student, name, guide, generator)
    _training.fit(
        optimizer,
        lesson.loss,
        options.steps,
        what=f"spm of {name}",
        progress=progress,
        schedule=schedule,
    )
    return _membrane.named(student)


class _Lesson:
    """The loss of one concept's adapters, step by step."""

    def __init__(
        self,
        options: Spm,
        pipe: Any,
        student: Any,
        name: str,
        guide: str,
        generator: torch.Generator,
    ) -> None:
        self.options, self.pipe, self.student, self.generator = options, pipe, student, generator
        self.concept, self.guide, self.empty = (
            prediction.condition(pipe, [text]) for text in (name, guide, "")
        )
        self.null = prediction.unconditional(pipe)
        self.pool: _noise.Pool | None = None

    def loss(self, step: int) -> Tensor:
        """Return the erasing loss, and the anchoring loss times its weight. Source: SPM.

        Args:
            step: Number of the training step, from 0.
        """
        x, t = self._latents(step)
        held = self._held()
        told = prediction.joined([self.concept, held])
        with torch.no_grad():
            every = prediction.joined([self.guide, told])
            frozen = prediction.predict(self.pipe.unet, x.expand(len(every), -1, -1, -1), t, every)
        made = prediction.predict(self.student, x.expand(len(told), -1, -1, -1), t, told)
        guide, full = frozen[:1], frozen[1:2]
        wanted = guide - self.options.negative_guidance * (full - guide)
        erased = torch.nn.functional.mse_loss(made[:1], wanted)
        if not len(held):
            return erased
        return erased + self.options.anchoring * torch.nn.functional.mse_loss(made[1:], frozen[2:])

    def _held(self) -> Conditioning:
        """Return the texts whose predictions are to stay."""
        count = self.options.anchors
        if self.options.held == "points":
            return anchors(self.concept, count, self.generator)
        points = anchors(self.concept, count - count // 2, self.generator)
        return prediction.joined([points, self.empty.expand(count // 2)])

    def _latents(self, step: int) -> tuple[Tensor, Tensor]:
        """Return x_t of the concept, denoised by the model as it is, or lately was, and t."""
        options = self.options
        done = int(torch.randint(1, options.trajectory_steps, (1,), generator=self.generator))
        if options.pool == 1:
            x = self._denoise(1, done).final
        else:
            if self.pool is None or step % options.refresh == 0:
                self.pool = self._denoise(options.pool, None)
            path = int(torch.randint(options.pool, (1,), generator=self.generator))
            x = self.pool.latents[done, path][None]
        total = int(self.pipe.scheduler.config.num_train_timesteps)
        return x, torch.tensor(timestep(done, options.trajectory_steps, total))

    def _denoise(self, count: int, stop: int | None) -> _noise.Pool:
        return _noise.trajectories(
            pipelines.with_unet(self.pipe, self.student),
            self.concept,
            self.null,
            count=count,
            steps=self.options.trajectory_steps,
            guidance=self.options.trajectory_guidance,
            generator=self.generator,
            stop=stop,
            keep=stop is None,
        )


def timestep(done: int, steps: int, total: int) -> int:
    """Return the timestep that latents are taken to be of after some denoising steps.

    The noisiest of those that the next step stands for. Source: SPM's code.

    Args:
        done: Steps that were taken.
        steps: Steps of a whole trajectory.
        total: Timesteps of the noise schedule.
    """
    return total - 1 - done * total // steps


def anchors(text: Conditioning, count: int, generator: torch.Generator) -> Conditioning:
    """Return random points to be held still, a = |c| U(0.8, 1.2) z / |z|.

    z is normal over all positions at once, and is taken with probability min(1, 1 - cos(z, c)). Of
    SDXL the pooled embedding is drawn in the same way, by itself. Source: SPM.

    Args:
        text: c, one text.
        count: Number of points.
        generator: Source of all randomness, on the CPU.
    """
    drawn = text.around(_points(text.states[0], count, generator))
    if text.pooled is None:
        return drawn
    return replace(drawn, pooled=_points(text.pooled[0], count, generator))


def _points(like: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return points as `anchors` says, (count, ...)."""
    own = like.detach().cpu().float()
    found = own.new_zeros(count, *own.shape)
    for row in range(count):
        z = _direction(own, generator)
        length = NEAREST + (FARTHEST - NEAREST) * torch.rand((), generator=generator)
        found[row] = length * own.norm() * z
    return found.to(like)


def _direction(own: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random z / |z|, the more readily the farther it points from a text."""
    while True:
        z = torch.randn(own.shape, generator=generator)
        z = z / z.norm()
        if torch.rand((), generator=generator) < 1 - (z * own).sum() / own.norm():
            found: Tensor = z
            return found
