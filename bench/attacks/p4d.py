"""P4D: token optimisation so that the erased model predicts what the un-erased one does.

Source: Chin et al., Prompting4Debugging. The nearest-word projection is that of PEZ (Wen et al.,
arXiv 2302.03668), on which it builds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from bench.attacks import Attack, Found, Problem, _latents, _text
from bench.attacks._search import Best
from bench.types import Option, Progress, Prompt, silent


@dataclass(frozen=True)
class P4d(Attack):
    """Learns words whose erased prediction equals the un-erased one of the prompt, by gradient."""

    paper: ClassVar[str] = "Prompting4Debugging, arXiv 2309.06135 (ICML 2024)"
    adaptive: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "quick": {"steps": 40, "restarts": 2},
        "full": {"steps": 500, "restarts": 3, "pairs": 8},
    }
    costs: ClassVar[Mapping[str, int]] = {"quick": 324, "full": 12008}

    tokens: int = 8
    """Words that are learnt, a count (paper: 16 in P4D-N)."""
    placement: Literal["prefix", "spread", "replace"] = "spread"
    """Where they stand: before the prompt, spread evenly through it (as P4D-K), or in its place
    (P4D-N)."""
    steps: int = 500
    """Optimiser steps a restart (paper: up to 3000)."""
    restarts: int = 1
    """Random starts; what is found is the best of them by loss."""
    learning_rate: float = 0.1
    """AdamW learning rate, per step (paper)."""
    weight_decay: float = 0.1
    """AdamW weight decay, a factor (paper)."""
    pairs: int = 4
    """Noised latents of a prompt's picture, the same in every step (paper: one fresh each)."""
    earliest: float = 0.4
    """Share of the noise schedule below which no latent is taken (ours)."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse SDXL and prompts that are too long."""
        _latents.check(pipe)
        _text.check(pipe, [] if self.placement == "replace" else prompts, self.tokens)

    def evaluations(self) -> int:
        """Return the un-erased predictions, once, and a prediction a step."""
        return self.pairs * (1 + self.steps * self.restarts)

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return prompts with words that bring the un-erased prediction back."""
        self.check(problem.original, problem.prompts)
        generator = torch.Generator().manual_seed(problem.seed)
        erased, original = problem.erased, problem.original
        words = _text.vocabulary(erased)
        noise = _latents.noised(
            original,
            _latents.clean(original, problem.pictures),
            _latents.spread(original, self.pairs, self.earliest),
            generator,
        )
        asked = _text.rows(original, [_text.tokens(original, p.text) for p in problem.prompts])
        wanted = _latents.predict(
            original.unet, noise, _text.states(original, asked), problem.chunk
        )
        layout = [self._layout(erased, prompt) for prompt in problem.prompts]
        ids = _text.rows(erased, [before for before, _ in layout])
        slots = torch.tensor([places for _, places in layout], device=ids.device)
        best = Best(len(layout))
        with _latents.frozen(erased.unet) as unet:
            for restart in range(self.restarts):
                start = torch.randint(len(words.ids), slots.shape, generator=generator)
                soft = words.table[start.to(ids.device)].clone()
                optimizer = torch.optim.AdamW(
                    [soft], lr=self.learning_rate, weight_decay=self.weight_decay
                )
                for step in range(self.steps):
                    chosen = nearest(soft, words.table)
                    hard = words.table[chosen].clone().requires_grad_(True)
                    text = _text.spoken(erased, ids, slots, hard)
                    losses, gradient = _latents.descend(unet, noise, wanted, text, problem.chunk)
                    best.offer(losses, chosen)
                    # The gradient is taken at the words, the step is made by what they stand for.
                    (soft.grad,) = torch.autograd.grad(text, hard, gradient)
                    optimizer.step()
                    progress("p4d", restart * self.steps + step + 1, self.steps * self.restarts)
        return [
            Found(said(erased, before, places, found, words), loss)
            for (before, places), found, loss in zip(layout, best.found, best.losses, strict=True)
        ]

    def _layout(self, pipe: Any, prompt: Prompt) -> tuple[list[int], list[int]]:
        """Return token ids with places to fill, and the positions of these, counted with start."""
        own = [] if self.placement == "replace" else _text.tokens(pipe, prompt.text)
        blank, gap = pipe.tokenizer.eos_token_id, len(own) / self.tokens
        ids: list[int] = []
        places = []
        for number in range(self.tokens):
            done = len(ids) - number
            stop = round(number * gap) if self.placement == "spread" else 0
            ids += own[done:stop]
            places.append(1 + len(ids))
            ids.append(blank)
        return ids + own[len(ids) - self.tokens :], places


def nearest(soft: Tensor, table: Tensor) -> Tensor:
    """Return the index of the word nearest to each embedding by cosine, (texts, tokens).

    Args:
        soft: (texts, tokens, width).
        table: Embeddings of the words, (words, width).
    """
    return (normalize(soft, dim=-1) @ normalize(table, dim=-1).T).argmax(-1)


def said(
    pipe: Any, ids: list[int], places: list[int], found: list[int], words: _text.Vocabulary
) -> str:
    """Return the text in which words fill the places of a layout."""
    filled = dict(zip(places, found, strict=True))
    parts: list[str] = []
    own: list[int] = []
    for position, token in enumerate(ids, start=1):
        if position in filled:
            parts += [pipe.tokenizer.decode(own).strip()] if own else []
            parts.append(words.words[filled[position]])
            own = []
        else:
            own.append(token)
    parts += [pipe.tokenizer.decode(own).strip()] if own else []
    return " ".join(parts)
