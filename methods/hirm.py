"""HiRM: train the text encoder's first layer until its last says something else for a concept.

Facts on paper and code: arXiv 2602.19631 (ICLR 2026), Coffeeloveman/HiRM, as others describe and
re-implement them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import Concept, Kind, Option, Progress, silent
from methods import _options, _tokens, _training, _unet

Target = Literal["random", "anchor"]

STEPS: Mapping[Target, Mapping[Kind, int]] = {
    "random": {"object": 25, "style": 40, "person": 25, "explicit": 50},
    "anchor": {"object": 15, "style": 30, "person": 15, "explicit": 25},
}
"""Published training steps; of persons nothing was published, they are trained as objects are."""
RATES: Mapping[Kind, float] = {"object": 5e-5, "style": 5e-5, "person": 5e-5, "explicit": 1e-4}
"""Published learning rates, likewise."""
FIRST = r"(?:^|\.)encoder\.layers\.0\.(?:self_attn|mlp)\."
"""What the name of a parameter that learns must match."""
OUTPUT = r"(?:^|\.)encoder\.layers\.\d+\.self_attn\.out_proj$"
"""What the name of the matrix must match that ends a layer's attention."""
VIT_L = (768, 12)
"""Width and layers of CLIP ViT-L, the text encoder of Stable Diffusion 1."""
VIT_L_NORM = 5000.0
"""Norm of the random field in the code, which knows no other encoder."""


@dataclass(frozen=True)
class Hirm(Eraser):
    """HiRM: moves what the text encoder's last attention says of a concept, by its first layer."""

    paper: ClassVar[str] = "High-Level Representation Misdirection, arXiv 2602.19631 (ICLR 2026)"
    touches: ClassVar[tuple[str, ...]] = (
        "text_encoder*encoder.layers.0.self_attn.*",
        "text_encoder*encoder.layers.0.mlp.*",
    )
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"target": "anchor", "learning_rate": 1e-3}
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "the best of six settings on the ship, methods/hirm.md"
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "target": ["random", "anchor"],
        "steps": [None, 10, 25, 50, 100],
        "learning_rate": (1e-4, 1e-2),
        "ratio": (10.0, 300.0),
    }

    target: Target = "random"
    """What the concept is to be represented by: a field of random numbers (HiRM-R), or what stands
    for its anchor, a broader word (HiRM-S)."""
    steps: int | None = None
    """Training steps; none is what was published: random 25 for objects, 40 styles, 50 explicit
    content, anchor 15, 30 and 25."""
    learning_rate: float | None = None
    """AdamW learning rate, per step; none is what was published: 5e-5, explicit content 1e-4."""
    norm: float | None = None
    """Norm of the random field, over all positions; none is 5000 in CLIP ViT-L (code) and `ratio`
    in other text encoders."""
    ratio: float = 100.0
    """Norm of the random field in other text encoders than CLIP ViT-L, in norms of what they say of
    the concept (ours)."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse numbers out of range and names that the text encoder cannot read.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _tokens.check(pipe, concepts)
        _options.at_least(0, steps=self.steps, learning_rate=self.learning_rate)
        _options.at_least(0, norm=self.norm, ratio=self.ratio)

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Train a copy of each text encoder; several concepts jointly, a field each."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        kind = concepts[0].kind
        steps = STEPS[self.target][kind] if self.steps is None else self.steps
        rate = RATES[kind] if self.learning_rate is None else self.learning_rate
        if not steps:
            return {}
        generator = torch.Generator().manual_seed(seed)
        layer = pipelines.last_read(pipe)
        asked, anchors = (
            pipelines.padded(pipe, texts).unbind(1)
            for texts in ([each.name for each in concepts], [each.anchor for each in concepts])
        )
        found: dict[str, Tensor] = {}
        for part, own, other in zip(pipelines.encoder_names(pipe), asked, anchors, strict=True):
            student = _unet.trainable(getattr(pipe, part))
            with torch.no_grad():
                if self.target == "anchor":
                    wanted = said(student, other, layer)
                else:
                    wanted = self._field(student, said(student, own, layer), generator)
            weights = _unet.learning(student, FIRST)
            optimizer = torch.optim.AdamW(
                list(weights.values()), lr=rate, betas=(0.9, 0.98), eps=1e-6, weight_decay=1e-8
            )
            loss = distance(student, own, layer, wanted)
            _training.fit(optimizer, loss, steps, what="misdirection", progress=progress)
            found |= _unet.learned(pipe, weights, part)
        return found

    def _field(self, encoder: Any, before: Tensor, generator: torch.Generator) -> Tensor:
        """Return a field of random numbers, uniform before it is scaled, for each text.

        Args:
            encoder: The text encoder.
            before: What it says of each text, (texts, positions, width).
            generator: Source of all randomness, on the CPU.
        """
        own = before.flatten(1).norm(dim=1)
        known = (encoder.config.hidden_size, encoder.config.num_hidden_layers) == VIT_L
        norm = VIT_L_NORM if self.norm is None and known else self.norm
        wanted = self.ratio * own if norm is None else torch.full_like(own, norm)
        field = torch.rand(before.shape, generator=generator).to(before)
        scale: Tensor = wanted / field.flatten(1).norm(dim=1)
        return field * scale[:, None, None]


def distance(encoder: Any, ids: Tensor, layer: int, wanted: Tensor) -> Callable[[int], Tensor]:
    """Return the loss of a step: how far what a layer says of texts is from what it should say.

    Args:
        encoder: The text encoder in training.
        ids: Token ids, (texts, positions).
        layer: As in `said`.
        wanted: (texts, positions, width).
    """
    return lambda step: (said(encoder, ids, layer) - wanted).square().mean()


def said(encoder: Any, ids: Tensor, layer: int) -> Tensor:
    """Return what a layer's attention adds to each position of some texts.

    Args:
        encoder: A CLIP text encoder.
        ids: Token ids, (texts, positions).
        layer: Which, -1 for the last.

    Returns:
        Output of its `out_proj`, (texts, positions, width); gradients pass through.
    """
    outputs = [each for name, each in encoder.named_modules() if re.search(OUTPUT, name)]
    heard: list[Tensor] = []
    handle = outputs[layer].register_forward_hook(lambda module, given, out: heard.append(out))
    try:
        encoder(ids.to(encoder.device))
    finally:
        handle.remove()
    return heard[0]
