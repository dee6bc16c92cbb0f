"""Receler: small adapters, trained against learnt adversarial rows and quiet beside the concept.

Facts on paper and code: arXiv 2311.17717 (ECCV 2024), jasper0314-huang/Receler at 3ccedc9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.models import pipelines, prediction
from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning
from bench.types import Concept, Form, InputError, Option, Progress, silent
from methods import _maps, _options, _tokens, _training, _unet
from methods._source import Source
from methods.receler import _adapters, _published

__all__ = ["Receler", "beside", "located"]


@dataclass(frozen=True)
class Receler(Eraser):
    """Receler: trains adapters after cross-attention against an adversary; weights stay."""

    form: ClassVar[Form] = "adapter"
    paper: ClassVar[str] = "Receler, arXiv 2311.17717 (ECCV 2024)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.adapter.*",)
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "steps": 100,
            "attack_steps": 5,
            "learning_rate": 1e-3,
            "pool": 8,
            "refresh": 25,
            "trajectory_steps": 20,
        }
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "best of six settings on the ship at size quick, methods/receler.md",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "steps": (40, 200),
        "learning_rate": (1e-4, 3e-3),
        "attack_steps": (1, 10),
        "localise": (0.01, 1.0),
        "threshold": (0.02, 0.5),
    }

    files: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    """Adapters to take in place of training: a file or folder that Receler's code wrote, or an
    erasure of this method; empty trains (ours)."""
    rank: int = 128
    """Width of an adapter's middle (published)."""
    steps: int = 500
    """Training steps (README; 1000 in the code's function)."""
    learning_rate: float = 3e-4
    """Adam learning rate of the adapters, per step (published)."""
    negative_guidance: float = 1.0
    """Strength of the push away from the concept, eta, a factor (published)."""
    rows: int = 16
    """Adversarial rows behind the concept's tokens, in place of the text encoder's; 0 for none
    (published)."""
    attack_steps: int = 50
    """Steps that the adversary takes before each training step; 0 keeps its rows as they start
    (published)."""
    attack_rate: float = 0.1
    """Adam learning rate of the adversary, per step (published)."""
    attack_decay: float = 0.1
    """Weight decay of the adversary, per step, added to its gradient (published)."""
    localise: float = 0.1
    """Weight of what the adapters add beside the concept, a factor on its mean square
    (published)."""
    threshold: float = 0.1
    """Attention to the concept, from least 0 to most 1, from which a pixel is its own
    (published)."""
    pool: int = 1
    """Trajectories that noisy latents are drawn from; 1 denoises a fresh one for each latent, up to
    a random step (published; more is ours)."""
    refresh: int = 25
    """Training steps after which a pool of more than 1 is denoised anew (ours)."""
    trajectory_steps: int = 50
    """DDIM steps of a trajectory (published)."""
    trajectory_guidance: float = 3.0
    """Classifier-free guidance of a trajectory, a factor (published)."""
    strength: float = 1.0
    """Factor on what the adapters add when the model draws; 0 is the un-erased model (ours)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Train the adapters of a copy; several concepts take turns at random."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        if self.path:
            return self._given(pipe)
        generator = torch.Generator().manual_seed(seed)
        student = _unet.trainable(pipe.unet)
        weights = _adapters.attach(student, self.rank, generator)
        training = _Training(self, pipe, student, concepts, generator)
        optimizer = torch.optim.Adam(weights, lr=self.learning_rate)
        _training.fit(optimizer, training.loss, self.steps, what="adapters", progress=progress)
        return _adapters.named(student)

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline with the adapters in a U-Net that shares its weights."""
        return _adapters.added(pipe, tensors, self.strength) if concepts else pipe

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse numbers out of range, and concepts that leave no room for the adversary."""
        _options.at_least(1, rank=self.rank, steps=self.steps, pool=self.pool)
        _options.at_least(1, refresh=self.refresh, trajectory_steps=self.trajectory_steps)
        _options.at_least(0, rows=self.rows, attack_steps=self.attack_steps)
        _options.at_least(0, attack_decay=self.attack_decay, localise=self.localise)
        _options.at_least(0, strength=self.strength)
        _options.within(0, 1, threshold=self.threshold)
        _tokens.check(pipe, concepts)
        room = pipe.tokenizer.model_max_length - 1
        for concept in concepts:
            count = pipelines.token_count(pipe, concept.name)
            if count + self.rows > room:
                raise InputError(
                    f"rows is {self.rows}, allowed is 0 to {room - count} behind the {count} "
                    f"tokens of {concept.name[:40]!r}"
                )
        if self.path:
            self._given(pipe)

    def _given(self, pipe: Any) -> Mapping[str, Tensor]:
        tensors = _published.read(Path(self.path).expanduser(), pipe.unet)
        _adapters.check(pipe.unet, tensors)
        return tensors


class _Training:
    """The losses of one erasure, and the adversary that they are trained against."""

    def __init__(
        self,
        options: Receler,
        pipe: Any,
        student: Any,
        concepts: Sequence[Concept],
        generator: torch.Generator,
    ) -> None:
        self.options, self.pipe, self.student = options, pipe, student
        names = [each.name for each in concepts]
        self.asked = prediction.condition(pipe, names)
        self.null = prediction.unconditional(pipe)
        self.counts = [pipelines.token_count(pipe, name) for name in names]
        self.source = Source(
            pipelines.with_unet(pipe, student),
            self.asked,
            self.null,
            generator,
            pool=options.pool,
            refresh=options.refresh,
            steps=options.trajectory_steps,
            guidance=options.trajectory_guidance,
            buckets=True,
        )
        shape = (len(names), options.rows, self.asked.states.shape[-1])
        start = torch.rand(shape, generator=generator).to(self.asked.states.device)
        self.adversary = start.requires_grad_(True)
        self.search = torch.optim.Adam(
            [self.adversary], lr=options.attack_rate, weight_decay=options.attack_decay
        )

    def loss(self, step: int) -> Tensor:
        """Let the adversary look for the concept, and return what the adapters do wrong then."""
        draw = self.source.draw(step)
        which, x, t = draw.prompts[0], draw.latents, draw.timesteps
        text, unet = self.asked[which : which + 1], self.pipe.unet
        with torch.no_grad():
            empty = prediction.predict(unet, x, t, self.null)
            with _maps.recorded(unet) as maps:
                full = prediction.predict(unet, x, t, text)
        positions = range(1, 1 + self.counts[which])
        mask = located(maps, positions, self.options.threshold)
        wanted = empty - self.options.negative_guidance * (full - empty)
        searching = self.options.attack_steps if self.options.rows else 0
        for left in reversed(range(max(searching, 1))):
            with _adapters.recorded(self.student) as added:
                made = prediction.predict(self.student, x, t, self._attacked(text, which))
            if searching:
                found = torch.nn.functional.mse_loss(made, full)
                (self.adversary.grad,) = torch.autograd.grad(
                    found, self.adversary, retain_graph=left == 0
                )
                self.search.step()
        erased = torch.nn.functional.mse_loss(made, wanted)
        return erased + self.options.localise * beside(added, mask)

    def _attacked(self, text: Conditioning, which: int) -> Conditioning:
        """Return a concept's text with the adversary's rows behind its tokens."""
        first = 1 + self.counts[which]
        after = text.states[:, first + self.options.rows :]
        rows = self.adversary[which : which + 1]
        return text.around(torch.cat([text.states[:, :first], rows, after], 1))


def located(maps: Sequence[Tensor], positions: Sequence[int], threshold: float) -> Tensor:
    """Return where the concept is, by the attention that pixels pay to its tokens.

    Maps of the middle resolution (16 of 64, 32, 16 and 8 in Stable Diffusion 1) are averaged over
    layers, heads and tokens, and stretched from 0 to 1. Source: Receler's code.

    Args:
        maps: (1, heads, pixels, positions) of each layer.
        positions: Of the concept's tokens.
        threshold: What of it counts as the concept.

    Returns:
        (height, width), bool.
    """
    sizes = sorted({each.shape[2] for each in maps}, reverse=True)
    pixels = sizes[len(sizes) // 2]
    layers = [each[0][:, :, list(positions)].float() for each in maps if each.shape[2] == pixels]
    mean = torch.stack([each.mean(dim=(0, 2)) for each in layers]).mean(0)
    stretched = (mean - mean.min()) / (mean.max() - mean.min()).clamp_min(1e-12)
    found: Tensor = stretched >= threshold
    return found.reshape(round(pixels**0.5), -1)


def beside(added: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Return how much the adapters add beside the concept.

    The mean over layers of SUM_pixels (1 - M) mean_channels E^2 / SUM_pixels (1 - M). Source:
    Receler, the concept-localised regulariser.

    Args:
        added: What each adapter adds, (n, pixels, width).
        mask: M, where the concept is, (height, width).
    """
    total = added[0].new_zeros(())
    for each in added:
        outside = ~_maps.resized(mask, each.shape[1]).to(each.device)
        square = each.square().mean(-1) * outside
        total = total + square.sum() / outside.sum().clamp_min(1)
    return total / len(added)
