"""CRCE's reading of RealEra: fine-tune cross-attention against ESD's target and sampled points.

Source: the re-implementation in the CRCE code base, arXiv 2503.14232: no closed form, no LoRA; Adam
on keys and values; odd steps ESD's loss eps(null) - (eps(c) - eps(null)), even steps the sum over
neighbours plus the sum over beyond points. Ours: concepts take turns, a neighbour's target is ESD's
for its concept, a beyond point's is what the frozen model predicts for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.prediction import Conditioning, joined, predict, unconditional
from bench.types import Progress
from methods import _noise, _training, _unet
from methods.realera._surroundings import Surroundings

Source = Callable[[_noise.Pool, int, torch.Generator], _noise.Draw]


def fine_tuned(
    pipe: Any,
    rows: Sequence[Conditioning],
    *,
    pools: Sequence[_noise.Pool],
    around: Sequence[Surroundings],
    draw: Source,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    progress: Progress,
) -> dict[str, Tensor]:
    """Return cross-attention keys and values fine-tuned, by parameter name.

    Args:
        pipe: The un-erased pipeline.
        rows: Prompts of each concept.
        pools: Noisy latents of each concept.
        around: Neighbours of each concept's prompts, and points that must stay.
        draw: Draws noisy latents from a pool.
        steps: Training steps in all.
        learning_rate: Adam's, per step.
        generator: Source of all randomness.
        progress: Told after each step.
    """
    null = unconditional(pipe)
    student = _unet.trainable(pipe.unet)
    weights = pipelines.cross_attention(student)
    parameters = [weight.requires_grad_(True) for weight in weights.values()]

    def loss_at(step: int) -> Tensor:
        which = step // 2 % len(rows)
        noisy = draw(pools[which], 1, generator)
        own = rows[which][[noisy.prompts[0]]]
        moved, kept = own, own[:0]
        if step % 2:
            own_points, prompt = around[which], noisy.prompts[0]
            sampled = own_points.near(prompt, generator)
            away = own_points.beyond(prompt, generator)
            # With neither sort of point every step is ESD's.
            if len(sampled) + len(away):
                moved, kept = own.around(sampled), own.around(away)
        fixed = joined([null, own, kept])
        with torch.no_grad():
            frozen = predict(
                pipe.unet,
                noisy.latents.expand(len(fixed), -1, -1, -1),
                noisy.timesteps.expand(len(fixed)),
                fixed,
            )
        target = torch.cat(
            [(2 * frozen[:1] - frozen[1:2]).expand(len(moved), -1, -1, -1), frozen[2:]]
        )
        asked = joined([moved, kept])
        made = predict(
            student,
            noisy.latents.expand(len(asked), -1, -1, -1),
            noisy.timesteps.expand(len(asked)),
            asked,
        )
        return (made - target).square().flatten(1).mean(1).sum()

    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    _training.fit(optimizer, loss_at, steps, what="fine-tuning", progress=progress)
    return _unet.learned(pipe, weights)
