"""MACE's second stage: takes the attention that an object's pixels pay to the concept away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bench.models.prediction import Conditioning, predict
from methods import _maps, _noise


def step_loss(
    student: Any,
    pool: _noise.Pool,
    rows: Conditioning,
    masks: Tensor,
    positions: Sequence[Sequence[int]],
    *,
    odds: Tensor,
    squared: bool,
    generator: torch.Generator,
) -> Tensor:
    """Noise one image, ask one prompt, and return the attention loss.

    Image and prompt are drawn apart, as in MACE's code.

    Args:
        student: A U-Net that learns.
        pool: Its finished images are used.
        rows: The prompts.
        masks: The object in each image, (images, height, width).
        positions: Positions of the concept's tokens in each prompt.
        odds: Odds of each timestep.
        squared: Square each layer's norm.
        generator: Source of all randomness.
    """
    image = int(torch.randint(len(pool.final), (1,), generator=generator))
    prompt = int(torch.randint(len(rows), (1,), generator=generator))
    clean = pool.final[image : image + 1]
    t = torch.multinomial(odds, 1, generator=generator).to(clean.device)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    noisy = pool.scheduler.add_noise(clean, noise, t)
    with _maps.recorded(student) as maps:
        predict(student, noisy, t, rows[prompt : prompt + 1])
    return _maps.attention_loss(maps, masks[image], positions[prompt], squared=squared)
