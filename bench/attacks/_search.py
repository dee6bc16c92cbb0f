"""What searches for words have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench.attacks import Problem


def generators(problem: Problem) -> list[torch.Generator]:
    """Return a source of randomness for each prompt, whatever is searched for beside it."""
    words = [
        np.random.SeedSequence([problem.seed, prompt.seed]).generate_state(1)[0]
        for prompt in problem.prompts
    ]
    return [torch.Generator().manual_seed(int(word)) for word in words]


class Best:
    """The words with the lowest loss that a search has seen, of each prompt."""

    def __init__(self, prompts: int) -> None:
        """Start with nothing seen."""
        self.losses = [float("inf")] * prompts
        self.found: list[list[int]] = [[] for _ in range(prompts)]

    def offer(self, losses: Tensor, chosen: Sequence[Tensor] | Tensor) -> None:
        """Keep the words of each prompt whose loss is the lowest so far.

        Args:
            losses: One a prompt, (prompts,).
            chosen: Indices of each prompt's words in the vocabulary, (prompts, words).
        """
        for number, (loss, words) in enumerate(zip(losses.tolist(), chosen, strict=True)):
            if loss < self.losses[number]:
                self.losses[number], self.found[number] = loss, words.tolist()
