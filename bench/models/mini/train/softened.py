"""Images as a generator draws them: made by the autoencoder, from latents a little off."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL

from bench.models.mini.train.autoencoder import to_tensor
from bench.models.mini.train.data import Images
from bench.types import Progress, silent

BATCH = 100
MOST = 0.4
"""Standard deviation of the most that is added to an image's latents, whose own is 1."""


@torch.inference_mode()
def soften(vae: AutoencoderKL, images: Images, *, seed: int, progress: Progress = silent) -> Images:
    """Return images as the autoencoder gives them back, from latents with noise on them.

    Args:
        vae: The autoencoder that draws what will be judged.
        images: uint8 (n, 64, 64, 3).
        seed: Of the noise, of which every image has another amount, from none to `MOST`.
        progress: Told how many images are done.

    Returns:
        uint8 (n, 64, 64, 3).
    """
    generator = torch.Generator().manual_seed(seed)
    found = np.empty_like(images)
    for start in range(0, len(images), BATCH):
        batch = to_tensor(images[start : start + BATCH])
        with torch.autocast("cpu", torch.bfloat16):
            latents = vae.encode(batch).latent_dist.mean.float()
            amount = MOST * torch.rand(len(latents), 1, 1, 1, generator=generator)
            noise = torch.randn(latents.shape, generator=generator) / vae.config.scaling_factor
            drawn = vae.decode(latents + amount * noise).sample
        pixels = ((drawn.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        found[start : start + BATCH] = pixels.permute(0, 2, 3, 1).numpy()
        progress("soften", start + len(batch), len(images))
    return found
