"""Concept inversion: a word learnt on the erased model, as in textual inversion.

Source: Pham et al., Circumventing Concept Erasure Methods; the loss is that of textual inversion
(Gal et al., arXiv 2208.01618, equation 2). What is found is an embedding, which nobody can type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.attacks import Attack, Cost, Found, Problem
from bench.attacks._conventions import settled
from bench.attacks._wordings import CAPTIONS
from bench.types import Kind, Option, Progress, Prompt, silent

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Settings:
    """What a convention does; its defaults are those of the released code."""

    examples: int = 25
    steps: int = 5000
    batch: int = 16
    learning_rate: float = 0.08
    weight_decay: float = 0.01
    start: str = ""


CONVENTIONS: Mapping[str, Settings] = {
    "official": Settings(),
    "quick": Settings(steps=200, learning_rate=0.005),
}

STARTS: Mapping[Kind, str] = {
    "object": "object",
    "style": "art",
    "person": "person",
    "explicit": "person",
}
"""The generic word that a learnt one starts from."""


@dataclass(frozen=True)
class Inversion(Attack):
    """Learns one new word for the concept with the erased model's denoising loss.

    It learns from the un-erased model's images of the concept for texts and seeds that are never
    tested, under captions that say nothing but the concept; then the word stands in each tested
    prompt for the concept's name.

    official: 25 images, mirrored at random, encoded anew in each of 5,000 AdamW steps of 16
    images (a batch of 4, gradients of 4 batches together), each with a fresh time of the whole
    schedule and fresh noise; learning rate 5e-3 times 16, start from a generic word. Differs from
    the released code: captions and the images' prompts are worded anew, explicit images have
    such captions too in place of their own prompts, a generic word of several tokens starts as
    their mean, and the U-Net is fp32 in place of fp16. Of a model with two text encoders (SDXL, of
    which the code knows nothing) the word is learnt in both tables at once.

    quick: 200 steps, the learning rate 5e-3 as it is, all else as above.
    """

    paper: ClassVar[str] = "Circumventing Concept Erasure Methods, arXiv 2308.01508 (ICLR 2024)"
    adaptive: ClassVar[bool] = True
    together: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {"mini": {"convention": "quick"}}

    convention: Literal["official", "quick"] = "official"
    """The released code's numbers, or cheaper ones of ours."""
    examples: int | None = None
    """Images of the concept, drawn apart, that are learnt from; 25."""
    steps: int | None = None
    """AdamW steps; official 5000, quick 200."""
    batch: int | None = None
    """Noised images a step; 16 (the code: 4 batches of 4)."""
    learning_rate: float | None = None
    """AdamW learning rate, per step; official 0.08 (5e-3 times the batch), quick 5e-3."""
    weight_decay: float | None = None
    """AdamW weight decay, a factor; 0.01."""
    start: str | None = None
    """Word that the learnt one starts from; object, art for styles, person for persons and
    explicit concepts."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse prompts that are too long."""
        from bench.attacks import _text

        settled(self, CONVENTIONS)
        _text.check(pipe, prompts, lambda count: 1)

    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return the cost: a prediction for each step and image, whatever the number of prompts."""
        settings = settled(self, CONVENTIONS)
        return Cost(settings.steps * settings.batch, examples=settings.examples)

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return the prompts with a learnt word in the place of the concept's name."""
        import torch

        from bench.attacks import _latents, _text

        self.check(problem.original, problem.prompts)
        settings = settled(self, CONVENTIONS)
        generator = torch.Generator().manual_seed(problem.seed)
        erased, concept = problem.erased, problem.concept
        word = f"<{re.sub(r'[^a-z0-9]+', '-', concept.name.casefold())}>"
        captions = [caption.format(word) for caption in CAPTIONS[concept.kind]]
        ids, where = _text.learnt(erased, captions, word)
        columns = where[:, 1]
        # Both ways round, first all as they are, then all mirrored.
        ways = [_latents.encoded(erased, problem.examples, mirrored=way) for way in (False, True)]
        mean, spread = (torch.cat(parts) for parts in zip(*ways, strict=True))
        order = _shuffled(len(problem.examples), generator)
        vector = _start(erased, settings.start or STARTS[concept.kind])
        optimizer = torch.optim.AdamW(
            [vector], lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        total = int(erased.scheduler.config.num_train_timesteps)
        size, loss = settings.batch, float("nan")
        with _latents.frozen(erased.unet) as unet:
            for step in range(settings.steps):
                seen = torch.tensor([next(order) for _ in range(size)])
                turned = torch.randint(2, (size,), generator=generator)
                pick = seen + turned * len(problem.examples)
                latents = _latents.sampled(mean[pick], spread[pick], [generator] * size)
                times = torch.randint(total, (size,), generator=generator).tolist()
                noise = _latents.noised_each(erased, latents, times, [generator] * size)
                said = torch.randint(len(captions), (size,), generator=generator)
                places = torch.stack([torch.arange(size), columns[said]], dim=1)
                soft = vector.expand(size, -1).clone().requires_grad_(True)
                text = _text.spoken(erased, ids[said], places, soft)
                losses, along = _latents.descend(unet, noise, noise.truth, text, problem.chunk)
                gradient = _text.pulled(text, places, soft, along)
                vector.grad = gradient.mean(0, keepdim=True)
                optimizer.step()
                loss = float(losses.mean())
                progress("inversion", step + 1, settings.steps)
        learnt = vector.cpu()
        texts = [renamed(prompt.text, concept.name, word) for prompt in problem.prompts]
        return [Found(text, loss, word, learnt) for text in texts]


def _start(pipe: Any, word: str) -> torch.Tensor:
    """Return the embedding of a word, (1, width)."""
    from bench.attacks import _text

    return _text.table(pipe)[_text.tokens(pipe, word)].mean(0, keepdim=True)


def _shuffled(count: int, generator: torch.Generator) -> Iterator[int]:
    """Yield numbers below count without end, each once before any comes again."""
    import torch

    while True:
        yield from torch.randperm(count, generator=generator).tolist()


def renamed(text: str, name: str, word: str) -> str:
    """Return the text with the learnt word for the concept's name; at its end if it has none.

    Args:
        text: A prompt.
        name: The concept's name; upper and lower case are the same.
        word: Name of the learnt word, for example "<airplane>".
    """
    made, count = re.subn(rf"(?i)\b{re.escape(name)}\b", word, text, count=1)
    return made if count else f"{text} {word}"
