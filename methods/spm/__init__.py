"""SPM: a rank-one adapter beside every layer, which lets pass what does not resemble the concept.

Facts on paper and code: arXiv 2312.16145 (CVPR 2024), Con6924/SPM at 3dd762e.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models.eraser import Eraser
from bench.models.weights import loaded
from bench.types import Concept, Form, Option, Progress, silent
from methods import _options, _tokens
from methods.spm import _anchoring, _membrane, _published, _transport

__all__ = ["Spm"]


@dataclass(frozen=True)
class Spm(Eraser):
    """SPM: trains rank-one adapters that act as strongly as a prompt resembles the concept."""

    form: ClassVar[Form] = "adapter"
    paper: ClassVar[str] = "SPM, arXiv 2312.16145 (CVPR 2024)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.membrane.*", "unet.*.attentions.*.weight")
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "steps": 120,
            "learning_rate": 1e-2,
            "negative_guidance": 3.0,
            "warmup_steps": 12,
            "cycles": 1,
            "anchors": 1,
            "anchoring": 1.0,
            "pool": 8,
            "refresh": 60,
            "trajectory_steps": 20,
        }
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "the best of six settings on the ship, methods/spm.md",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "steps": (60, 200),
        "learning_rate": (1e-3, 3e-2),
        "negative_guidance": (1.0, 5.0),
        "anchoring": (0.0, 3.0),
        "rank": (1, 4),
    }

    files: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    """Adapters to take in place of training: a file or folder that SPM's code wrote, or an erasure
    of this method; empty trains (ours)."""
    rank: int = 1
    """Columns of an adapter's factors (published)."""
    steps: int = 3000
    """Training steps of each concept (published)."""
    learning_rate: float = 1e-4
    """Greatest AdamW learning rate, per step (published)."""
    warmup_steps: int = 500
    """Training steps in which the learning rate rises from 0 (published)."""
    cycles: int = 3
    """How often it then falls to 0 along a cosine, starting anew (published)."""
    guide: str | None = ""
    """What the concept is led away from itself to: one text for all or one each, `;`-separated;
    empty is no text, none each concept's anchor (published: no text, or a chosen one)."""
    negative_guidance: float = 1.0
    """How far beyond that text the concept is led, eta, a factor (published)."""
    anchors: int = 4
    """Random points a step whose predictions are held still; 0 for none (published)."""
    anchoring: float = 1000.0
    """Weight of what moves at these points, lambda, a factor (published)."""
    held: Literal["points", "halved"] = "points"
    """What is held still: all of the points (paper), or half of them and, as often, the empty text
    (code, whose batch for guidance is cut in the middle)."""
    pool: int = 1
    """Trajectories that noisy latents are drawn from; 1 denoises a fresh one up to a random step
    for each training step (published; more is ours)."""
    refresh: int = 25
    """Training steps after which a pool of more than 1 is denoised anew by the model as it is then
    (ours)."""
    trajectory_steps: int = 30
    """DDIM steps of a trajectory (published)."""
    trajectory_guidance: float = 3.0
    """Classifier-free guidance of a trajectory, a factor (published)."""
    gating: Literal["transport", "none"] = "transport"
    """How strongly the adapters act on a prompt: as much as it resembles the concept (paper), or
    always fully, so that they fold into the weights (the authors' notebook, and web interfaces)."""
    sum: Literal["products", "factors"] = "products"
    """What is added up over concepts: what each adapter does, times its strength (paper); or the
    factors, each times its strength, so that a strength counts squared and concepts cross
    (code)."""
    strength: float = 1.0
    """Factor on what the adapters add when the model draws; 0 is the un-erased model (ours)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Train adapters of each concept by itself, all from the same seed, and put them together.

        So those of a concept are the same whatever else is erased.
        """
        self.check(pipe, concepts)
        if not concepts:
            return {}
        if self.path:
            return _published.read(Path(self.path).expanduser(), pipe.unet, concepts)
        made = [
            _anchoring.trained(self, pipe, concept.name, guide, seed=seed, progress=progress)
            for concept, guide in zip(concepts, self._guides(concepts), strict=True)
        ]
        return {name: torch.cat([each[name] for each in made]) for name in made[0]}

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline with the adapters beside its layers, or folded into its weights."""
        if not concepts:
            return pipe
        concepts, tensors = _published.erased(tensors, concepts), _published.bare(tensors)
        if self.gating == "transport":
            return _transport.gated(pipe, concepts, tensors, self._mixing)
        full = self._mixing(torch.ones(1, len(concepts)))
        return loaded(pipe, _membrane.folded(pipe.unet, tensors, full))

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse numbers out of range, and texts that cannot be read whole.

        Raises:
            InputError: naming the option or text, and what is allowed.
        """
        _options.at_least(
            1,
            rank=self.rank,
            steps=self.steps,
            cycles=self.cycles,
            pool=self.pool,
            refresh=self.refresh,
        )
        _options.at_least(2, trajectory_steps=self.trajectory_steps)
        _options.within(0, self.steps, warmup_steps=self.warmup_steps)
        _options.at_least(
            0,
            learning_rate=self.learning_rate,
            negative_guidance=self.negative_guidance,
            trajectory_guidance=self.trajectory_guidance,
            anchors=self.anchors,
            anchoring=self.anchoring,
            strength=self.strength,
        )
        _tokens.check(pipe, concepts)
        for guide in self._guides(concepts):
            _tokens.check_window(pipe, guide)
        if self.path:
            _published.read(Path(self.path).expanduser(), pipe.unet, concepts)

    def _guides(self, concepts: Sequence[Concept]) -> list[str]:
        return _tokens.guides(concepts, self.guide)

    def _mixing(self, gamma: Tensor) -> Tensor:
        return self.strength * _membrane.mixing(gamma, self.sum)
