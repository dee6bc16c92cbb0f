"""CA, Concept Ablation: train the concept's prompts to be predicted as its anchor's are.

Facts on paper and code: nupurkmr9/concept-ablation at c11fb1b.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import prediction
from bench.models.eraser import Eraser
from bench.types import Concept, InputError, Kind, Option, Progress, silent
from methods import _noise, _options, _prompts, _tokens, _training, _unet

Parameters = Literal["cross-attn", "attn", "full"]

RULES: dict[Parameters, str] = {
    "cross-attn": r"attn2\.to_[kv]\.",
    "attn": r"attn[12]\.to_(q|k|v|out)\b",
    "full": r"",
}
"""What a parameter's name must match."""


@dataclass(frozen=True)
class Published:
    """What was published for a kind of concept."""

    steps: int = 100
    learning_rate: float = 1.6e-5
    parameters: Parameters = "cross-attn"


PUBLISHED: dict[Kind, Published] = {
    "object": Published(),
    "style": Published(),
    "person": Published(),
    "explicit": Published(400, 3.2e-5, "attn"),
}
"""Of persons nothing was published; they are trained as objects are."""


@dataclass(frozen=True)
class Ca(Eraser):
    """CA: trains the U-Net to predict for a concept what it predicts for its anchor."""

    paper: ClassVar[str] = (
        "Ablating Concepts in Text-to-Image Diffusion Models, arXiv 2303.13516 (ICCV 2023)"
    )
    touches: ClassVar[tuple[str, ...]] = ("unet.*",)
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"images": 64, "image_steps": 20, "image_guidance": 4.0, "learning_rate": 3e-4},
        "memorised": {"parameters": "full", "steps": 400, "learning_rate": 2e-6, "batch": 2},
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "the best of six settings on the ship, methods/ca.md",
        "memorised": "the code at c11fb1b, images that the model has memorised",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "loss": ["model", "noise"],
        "parameters": [None, "cross-attn", "attn", "full"],
        "learning_rate": (3e-5, 1e-3),
        "images": (16, 128),
    }

    loss: Literal["model", "noise"] = "model"
    """What is predicted for the concept: what the network in training predicts for the anchor
    (paper, default of the code), or the noise that was added to the anchor's image."""
    parameters: Parameters | None = None
    """What learns: keys and values of cross-attention; all of attention; all. None is what was
    published: attn for explicit content, else cross-attn."""
    steps: int | None = None
    """Training steps; none is what was published on two GPUs: 100, explicit content 400."""
    learning_rate: float | None = None
    """AdamW learning rate, per step, with batch and GPUs multiplied in as the code does; none is
    what was published: 1.6e-5, explicit content 3.2e-5."""
    batch: int = 8
    """Noisy images a step (code: 4 on each of two GPUs)."""
    images: int = 1000
    """Images of the anchor that are drawn for each concept (code)."""
    prompts: int = 30
    """Prompts of the anchor that they are drawn from, of our templates (code: 200 by a language
    model)."""
    image_steps: int = 50
    """DDIM steps of these images (ours)."""
    image_guidance: float = 7.5
    """Classifier-free guidance of these images, a factor (ours)."""
    prior: bool | None = None
    """Half of each batch are the anchor's images with their own prompts, which stay; none is what
    was published: where an object's name holds its anchor, and explicit content."""
    prior_scale: float = 1.0
    """Weight of that half's loss, a factor (code)."""
    clip: float = 1.0
    """Greatest norm of the gradient (code)."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse counts, rates and names that cannot be used.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _tokens.check(pipe, concepts)
        _options.at_least(1, steps=self.steps, batch=self.batch)
        _options.at_least(1, images=self.images, image_steps=self.image_steps)
        _options.above(0, learning_rate=self.learning_rate, clip=self.clip)
        _options.at_least(0, prior_scale=self.prior_scale)
        for concept in concepts:
            _prompts.texts(concept, self.prompts)
            if self._keeps(concept) and self.batch < 2:
                raise InputError(
                    f"batch is {self.batch}, and half of it is to keep {concept.anchor!r} as it "
                    "is; allowed is 2 or more, or prior=false"
                )

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Train a copy of the U-Net; several concepts take turns, a step each."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        plan = self._published(concepts)
        generator = torch.Generator().manual_seed(seed)
        student = _unet.trainable(pipe.unet)
        turns = [self._turn(pipe, student, each, generator, progress) for each in concepts]
        weights = _unet.learning(student, RULES[plan.parameters])
        optimizer = torch.optim.AdamW(
            list(weights.values()), lr=plan.learning_rate, betas=(0.9, 0.999), weight_decay=1e-2
        )

        def loss_at(step: int) -> Tensor:
            return turns[step % len(turns)]()

        _training.fit(
            optimizer, loss_at, plan.steps, what="ablation", progress=progress, clip=self.clip
        )
        return _unet.learned(pipe, weights)

    def _turn(
        self,
        pipe: Any,
        student: Any,
        concept: Concept,
        generator: torch.Generator,
        progress: Progress,
    ) -> Callable[[], Tensor]:
        """Draw a concept's images, and return what gives the loss of a batch of them."""
        asked, wanted = (
            prediction.condition(pipe, texts) for texts in _prompts.texts(concept, self.prompts)
        )
        pool = _noise.trajectories(
            pipe,
            wanted,
            prediction.unconditional(pipe),
            count=self.images,
            steps=self.image_steps,
            guidance=self.image_guidance,
            generator=generator,
            keep=False,
            progress=progress,
        )
        kept = self.batch // 2 if self._keeps(concept) else 0

        def loss() -> Tensor:
            draw = pool.renoise(self.batch - kept, generator)
            x, t = draw.latents, draw.timesteps
            made = prediction.predict(student, x, t, asked[draw.prompts])
            if self.loss == "noise":
                found = draw.error(made)
            else:
                with torch.no_grad():
                    aim = prediction.predict(student, x, t, wanted[draw.prompts])
                found = (made - aim).square().mean()
            if not kept:
                return found
            own = pool.renoise(kept, generator)
            made = prediction.predict(student, own.latents, own.timesteps, wanted[own.prompts])
            return found + self.prior_scale * own.error(made)

        return loss

    def _keeps(self, concept: Concept) -> bool:
        """Return whether the anchor's own images take half of the batch."""
        if self.prior is not None:
            return self.prior
        anchor, name = (set(_prompts.words(text)) for text in (concept.anchor, concept.name))
        return concept.kind == "explicit" or (
            concept.kind == "object" and bool(anchor) and anchor <= name
        )

    def _published(self, concepts: Sequence[Concept]) -> Published:
        """Fill in what the options leave open, by the first concept's kind."""
        return _options.completed(PUBLISHED[concepts[0].kind], self)
