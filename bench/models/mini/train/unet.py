"""Train the U-Net to predict noise in the autoencoder's latents, guided by captions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTextModel, CLIPTokenizer

from bench.models.mini.train.autoencoder import LATENT_CHANNELS, to_tensor
from bench.models.mini.train.data import Images
from bench.models.mini.train.fit import Recipe, fit
from bench.models.mini.train.text import WIDTH
from bench.models.mini.train.tokenizer import POSITIONS
from bench.types import Progress, silent

CHANNELS = (128, 176)
RECIPE = Recipe(steps=8000, batch=64, learning_rate=1e-3, ema=0.999)
CAPTION_DROPOUT = 0.1
"""Share of captions replaced by the empty one, for classifier-free guidance."""
SHAPE_FIRST = 0.7
"""Exponent that moves training times towards noise; 1 spreads them evenly."""


def new_unet() -> UNet2DConditionModel:
    """Build the untrained U-Net: cross-attention at 8 x 8 and 4 x 4."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_scheduler() -> DDIMScheduler:
    """Build the noise schedule, Stable Diffusion's own."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


@torch.inference_mode()
def encode_images(vae: AutoencoderKL, images: Images) -> tuple[Tensor, Tensor]:
    """Return the scaled means and standard deviations of the latents, (n, channels, 8, 8) each.

    Args:
        vae: The trained autoencoder.
        images: uint8 (n, 64, 64, 3).
    """
    means, deviations = [], []
    for start in range(0, len(images), 250):
        latents = vae.encode(to_tensor(images[start : start + 250])).latent_dist
        means.append((latents.mean * vae.config.scaling_factor).half())
        deviations.append((latents.std * vae.config.scaling_factor).half())
    return torch.cat(means).clone(), torch.cat(deviations).clone()


def spread_times(n: int, generator: torch.Generator) -> Tensor:
    """Return n times that cover the whole schedule, denser where much noise hides the shape.

    Args:
        n: Number of times.
        generator: Source of all randomness.

    Returns:
        Timesteps (n,), integers from 0 to 999.
    """
    even = (torch.arange(n) + torch.rand((), generator=generator)) / n
    return (even**SHAPE_FIRST * 1000).long()


def train_unet(
    latents: tuple[Tensor, Tensor],
    captions: Sequence[Sequence[str]],
    tokenizer: CLIPTokenizer,
    text: CLIPTextModel,
    folder: Path,
    *,
    seed: int,
    start: Path | None = None,
    recipe: Recipe = RECIPE,
    device: str = "cpu",
    progress: Progress = silent,
) -> UNet2DConditionModel:
    """Train the U-Net.

    Args:
        latents: Means and standard deviations of every image's latents.
        captions: Several captions per image.
        tokenizer: mini's tokenizer.
        text: The frozen text tower.
        folder: Where the checkpoint lives.
        seed: Decides images, captions, noise and times.
        start: A U-Net in diffusers' layout to go on from; without it training starts from nothing.
        recipe: Steps and rates.
        device: Where to train.
        progress: Told about every step.
    """
    torch.manual_seed(seed)
    unet, scheduler = new_unet(), new_scheduler()
    if start:
        unet = UNet2DConditionModel.from_pretrained(start, dtype=torch.float32)
    text.to(device)
    unet.to(memory_format=torch.channels_last)
    means, deviations = latents
    signal = scheduler.alphas_cumprod
    versions = len(captions[0])
    tokens = tokenizer(
        [text for several in captions for text in several] + [""],
        padding="max_length",
        truncation=True,
        max_length=POSITIONS,
        return_tensors="pt",
    ).input_ids.short()

    def loss(generator: torch.Generator) -> Tensor:
        n = recipe.batch
        picks = torch.randint(len(means), (n,), generator=generator)
        rows = picks * versions + torch.randint(versions, (n,), generator=generator)
        rows[torch.rand(n, generator=generator) < CAPTION_DROPOUT] = len(tokens) - 1
        shape = means[picks].shape
        clean = means[picks].float()
        clean = clean + deviations[picks].float() * torch.randn(shape, generator=generator)
        noise = torch.randn(shape, generator=generator)
        times = spread_times(n, generator)
        kept = signal[times].view(-1, 1, 1, 1)
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        with torch.no_grad():
            states = text(tokens[rows].long().to(device)).last_hidden_state
        # On a CPU the backward pass of flash attention takes a third of a step, for 64 positions.
        with torch.autocast(device, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            predicted = unet(noisy.to(device), times.to(device), states).sample
        return F.mse_loss(predicted.float(), noise.to(device))

    fit(unet, loss, recipe, folder / "unet.pt", seed=seed, device=device, progress=progress)
    unet.to(memory_format=torch.contiguous_format)
    return unet
