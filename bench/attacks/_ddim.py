"""DDIM run backwards: from an image's latents to the noise that a model draws it from."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from bench.models.prediction import Conditioning, joined, predict
from bench.types import Progress, Sampler, silent


def inverted(
    pipe: Any,
    clean: Tensor,
    text: Conditioning,
    empty: Conditioning,
    sampler: Sampler,
    *,
    rounds: int = 1,
    chunk: int = 4,
    progress: Progress = silent,
) -> Tensor:
    """Return the noise that DDIM draws latents from, by its steps in reverse.

    A step of DDIM (Song et al., arXiv 2010.02502, equation 12 with eta 0) from x_t to the x_s after
    it is solved for x_t: x_t = (alpha_t / alpha_s) (x_s - sigma_s e) + sigma_t e, where the noise e
    is that of x_t itself. The first round puts x_s in its place, which is DDIM inversion; each
    further one puts the x_t of the round before there, a fixed-point iteration.

    Args:
        pipe: A diffusers pipeline; it predicts as when it draws, guidance included.
        clean: Latents of images, (n, channels, height, width).
        text: What is said, one text for all.
        empty: What guidance leads away from, one text.
        sampler: How it draws.
        rounds: Predictions for each step.
        chunk: Images at once; bounds the memory.
        progress: Told after each step of a chunk.

    Returns:
        x_T of each, fp32, in the shape of `clean`.
    """
    pipe.scheduler.set_timesteps(sampler.steps, device=clean.device)
    steps = list(reversed(pipe.scheduler.timesteps.tolist()))
    made: list[Tensor] = []
    total = len(steps) * len(range(0, len(clean), chunk))
    for part in torch.split(clean.float(), chunk):
        latents = part
        for t in steps:
            after, latents = latents, latents
            for _ in range(rounds):
                noise = _noise(pipe, latents, t, text, empty, sampler.guidance)
                latents = _before(pipe.scheduler, after, noise, t)
            progress("inverting", len(made) * len(steps) + steps.index(t) + 1, total)
        made.append(latents)
    return torch.cat(made)


def _noise(
    pipe: Any, latents: Tensor, t: int, text: Conditioning, empty: Conditioning, guidance: float
) -> Tensor:
    """Return the noise that the model sees in x_t when it draws, whatever it predicts."""
    time, count = torch.tensor(t, device=latents.device), len(latents)
    with torch.no_grad():
        if guidance > 1:
            both = joined([empty.expand(count), text.expand(count)])
            start, full = predict(pipe.unet, torch.cat([latents] * 2), time, both).chunk(2)
            made = start + guidance * (full - start)
        else:
            made = predict(pipe.unet, latents, time, text.expand(count))
    if pipe.scheduler.config.prediction_type == "v_prediction":
        # v = alpha noise - sigma x_0, and x_t = alpha x_0 + sigma noise.
        signal = float(pipe.scheduler.alphas_cumprod[t])
        return sqrt(signal) * made + sqrt(1 - signal) * latents
    return made


def _before(scheduler: Any, after: Tensor, noise: Tensor, t: int) -> Tensor:
    """Return x_t, of which a step of DDIM by this noise makes what is after it."""
    earlier = t - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
    signals = scheduler.alphas_cumprod
    high = float(signals[t])
    low = float(signals[earlier] if earlier >= 0 else scheduler.final_alpha_cumprod)
    image = (after - sqrt(1 - low) * noise) / sqrt(low)
    return sqrt(high) * image + sqrt(1 - high) * noise
