"""ESD: fine-tune the U-Net so that a concept's prediction is pushed away from the concept.

Facts on paper and code: rohitgandikota/erasing at 25613d2 (2025), and the CompVis script of 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import pipelines, prediction
from bench.models.eraser import Eraser
from bench.types import Concept, InputError, Option, Progress, silent
from methods import _options, _tokens, _training, _unet
from methods._source import Source
from methods.esd._conventions import (
    PUBLISHED,
    TRAINED,
    Convention,
    Published,
    TrainMethod,
    selected,
)

__all__ = ["Esd", "selected", "target"]


@dataclass(frozen=True)
class Esd(Eraser):
    """ESD: fine-tunes the U-Net against the negatively guided prediction of a frozen copy."""

    paper: ClassVar[str] = "Erasing Concepts from Diffusion Models, arXiv 2303.07345 (ICCV 2023)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*",)
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "steps": 300,
            "learning_rate": 1e-3,
            "train_method": "x",
            "timesteps": "grid",
            "negative_guidance": 3.0,
            "refresh": 0,
            "trajectory_steps": 20,
        },
        "objects-mace": {
            "train_method": "u",
            "convention": "paper",
            "negative_guidance": 1.0,
            "steps": 1000,
            "learning_rate": 1e-5,
            "pool": 1,
            "sampled_by": "student",
            "timesteps": "bucket",
        },
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "tuned on the ship, reports/tuning",
        "objects-mace": "the 2023 script's defaults, as MACE's table 1 has them for ESD-u",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "train_method": ["x", "u", "x_strict", "all"],
        "steps": (100, 600),
        "learning_rate": (1e-4, 3e-3),
        "negative_guidance": (1.0, 5.0),
    }

    train_method: Literal["x", "x_strict", "u", "all"] | None = None
    """What learns: x, cross-attention; x_strict, its keys and values; u, all but cross-attention;
    all. Layers and norms as in the convention's code. None is the paper's by the first concept's
    kind: u for objects and explicit content, x for styles; x for persons (authors' advice)."""
    convention: Literal["paper", "code2025"] = "paper"
    """Base of the target: the unconditional prediction (paper equation, 2023 script), or the
    conditional one (2025 code), where a negative guidance of 2 equals 1 in the paper's."""
    negative_guidance: float | None = None
    """Strength of the push, eta, a factor; none is what was published, 1 for paper and 2 for
    code2025."""
    steps: int | None = None
    """Training steps; none is what was published, 1000 for paper and 200 for code2025."""
    learning_rate: float | None = None
    """Adam learning rate, per step; none is what was published, 1e-5 for paper and 5e-5 for
    code2025."""
    erase_from: str | None = None
    """Erase the concept from this prompt only; none is the concept itself (2025 code)."""
    pool: int = 8
    """Trajectories that noisy latents are drawn from; 1 denoises a fresh one for each latent, up to
    a random step (both codes; more is ours: the frozen model makes them reusable)."""
    refresh: int = 200
    """Training steps after which a pool of more than 1 is denoised anew; 0 never (ours: with a pool
    of 8, a seventh of the codes' U-Net evaluations)."""
    timesteps: Literal["bucket", "grid"] | None = None
    """Timestep of x_t: uniform among those that its step of the trajectory stands for, or the
    step's own; none is what was published, bucket for paper and grid for code2025."""
    sampled_by: Literal["frozen", "student"] = "frozen"
    """Whose trajectories: the frozen model's (2025 code, and ours for paper, as a pool of them does
    not age) or the model's in training (2023 script), as it is when they are denoised."""
    batch: int = 1
    """Noisy latents per step; 1 in both codes."""
    trajectory_steps: int = 50
    """DDIM steps of a trajectory (paper; the 2025 code keeps the checkpoint's scheduler)."""
    trajectory_guidance: float = 3.0
    """Classifier-free guidance of a trajectory, a factor (both codes)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Fine-tune a copy of the U-Net; several concepts take turns at random."""
        self.check(pipe, concepts)
        plan = self._published()
        if not concepts:
            return {}
        generator = torch.Generator().manual_seed(seed)
        null = prediction.unconditional(pipe)
        asked = prediction.condition(pipe, [concept.name for concept in concepts])
        base = asked
        if self.erase_from is not None:
            base = prediction.condition(pipe, [self.erase_from]).expand(len(asked))
        student = _unet.trainable(pipe.unet)
        weights = selected(student, self._trained(concepts), self.convention)
        optimizer = torch.optim.Adam(
            [weight.requires_grad_(True) for weight in weights.values()], lr=plan.learning_rate
        )
        model = pipelines.with_unet(pipe, student) if self.sampled_by == "student" else pipe
        source = Source(
            model,
            base,
            null,
            generator,
            pool=self.pool,
            refresh=self.refresh,
            steps=self.trajectory_steps,
            guidance=self.trajectory_guidance,
            buckets=plan.timesteps == "bucket",
            progress=progress,
        )

        def loss_at(step: int) -> Tensor:
            draw = source.draw(step, self.batch)
            text = prediction.joined([null.expand(self.batch), asked[draw.prompts]])
            if self.erase_from is not None:
                text = prediction.joined([text, base[draw.prompts]])
            copies = len(text) // self.batch
            with torch.no_grad():
                parts = prediction.predict(
                    pipe.unet,
                    draw.latents.repeat(copies, 1, 1, 1),
                    draw.timesteps.repeat(copies),
                    text,
                ).chunk(copies)
            wanted = target(
                parts[0],
                parts[1],
                negative_guidance=plan.negative_guidance,
                convention=self.convention,
                eps_erase_from=parts[2] if self.erase_from is not None else None,
            )
            made = prediction.predict(student, draw.latents, draw.timesteps, base[draw.prompts])
            return (made - wanted).square().mean()

        _training.fit(optimizer, loss_at, plan.steps, what="fine-tuning", progress=progress)
        return _unet.learned(pipe, weights)

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse counts, models and concepts that cannot be used.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _options.at_least(1, steps=self._published().steps, pool=self.pool, batch=self.batch)
        _options.at_least(1, trajectory_steps=self.trajectory_steps)
        _options.at_least(0, refresh=self.refresh)
        _tokens.check(pipe, concepts)

    def _published(self) -> Published:
        """Fill in what the options leave open."""
        return _options.completed(PUBLISHED[self.convention], self)

    def _trained(self, concepts: Sequence[Concept]) -> TrainMethod:
        return self.train_method or TRAINED[concepts[0].kind]


def target(
    eps_uncond: Tensor,
    eps_cond: Tensor,
    *,
    negative_guidance: float,
    convention: Convention,
    eps_erase_from: Tensor | None = None,
) -> Tensor:
    """Return the prediction that the student is to make.

    paper: e(null) - eta (e(c) - e(null)), equation 6. code2025: e(c) - eta (e(c) - e(null)), so
    that eta = 2 there is eta = 1 in the paper. In both, e(from) takes the place of the first term
    where the concept is erased from another prompt.

    Args:
        eps_uncond: The frozen model's prediction for the empty prompt.
        eps_cond: Its prediction for the concept.
        negative_guidance: eta.
        convention: Which of the two.
        eps_erase_from: Its prediction for what the concept is erased from.

    Raises:
        InputError: there is no such convention.
    """
    if convention not in PUBLISHED:
        raise InputError(f"convention is {convention!r}, allowed is {' or '.join(PUBLISHED)}")
    own = eps_uncond if convention == "paper" else eps_cond
    base = own if eps_erase_from is None else eps_erase_from
    return base - negative_guidance * (eps_cond - eps_uncond)
