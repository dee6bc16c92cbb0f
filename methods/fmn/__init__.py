"""FMN, Forget-Me-Not: train away the attention that images of a concept pay to its tokens.

Facts on paper and code: arXiv 2303.17591, SHI-Labs/Forget-Me-Not at a4a81e8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import prediction
from bench.models.eraser import Eraser
from bench.types import Concept, Option, Progress, silent
from methods import _maps, _noise, _options, _prompts, _tokens, _training, _unet
from methods.fmn import _inversion

__all__ = ["Fmn"]

Parameters = Literal["full", "xattn"]
RULES: dict[Parameters, str] = {"full": r"", "xattn": r"attn2\."}
"""What a parameter's name must match."""


@dataclass(frozen=True)
class Fmn(Eraser):
    """FMN: trains the U-Net until images of the concept attend to its tokens no more."""

    paper: ClassVar[str] = "Forget-Me-Not, arXiv 2303.17591 (CVPR 2024 Workshops)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*",)
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "inversion_steps": 0,
            "image_steps": 20,
            "image_guidance": 4.0,
            "learning_rate": 5e-5,
        },
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "of six settings on the ship, the one that erases half; none erases more and "
        "keeps the rest, methods/fmn.md"
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "parameters": ["full", "xattn"],
        "steps": (15, 120),
        "learning_rate": (1e-5, 1e-3),
        "images": (4, 32),
    }

    inversion_steps: int = 500
    """Steps of textual inversion, which learns words that are trained on in the place of the
    concept's name; 0 trains on its name (code: 500 in its configuration, called optional)."""
    inversion_rate: float = 1e-3
    """AdamW learning rate of these words, per step (code)."""
    inversion_words: int = 4
    """Number of these words (code)."""
    parameters: Parameters = "full"
    """What learns: the whole U-Net (published) or its cross-attention (code, only_optimize_ca)."""
    use_pooler: bool = True
    """Count the end token, and padding where it is the same token, among the concept's (code)."""
    steps: int = 35
    """Training steps, one noised image each (code)."""
    learning_rate: float = 2e-6
    """AdamW learning rate, per step (code)."""
    clip: float = 1.0
    """Greatest norm of the gradient (code)."""
    images: int = 10
    """Images of each concept (code: as many photos in its examples)."""
    image_steps: int = 50
    """DDIM steps of these images (ours)."""
    image_guidance: float = 7.5
    """Classifier-free guidance of these images, a factor (ours)."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse counts, rates and names that cannot be used.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _tokens.check(pipe, concepts)
        _options.at_least(1, images=self.images, image_steps=self.image_steps)
        _options.at_least(0, steps=self.steps, learning_rate=self.learning_rate)
        _options.at_least(0, image_guidance=self.image_guidance)
        _options.above(0, clip=self.clip)
        _options.at_least(0, inversion_steps=self.inversion_steps)
        _options.above(0, inversion_rate=self.inversion_rate)
        _options.at_least(1, inversion_words=self.inversion_words)
        for concept in concepts if self.inversion_steps else ():
            _inversion.check(pipe, _asked(concept), concept.name, self.inversion_words)

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Train a copy of the U-Net; several concepts take turns, one at random for each step."""
        self.check(pipe, concepts)
        if not concepts or not self.steps:
            return {}
        generator = torch.Generator().manual_seed(seed)
        student = _unet.trainable(pipe.unet)
        turns = [self._turn(pipe, student, each, generator, progress) for each in concepts]
        weights = _unet.learning(student, RULES[self.parameters])
        optimizer = torch.optim.AdamW(
            list(weights.values()), lr=self.learning_rate, betas=(0.9, 0.999), weight_decay=1e-2
        )

        def loss_at(step: int) -> Tensor:
            return turns[int(torch.randint(len(turns), (1,), generator=generator))]()

        _training.fit(
            optimizer, loss_at, self.steps, what="re-steering", progress=progress, clip=self.clip
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
        """Draw a concept's images, and return what gives the loss of one of them, noised.

        || A[layers, heads, pixels, positions] ||_F, one norm over all layers. Source: the code.
        """
        text = _asked(concept)
        asked = prediction.condition(pipe, [text])
        positions = _tokens.of_concept(pipe, text, concept.name, pooler=self.use_pooler)
        pool = _noise.trajectories(
            pipe,
            asked,
            prediction.unconditional(pipe),
            count=self.images,
            steps=self.image_steps,
            guidance=self.image_guidance,
            generator=generator,
            keep=False,
            progress=progress,
        )
        if self.inversion_steps:
            learnt = _inversion.learn(
                pipe,
                text,
                concept.name,
                pool,
                words=self.inversion_words,
                steps=self.inversion_steps,
                learning_rate=self.inversion_rate,
                generator=generator,
                progress=progress,
            )
            asked = learnt.text
            positions = learnt.words + (learnt.ends if self.use_pooler else [])
        everywhere = torch.ones(1, 1)

        def loss() -> Tensor:
            noised = pool.renoise(1, generator)
            with _maps.recorded(student) as maps:
                prediction.predict(student, noised.latents, noised.timesteps, asked)
            return _maps.attention_loss(maps, everywhere, positions, squared=True).sqrt()

        return loss


def _asked(concept: Concept) -> str:
    """Return the prompt that a concept's images are drawn from, and that is trained on."""
    return _prompts.texts(concept, 1)[0][0]
