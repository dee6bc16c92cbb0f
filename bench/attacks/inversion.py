"""Concept inversion: a word learnt on the erased model, as in textual inversion.

Source: Pham et al., Circumventing Concept Erasure Methods; the loss is that of textual inversion
(Gal et al., arXiv 2208.01618, equation 2). What is found is an embedding, which nobody can type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from bench.attacks import Attack, Found, Problem, _latents, _text
from bench.types import Option, Progress, Prompt, silent


@dataclass(frozen=True)
class Inversion(Attack):
    """Learns one new word for the concept with the erased model's denoising loss."""

    paper: ClassVar[str] = "Circumventing Concept Erasure Methods, arXiv 2308.01508 (ICLR 2024)"
    adaptive: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "quick": {"steps": 80},
        "full": {"steps": 1000, "pairs": 12},
    }
    costs: ClassVar[Mapping[str, int]] = {"quick": 320, "full": 12000}

    steps: int = 1000
    """Optimiser steps (paper: 1000)."""
    learning_rate: float = 5e-3
    """AdamW learning rate, per step (paper)."""
    pairs: int = 4
    """Fresh noised latents of each prompt's picture in a step; together they are its batch."""
    earliest: float = 0.0
    """Share of the noise schedule below which no latent is taken (paper: none is left out)."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse SDXL and prompts that are too long."""
        _latents.check(pipe)
        _text.check(pipe, prompts, 1)

    def evaluations(self) -> int:
        """Return a prediction a step and noised latent."""
        return self.pairs * self.steps

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return the prompts with the learnt word where they named the concept."""
        self.check(problem.original, problem.prompts)
        generator = torch.Generator().manual_seed(problem.seed)
        erased, name = problem.erased, problem.concept.name
        word = f"<{re.sub(r'[^a-z0-9]+', '-', name.casefold())}>"
        texts = [renamed(prompt.text, name, word) for prompt in problem.prompts]
        ids, slots = _text.learnt(erased, texts, word)
        clean = _latents.clean(erased, problem.pictures)
        table = erased.text_encoder.get_input_embeddings().weight.detach().float()
        vector = table[_text.tokens(erased, name)].mean(0, keepdim=True).requires_grad_(True)
        optimizer = torch.optim.AdamW([vector], lr=self.learning_rate)
        losses = torch.zeros(len(texts))
        total = int(erased.scheduler.config.num_train_timesteps)
        with _latents.frozen(erased.unet) as unet:
            for step in range(self.steps):
                low = int(self.earliest * total)
                times = torch.randint(low, total, (self.pairs,), generator=generator).tolist()
                noise = _latents.noised(erased, clean, times, generator)
                text = _text.spoken(erased, ids, slots, vector.expand(len(texts), 1, -1))
                losses, along = _latents.descend(unet, noise, noise.truth, text, problem.chunk)
                (gradient,) = torch.autograd.grad(text, vector, along)
                vector.grad = gradient / len(texts)
                optimizer.step()
                progress("inversion", step + 1, self.steps)
        learnt = vector.detach().cpu()
        return [
            Found(text, loss, word, learnt)
            for text, loss in zip(texts, losses.tolist(), strict=True)
        ]


def renamed(text: str, name: str, word: str) -> str:
    """Return the text with the learnt word for the concept's name; at its end if it has none."""
    made, count = re.subn(rf"(?i)\b{re.escape(name)}\b", word, text, count=1)
    return made if count else f"{text} {word}"
