"""SalUn: mark the weights that matter for a concept, and relabel the concept with these alone.

Facts on paper and code: OPTML-Group/Unlearn-Saliency at a6e89fd, its Stable Diffusion part.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import prediction
from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning
from bench.types import Concept, InputError, Kind, Option, Progress, silent
from methods import _noise, _options, _prompts, _tokens, _training, _unet

log = logging.getLogger(__name__)

Parameters = Literal["full", "xattn"]
RULES: dict[Parameters, str] = {"full": r"", "xattn": r"attn2\."}
"""What a parameter's name must match."""
LARGE = 100_000_000
"""Values of an erasure above which its size is worth a warning."""


@dataclass(frozen=True)
class Published:
    """What was published for a kind of concept."""

    alpha: float = 0.5
    epochs: int = 5


PUBLISHED: dict[Kind, Published] = {
    "object": Published(),
    "style": Published(),
    "person": Published(),
    "explicit": Published(0.1, 1),
}
"""Of styles and persons nothing was published; they are trained as objects are."""


@dataclass(frozen=True)
class Salun(Eraser):
    """SalUn: relabels the concept's images by training the half of the weights that matters."""

    paper: ClassVar[str] = "SalUn, arXiv 2310.12508 (ICLR 2024)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*",)
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "images": 64,
            "epochs": 25,
            "image_steps": 20,
            "image_guidance": 4.0,
            "learning_rate": 3e-4,
            "parameters": "xattn",
        },
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "the best of six settings on the ship, methods/salun.md"
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "parameters": ["full", "xattn"],
        "share": (0.1, 0.9),
        "epochs": (5, 30),
        "learning_rate": (1e-5, 1e-3),
    }

    parameters: Parameters = "full"
    """What may learn: the whole U-Net (published) or its cross-attention (option of the code)."""
    share: float = 0.5
    """Share of these weights that the mask leaves to training, 0 to 1 (published)."""
    alpha: float | None = None
    """Weight of what stays, a factor; none is what was published: 0.5, explicit content 0.1."""
    epochs: int | None = None
    """Passes over the concept's images; none is what was published: 5, explicit content 1."""
    learning_rate: float = 1e-5
    """Adam learning rate, per step (published)."""
    batch: int = 8
    """Noisy images of the concept a step, and as many of what stays (published)."""
    images: int = 800
    """Images that are drawn of the concept, and as many of what stays (code, nudity; it takes
    Imagenette's for objects)."""
    prompts: int = 30
    """Prompts of the concept that its images are drawn from, of our templates (code: one)."""
    guidance: float = 7.5
    """w, guidance of the prediction whose gradient makes the mask, a factor (code)."""
    image_steps: int = 50
    """DDIM steps of the images (ours)."""
    image_guidance: float = 7.5
    """Classifier-free guidance of the images, a factor (ours)."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse counts, shares and names that cannot be used."""
        _tokens.check(pipe, concepts)
        _options.at_least(1, epochs=self.epochs, batch=self.batch)
        _options.at_least(1, images=self.images, image_steps=self.image_steps)
        if not 0 < self.share <= 1:
            raise InputError(f"share is {self.share}, allowed is more than 0, up to 1")
        _options.above(0, learning_rate=self.learning_rate)
        _options.at_least(0, alpha=self.alpha)
        for concept in concepts:
            _prompts.texts(concept, self.prompts)

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Train the masked weights of a copy of the U-Net; several concepts jointly, mixed."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        plan = self._published(concepts)
        generator = torch.Generator().manual_seed(seed)
        pairs = [_prompts.texts(concept, self.prompts) for concept in concepts]
        asked, pseudo = (
            prediction.condition(pipe, [text for pair in pairs for text in pair[side]])
            for side in (0, 1)
        )
        stays = prediction.condition(pipe, _prompts.prior("everyday", concepts))
        forget, retain = (self._pool(pipe, text, generator, progress) for text in (asked, stays))
        student = _unet.trainable(pipe.unet)
        weights = _unet.learning(student, RULES[self.parameters])
        if sum(each.numel() for each in weights.values()) > LARGE:
            log.warning("salun with parameters=full leaves an erasure as large as the U-Net")
        null = prediction.unconditional(pipe)
        batches = -(-self.images // self.batch)
        gradients = self._gradients(student, weights, forget, asked, null, batches, generator)
        for weight, mask in zip(weights.values(), salient(gradients, self.share), strict=True):
            weight.register_hook(mask.mul)  # type: ignore[no-untyped-call]

        def loss_at(step: int) -> Tensor:
            draw, own = (pool.renoise(self.batch, generator) for pool in (forget, retain))
            x, t = draw.latents, draw.timesteps
            with torch.no_grad():
                aim = prediction.predict(student, x, t, pseudo[draw.prompts])
            made = prediction.predict(student, x, t, asked[draw.prompts])
            kept = prediction.predict(student, own.latents, own.timesteps, stays[own.prompts])
            return (made - aim).square().mean() + plan.alpha * own.error(kept)

        optimizer = torch.optim.Adam(list(weights.values()), lr=self.learning_rate)
        steps = plan.epochs * batches
        _training.fit(optimizer, loss_at, steps, what="relabelling", progress=progress)
        return _unet.learned(pipe, weights)

    def _pool(
        self, pipe: Any, text: Conditioning, generator: torch.Generator, progress: Progress
    ) -> _noise.Pool:
        return _noise.trajectories(
            pipe,
            text,
            prediction.unconditional(pipe),
            count=self.images,
            steps=self.image_steps,
            guidance=self.image_guidance,
            generator=generator,
            keep=False,
            progress=progress,
        )

    def _gradients(
        self,
        student: Any,
        weights: Mapping[str, Tensor],
        forget: _noise.Pool,
        asked: Conditioning,
        null: Conditioning,
        batches: int,
        generator: torch.Generator,
    ) -> list[Tensor]:
        """Return the sum over batches of the gradient of the guided prediction's error."""
        sums = [torch.zeros_like(each) for each in weights.values()]
        for _ in range(batches):
            draw = forget.renoise(self.batch, generator)
            text = prediction.joined([asked[draw.prompts], null.expand(self.batch)])
            full, empty = prediction.predict(
                student, draw.latents.repeat(2, 1, 1, 1), draw.timesteps.repeat(2), text
            ).chunk(2)
            loss = draw.error((1 + self.guidance) * full - self.guidance * empty)
            found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
            for total, each in zip(sums, found, strict=True):
                if each is not None:
                    total += each
        return sums

    def _published(self, concepts: Sequence[Concept]) -> Published:
        """Fill in what the options leave open, by the first concept's kind."""
        return _options.completed(PUBLISHED[concepts[0].kind], self)


def salient(gradients: Sequence[Tensor], share: float) -> list[Tensor]:
    """Return masks of the share of all entries whose gradients are largest, 1 there and else 0.

    The threshold is one for all tensors together. Of equal entries at it none is taken. Source:
    paper, equation of the saliency mask, with a share in place of a threshold, as in the code.

    Args:
        gradients: Of each tensor.
        share: More than 0, up to 1.
    """
    sizes = torch.cat([each.abs().flatten().cpu() for each in gradients])
    left_out = len(sizes) - int(share * len(sizes))
    if left_out == 0:
        return [torch.ones_like(each) for each in gradients]
    limit = float(torch.kthvalue(sizes, left_out).values)
    return [(each.abs() > limit).to(each) for each in gradients]
