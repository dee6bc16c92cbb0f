"""Train the autoencoder: 64 x 64 pixels to 8 x 8 latents, sharp enough for outlines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from bench.models.mini.train.data import Images
from bench.models.mini.train.fit import Recipe, fit
from bench.types import Progress, silent

LATENT_CHANNELS = 12
CHANNELS = (16, 32, 96, 128)
RECIPE = Recipe(steps=4000, batch=8, learning_rate=2e-3, ema=0.998)
KL_WEIGHT = 5e-4
EDGE_WEIGHT = 0.5


def new_autoencoder() -> AutoencoderKL:
    """Build the untrained autoencoder.

    It normalises over all channels at once: with few channels a group, an image's flat colours,
    which are most of what these images are, would be normalised away.
    """
    levels = len(CHANNELS)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=1,
        mid_block_add_attention=False,
        sample_size=64,
    )
    open_trunk(vae)
    return vae


@torch.no_grad()
def open_trunk(vae: AutoencoderKL) -> None:
    """Start as a plain reducer and enlarger: residual branches shut, the trunk passes channels on.

    From a random start the flat colours are what is learnt last; this way they are there at once.
    """
    for name, layer in vae.named_modules():
        if not isinstance(layer, nn.Conv2d):
            continue
        if name.endswith("conv2"):
            layer.weight.zero_()
        elif not name.endswith("conv1"):
            straight = nn.init.dirac_(torch.empty_like(layer.weight))
            layer.weight.mul_(0.5).add_(straight)


def to_tensor(images: Images) -> Tensor:
    """Turn uint8 images (n, h, w, 3) into a float tensor (n, 3, h, w) in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def edges(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the horizontal and vertical differences of neighbouring pixels."""
    return image[..., :, 1:] - image[..., :, :-1], image[..., 1:, :] - image[..., :-1, :]


def reconstruction_loss(image: Tensor, wanted: Tensor) -> Tensor:
    """Return mean absolute error plus that of the edges, which keeps outlines sharp.

    Args:
        image: What the autoencoder made, (n, 3, height, width) in [-1, 1].
        wanted: What it was given.
    """
    loss = (image - wanted).abs().mean()
    for got, true in zip(edges(image), edges(wanted), strict=True):
        loss = loss + EDGE_WEIGHT * (got - true).abs().mean()
    return loss


class Reconstruction(nn.Module):
    """Encode, sample a latent, decode."""

    def __init__(self, vae: AutoencoderKL) -> None:
        """Wrap an autoencoder."""
        super().__init__()
        self.vae = vae

    def forward(self, image: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the reconstruction, the latents' means and their log variances.

        Args:
            image: (n, 3, 64, 64) in [-1, 1].
            noise: What latents are drawn with, (n, channels, 8, 8), standard normal.
        """
        moments = self.vae.quant_conv(self.vae.encoder(image))
        mean, log_variance = moments.chunk(2, 1)
        log_variance = log_variance.clamp(-20, 4)
        latent = mean + noise * torch.exp(0.5 * log_variance)
        return self.vae.decoder(self.vae.post_quant_conv(latent)), mean, log_variance


def train_autoencoder(
    images: Images,
    folder: Path,
    *,
    seed: int,
    recipe: Recipe = RECIPE,
    device: str = "cpu",
    progress: Progress = silent,
) -> AutoencoderKL:
    """Train the autoencoder and set its scaling factor so that latents have unit variance.

    Args:
        images: uint8 (n, 64, 64, 3).
        folder: Where the checkpoint lives.
        seed: Of all randomness.
        recipe: Steps, batch and rates.
        device: Where to train.
        progress: Told about every step.
    """
    torch.manual_seed(seed)
    model = Reconstruction(new_autoencoder())
    run: Callable[..., tuple[Tensor, Tensor, Tensor]] = model

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(images), (recipe.batch,), generator=generator)
        batch = to_tensor(images[picks.numpy()]).to(device)
        noise = torch.randn(recipe.batch, LATENT_CHANNELS, 8, 8, generator=generator)
        with torch.autocast(device, torch.bfloat16):
            output, mean, log_variance = run(batch, noise.to(device))
        mean, log_variance = mean.float(), log_variance.float()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return reconstruction_loss(output.float(), batch) + KL_WEIGHT * kl

    fit(model, loss, recipe, folder / "autoencoder.pt", seed=seed, device=device, progress=progress)
    vae = model.vae
    with torch.no_grad():
        batches = to_tensor(images[:1024]).split(128)  # type: ignore[no-untyped-call]
        sample = torch.cat([vae.encode(batch).latent_dist.mean for batch in batches])
    vae.register_to_config(scaling_factor=float(1 / sample.std()))
    return vae
