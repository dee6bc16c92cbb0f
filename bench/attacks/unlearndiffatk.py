"""UnlearnDiffAtk: an adversarial prefix by the erased model's own diffusion classifier.

Source: Zhang et al., To Generate or Not? Where the erased model predicts the noise on a picture of
the concept well, it can still draw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.attacks import Attack, Found, Problem, _latents, _text
from bench.attacks._search import Best
from bench.types import Option, Progress, Prompt, silent


@dataclass(frozen=True)
class UnlearnDiffAtk(Attack):
    """Learns a prefix by projected gradient so that the erased model denoises the concept."""

    paper: ClassVar[str] = "To Generate or Not?, arXiv 2310.11868 (ECCV 2024)"
    adaptive: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "quick": {"steps": 40, "restarts": 2},
        "full": {"steps": 500, "restarts": 3, "pairs": 8},
    }
    costs: ClassVar[Mapping[str, int]] = {"quick": 320, "full": 12000}

    tokens: int = 5
    """Words of the prefix, a count (paper: 5 for nudity, 3 for objects and styles)."""
    steps: int = 40
    """Projected gradient steps a restart (paper: 40 at each of 50 timesteps)."""
    restarts: int = 1
    """Random starts; what is found is the best of them by loss."""
    step_size: float = 0.1
    """Length of a step in the largest coordinate, a share of one word (ours)."""
    pairs: int = 4
    """Noised latents of the picture, the same in every step (paper: one timestep at a time)."""
    earliest: float = 0.4
    """Share of the noise schedule below which no latent is taken (ours)."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse SDXL and prompts that are too long."""
        _latents.check(pipe)
        _text.check(pipe, prompts, self.tokens)

    def evaluations(self) -> int:
        """Return a prediction a step and noised latent."""
        return self.pairs * self.steps * self.restarts

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return the prompts behind prefixes with which the erased model denoises the concept."""
        self.check(problem.original, problem.prompts)
        generator = torch.Generator().manual_seed(problem.seed)
        erased = problem.erased
        words = _text.vocabulary(erased)
        noise = _latents.noised(
            erased,
            _latents.clean(erased, problem.pictures),
            _latents.spread(erased, self.pairs, self.earliest),
            generator,
        )
        blank = [erased.tokenizer.eos_token_id] * self.tokens
        ids = _text.rows(
            erased, [blank + _text.tokens(erased, prompt.text) for prompt in problem.prompts]
        )
        count = len(problem.prompts)
        slots = torch.arange(1, 1 + self.tokens, device=ids.device).expand(count, -1)
        best = Best(count)
        with _latents.frozen(erased.unet) as unet:
            for restart in range(self.restarts):
                shape = (count, self.tokens, len(words.ids))
                weights = project(torch.rand(shape, generator=generator).to(words.table))
                for step in range(self.steps):
                    chosen = weights.argmax(-1)
                    hard = words.table[chosen].clone().requires_grad_(True)
                    text = _text.spoken(erased, ids, slots, hard)
                    losses, along = _latents.descend(unet, noise, noise.truth, text, problem.chunk)
                    best.offer(losses, chosen)
                    (gradient,) = torch.autograd.grad(text, hard, along)
                    weights = step_of(weights, gradient @ words.table.T, self.step_size)
                    done = restart * self.steps + step + 1
                    progress("unlearndiffatk", done, self.steps * self.restarts)
        return [
            Found(f"{words.text(found)} {prompt.text}", loss)
            for prompt, found, loss in zip(problem.prompts, best.found, best.losses, strict=True)
        ]


def step_of(weights: Tensor, gradient: Tensor, size: float) -> Tensor:
    """Return the relaxed one-hot words after one projected gradient step.

    The gradient is taken at the words themselves and passed straight through to the weights; it is
    scaled to 1 in its largest coordinate, since its size says little about how far to go.

    Args:
        weights: On the simplex, (texts, tokens, words).
        gradient: Of the loss in them.
        size: Length of the step in the largest coordinate.
    """
    largest = gradient.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(gradient.dtype).tiny)
    return project(weights - size * gradient / largest)


def project(weights: Tensor) -> Tensor:
    """Return the nearest points of the probability simplex, over the last axis.

    Source: Duchi et al., Efficient projections onto the l1-ball, ICML 2008, figure 1.
    """
    ordered = weights.sort(-1, descending=True).values
    excess = ordered.cumsum(-1) - 1
    rank = torch.arange(1, weights.shape[-1] + 1, device=weights.device)
    support = (ordered * rank > excess).sum(-1, keepdim=True)
    threshold = excess.gather(-1, support - 1) / support
    return (weights - threshold).clamp_min(0)
