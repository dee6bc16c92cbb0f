"""What searches for words have in common."""

from __future__ import annotations

from torch import Tensor


class Best:
    """The best words seen of each prompt."""

    def __init__(self, prompts: int) -> None:
        """Start with nothing seen."""
        self.losses = [float("inf")] * prompts
        self.found: list[list[int]] = [[] for _ in range(prompts)]

    def offer(self, losses: Tensor, chosen: Tensor) -> None:
        """Keep what is better: losses (prompts,), word indices (prompts, tokens)."""
        for number, (loss, words) in enumerate(zip(losses.tolist(), chosen.tolist(), strict=True)):
            if loss < self.losses[number]:
                self.losses[number], self.found[number] = loss, words
