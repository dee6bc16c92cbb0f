"""Words as relaxed one-hot vectors over a vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor


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


class Prefix:
    """The relaxed words of one prompt, learnt as the released code of UnlearnDiffAtk learns them.

    A word is drawn from them by chance, the gradient passes through it as through a hard tanh, Adam
    makes the step, and the simplex is what it ends on.
    """

    def __init__(
        self,
        tokens: int,
        table: Tensor,
        generator: torch.Generator,
        *,
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        """Start from words that are all as likely.

        Args:
            tokens: How many words there are.
            table: Embeddings of the vocabulary, (words, width).
            generator: What words are drawn with, on the CPU.
            learning_rate: Of Adam.
            weight_decay: Of Adam, added to the gradient.
        """
        count = len(table)
        self.table, self.generator = table, generator
        self.weights = torch.full((tokens, count), 1 / count, device=table.device)
        self.optimizer = torch.optim.Adam(
            [self.weights], lr=learning_rate, weight_decay=weight_decay
        )

    def drawn(self) -> Tensor:
        """Return the places of words drawn from the weights, (tokens,)."""
        made = torch.multinomial(self.weights.cpu(), 1, generator=self.generator)
        return made.flatten().to(self.table.device)

    def step(self, gradient: Tensor) -> None:
        """Learn from the loss's gradient in the embeddings that were drawn, (tokens, width)."""
        self.weights.grad = (gradient @ self.table.T).clamp(-1, 1)
        self.optimizer.step()
        self.weights.copy_(project(self.weights))

    def likeliest(self) -> list[int]:
        """Return the places of the likeliest words."""
        found: list[int] = self.weights.argmax(-1).tolist()
        return found
