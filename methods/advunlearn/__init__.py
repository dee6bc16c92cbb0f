"""AdvUnlearn: train the text encoder, at each step against a prefix that brings the concept back.

Facts on paper and code: arXiv 2405.15234 (NeurIPS 2024), OPTML-Group/AdvUnlearn at 9d23124.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import pipelines, prediction
from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning
from bench.types import Concept, InputError, Option, Progress, silent
from methods import _noise, _options, _tokens, _training, _unet
from methods.advunlearn import _retained
from methods.advunlearn._student import Student, depth

__all__ = ["Advunlearn"]


@dataclass(frozen=True)
class Advunlearn(Eraser):
    """AdvUnlearn: trains the text encoder against prefixes that would bring the concept back."""

    paper: ClassVar[str] = "Defensive Unlearning, arXiv 2405.15234 (NeurIPS 2024)"
    touches: ClassVar[tuple[str, ...]] = (
        "text_encoder.*encoder.layers.*",
        "text_encoder.*final_layer_norm.*",
    )
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "steps": 150,
            "learning_rate": 1e-3,
            "negative_guidance": 3.0,
            "warmup": 30,
            "attack_steps": 5,
            "attack_every": 5,
            "attack_rate": 0.01,
            "retain_weight": 1.0,
            "retain_batch": 3,
            "retain_prompts": "everyday",
            "pool": 8,
            "trajectory_steps": 10,
        }
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "the best of six settings on the ship, methods/advunlearn.md",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "steps": (60, 200),
        "learning_rate": (1e-4, 3e-3),
        "negative_guidance": (1.0, 5.0),
        "attack_rate": (1e-3, 1e-1),
        "retain_weight": (0.1, 3.0),
    }

    layers: int = 0
    """How many of the text encoder's first layers learn; 0 is all of them and the last norm
    (published)."""
    steps: int = 1000
    """Training steps (published)."""
    learning_rate: float = 1e-5
    """Adam learning rate, per step (published)."""
    negative_guidance: float = 1.0
    """Strength of the push away from the concept, eta, a factor (published)."""
    warmup: int = 200
    """Training steps before the first attack (published)."""
    attack_steps: int = 30
    """Adam steps of an attack; 0 trains on the concept's name alone, as ESD would (published)."""
    attack_every: int = 1
    """Training steps of a concept from one attack to the next, between which its prefix stays;
    1 attacks anew at each (published)."""
    attack_rate: float = 1e-3
    """Adam learning rate of the prefix, per step (published)."""
    attack_start: Literal["random", "latest"] = "random"
    """What an attack starts from: tokens drawn from the vocabulary (published), or the prefix that
    was found last (option of the code)."""
    tokens: int = 1
    """Embeddings in front of the concept's name, a count (published)."""
    accumulate: bool = False
    """Add up the gradients of an attack's steps, as the code does, which never sets them to zero;
    else each step has its own (paper)."""
    fast: bool = False
    """Take the gradient's signs for the gradient (the code's fast variant)."""
    retain_weight: float = 0.3
    """Weight of the prompts that stay, a factor (published for nudity; the code's default is 1)."""
    retain_batch: int = 5
    """Prompts that stay in each step (published)."""
    retain_prompts: Literal["coco", "everyday", "scenes"] = "coco"
    """What stays: a photo of each thing of COCO (published), or captions of ours of everyday things
    or of places, none of which shares a word with the concepts."""
    retain_turns: Literal["sum", "alternate"] = "sum"
    """How both losses are trained on: their sum in one step (published), or a step of each in turn
    (default of the code)."""
    pool: int = 64
    """Trajectories of each concept, and of what stays, that noisy latents are drawn from; of what
    stays one a prompt at least (ours: the U-Net never changes, so none goes stale)."""
    trajectory_steps: int = 50
    """DDIM steps of a trajectory (published)."""
    trajectory_guidance: float = 3.0
    """Classifier-free guidance of a trajectory, a factor (published)."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse SDXL, numbers out of range, and names that leave no room for the prefix.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        if len(pipelines.encoders(pipe)) > 1:
            raise InputError(
                "advunlearn trains one text encoder; SDXL has two, allowed is SD 1 or 2"
            )
        _options.at_least(
            1,
            steps=self.steps,
            attack_every=self.attack_every,
            tokens=self.tokens,
            retain_batch=self.retain_batch,
            pool=self.pool,
            trajectory_steps=self.trajectory_steps,
        )
        _options.at_least(
            0,
            learning_rate=self.learning_rate,
            negative_guidance=self.negative_guidance,
            warmup=self.warmup,
            attack_steps=self.attack_steps,
            attack_rate=self.attack_rate,
            retain_weight=self.retain_weight,
            trajectory_guidance=self.trajectory_guidance,
        )
        if self.retain_turns == "alternate" and not self.retain_weight:
            raise InputError("retain_turns is 'alternate' and retain_weight is 0: nothing stays")
        _options.within(0, depth(pipe.text_encoder), layers=self.layers)
        _tokens.check(pipe, concepts)
        room = pipe.tokenizer.model_max_length - 2
        for concept in concepts:
            count = pipelines.token_count(pipe, concept.name)
            if count + self.tokens > room:
                raise InputError(
                    f"tokens is {self.tokens}, allowed is 1 to {room - count} in front of the "
                    f"{count} tokens of {concept.name[:40]!r}"
                )

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Train a copy of the text encoder; several concepts take turns at random."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        generator = torch.Generator().manual_seed(seed)
        training = _Training(self, pipe, concepts, generator, progress)
        weights = training.student.weights
        optimizer = torch.optim.Adam(list(weights.values()), lr=self.learning_rate)
        steps = self.steps * (2 if self.retain_turns == "alternate" else 1)
        _training.fit(optimizer, training.loss, steps, what="unlearning", progress=progress)
        return _unet.learned(pipe, weights, "text_encoder")


class _Training:
    """The losses of one erasure, and the attacks that they are trained against."""

    def __init__(
        self,
        options: Advunlearn,
        pipe: Any,
        concepts: Sequence[Concept],
        generator: torch.Generator,
        progress: Progress,
    ) -> None:
        self.options, self.generator = options, generator
        self.student, self.unet = Student(pipe, options.layers), _unet.trainable(pipe.unet)
        # Before anything is learnt, the student is the frozen encoder in fp32.
        self.null = prediction.unconditional(self.student.pipe)
        names = [each.name for each in concepts]
        self.asked, self.ids = self._read(names)
        self.pools = [
            self._denoised(pipe, self.asked[i : i + 1], options.pool, progress)
            for i in range(len(names))
        ]
        self.prefixes: list[Tensor | None] = [None] * len(names)
        self.attacked = [0] * len(names)
        if options.retain_weight:
            texts = _retained.prompts(options.retain_prompts, concepts)
            self.stays, self.stays_ids = self._read(texts)
            count = max(options.pool, len(texts))
            self.stays_pool = self._denoised(pipe, self.stays, count, progress)

    def loss(self, step: int) -> Tensor:
        """Return the loss of an optimiser's step: of what is erased, of what stays, or of both."""
        weight = self.options.retain_weight
        if self.options.retain_turns == "alternate":
            turn, keeping = divmod(step, 2)
            return weight * self._kept() if keeping else self._erased(turn)
        return self._erased(step) + weight * self._kept() if weight else self._erased(step)

    def _erased(self, step: int) -> Tensor:
        """Return how far the concept, behind its prefix, is from what it is pushed to."""
        which = int(torch.randint(len(self.pools), (1,), generator=self.generator))
        prefix = self._prefix(step, which)
        x, t, _ = self._draw(self.pools[which], 1)
        text = prediction.joined([self.null, self.asked[which : which + 1]])
        empty, full = self._frozen(x.repeat(2, 1, 1, 1), t.repeat(2), text).chunk(2)
        wanted = empty - self.options.negative_guidance * (full - empty)
        made = prediction.predict(self.unet, x, t, self._said(prefix, which))
        return (made - wanted).square().mean()

    def _kept(self) -> Tensor:
        """Return how far what stays is from what it was."""
        x, t, prompts = self._draw(self.stays_pool, self.options.retain_batch)
        wanted = self._frozen(x, t, self.stays[prompts])
        text = self.student.reads(self.stays_ids[prompts])
        return (prediction.predict(self.unet, x, t, text) - wanted).square().mean()

    def _prefix(self, step: int, which: int) -> Tensor | None:
        """Return what stands in front of a concept at a step, found anew if it is time."""
        options = self.options
        if step < options.warmup or not options.attack_steps:
            return None
        if self.attacked[which] % options.attack_every == 0:
            self.prefixes[which] = self._attack(which)
        self.attacked[which] += 1
        return self.prefixes[which]

    def _attack(self, which: int) -> Tensor:
        """Search for a prefix with which the student says what the concept's name did."""
        options, latest = self.options, self.prefixes[which]
        if options.attack_start == "random" or latest is None:
            latest = self.student.some_token(options.tokens, self.generator)
        prefix = latest.clone().requires_grad_(True)
        search = torch.optim.Adam([prefix], lr=options.attack_rate)
        along = torch.zeros_like(prefix)
        x, t, _ = self._draw(self.pools[which], options.attack_steps)
        wanted = self._frozen(x, t, self.asked[which : which + 1].expand(len(x)))
        for own in torch.split(torch.arange(len(x)), 1):
            made = prediction.predict(self.unet, x[own], t[own], self._said(prefix, which))
            (gradient,) = torch.autograd.grad((made - wanted[own]).square().mean(), prefix)
            along = along + gradient if options.accumulate else gradient
            along = along.sign() if options.fast else along
            prefix.grad = along.clone()
            search.step()
        return prefix.detach()

    def _said(self, prefix: Tensor | None, which: int) -> Conditioning:
        own = self.ids[which : which + 1]
        return self.student.reads(own) if prefix is None else self.student.reads_behind(prefix, own)

    def _read(self, texts: Sequence[str]) -> tuple[Conditioning, Tensor]:
        ids = pipelines.padded(self.student.pipe, texts)
        with torch.no_grad():
            return self.student.reads(ids), ids

    def _frozen(self, x: Tensor, t: Tensor, text: Conditioning) -> Tensor:
        """Return what is predicted for texts of the frozen encoder, one a latent."""
        with torch.no_grad():
            some = torch.split(torch.arange(len(x)), _noise.BATCH)
            return torch.cat([prediction.predict(self.unet, x[i], t[i], text[i]) for i in some])

    def _draw(self, pool: _noise.Pool, count: int) -> tuple[Tensor, Tensor, list[int]]:
        """Draw noisy latents, timesteps that their steps stand for, and their prompts."""
        draw = pool.draw(count, self.generator)
        timesteps = _noise.in_bucket(pool.scheduler, draw.timesteps, self.generator)
        return draw.latents, timesteps, draw.prompts

    def _denoised(
        self, pipe: Any, rows: Conditioning, count: int, progress: Progress
    ) -> _noise.Pool:
        return _noise.trajectories(
            pipe,
            rows,
            self.null,
            count=count,
            steps=self.options.trajectory_steps,
            guidance=self.options.trajectory_guidance,
            generator=self.generator,
            progress=progress,
        )
