"""Latents of images, noised, and what U-Nets predict of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.images import read_image
from bench.models import prediction
from bench.models.prediction import Conditioning
from bench.types import InputError


@dataclass(frozen=True)
class Noised:
    """Noised latents of some images, `pairs` of each, those of an image side by side."""

    latents: Tensor
    """x_t, (images * pairs, channels, height, width), fp32."""
    timesteps: Tensor
    """t of each, (images * pairs,)."""
    truth: Tensor
    """What a perfect U-Net predicts: the noise, or the velocity where the model predicts that."""
    pairs: int

    def repeat(self, text: Conditioning) -> Conditioning:
        """Return texts, one an image, as one a latent."""
        return text[torch.arange(len(text)).repeat_interleave(self.pairs)]


def clean(pipe: Any, images: Sequence[Path]) -> Tensor:
    """Return the latents of images, fp32 (images, channels, height, width).

    Args:
        pipe: The diffusers pipeline.
        images: Image files.
    """
    return encoded(pipe, images)[0]


def encoded(pipe: Any, images: Sequence[Path], *, mirrored: bool = False) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the latents of images, in the U-Net's scale.

    Args:
        pipe: A diffusers pipeline.
        images: Files.
        mirrored: Whether each is turned left to right.

    Returns:
        Both fp32 (images, channels, height, width).

    Raises:
        InputError: an image cannot be read.
    """
    vae = _autoencoder(pipe)
    means, spreads = [], []
    for path in images:
        image = read_image(path)
        if image is None:
            raise InputError(f"{path} cannot be read as an image; delete it to draw it again")
        pixels = pipe.image_processor.preprocess(image)
        if mirrored:
            pixels = pixels.flip(-1)
        with torch.no_grad():
            found = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist
        means.append(found.mean.float() * vae.config.scaling_factor)
        spreads.append(found.std.float() * vae.config.scaling_factor)
    return torch.cat(means), torch.cat(spreads)


def _autoencoder(pipe: Any) -> Any:
    """Return the autoencoder in a precision that it can encode in: SDXL's overflows in fp16."""
    vae = pipe.vae
    if vae.dtype == torch.float16 and vae.config.force_upcast:
        return copy.deepcopy(vae).float()
    return vae


def sampled(mean: Tensor, spread: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return latents drawn from the autoencoder's distribution, one an image.

    Args:
        mean: Of each image's latents, (images, channels, height, width).
        spread: Their standard deviations, of the same shape.
        generators: One an image.
    """
    return mean + spread * _noise(mean, generators)


def noised(pipe: Any, latents: Tensor, times: Sequence[int], generator: torch.Generator) -> Noised:
    """Noise each image's latents once for each of the times.

    Args:
        pipe: A diffusers pipeline, for its noise schedule.
        latents: As `clean` returns them.
        times: Timesteps.
        generator: Source of the noise, on the CPU.
    """
    pairs = len(times)
    start = latents.repeat_interleave(pairs, dim=0)
    timesteps = torch.tensor(list(times) * len(latents), device=latents.device)
    noise = torch.randn(start.shape, generator=generator).to(start)
    return _at(pipe, start, timesteps, noise, pairs)


def noised_each(
    pipe: Any, latents: Tensor, times: Sequence[int], generators: Sequence[torch.Generator]
) -> Noised:
    """Noise each image's latents once, at a time of its own.

    Args:
        pipe: A diffusers pipeline, for its noise schedule.
        latents: As `clean` returns them.
        times: Timesteps, one an image.
        generators: Sources of the noise, on the CPU, one an image; images may share one.
    """
    timesteps = torch.tensor(list(times), device=latents.device)
    return _at(pipe, latents, timesteps, _noise(latents, generators), 1)


def _noise(like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    made = [torch.randn(like.shape[1:], generator=generator) for generator in generators]
    return torch.stack(made).to(like)


def _at(pipe: Any, start: Tensor, timesteps: Tensor, noise: Tensor, pairs: int) -> Noised:
    scheduler = pipe.scheduler
    if scheduler.config.prediction_type == "v_prediction":
        truth = scheduler.get_velocity(start, noise, timesteps)
    else:
        truth = noise
    return Noised(scheduler.add_noise(start, noise, timesteps), timesteps, truth, pairs)


def spread(pipe: Any, pairs: int, earliest: float) -> list[int]:
    """Return timesteps in the middle of equal parts of the schedule's noisier rest.

    Text decides little of what is nearly finished, so attacks look at the noisier part.

    Args:
        pipe: The diffusers pipeline.
        pairs: Number of parts.
        earliest: Share of the schedule, from the clean end, that is left out; in [0, 1).
    """
    total = int(pipe.scheduler.config.num_train_timesteps)
    width = (1 - earliest) / pairs
    return [round(total * (earliest + (part + 0.5) * width)) for part in range(pairs)]


def predict(unet: Any, noise: Noised, text: Conditioning, chunk: int) -> Tensor:
    """Return the U-Net's prediction for every latent, fp32, without a gradient.

    Args:
        unet: Of a diffusers pipeline.
        noise: The latents.
        text: What it is told, one text an image.
        chunk: Latents at once.
    """
    own = noise.repeat(text)
    with torch.no_grad():
        return torch.cat([_predict(unet, noise, own, some) for some in _chunks(len(own), chunk)])


def descend(
    unet: Any, noise: Noised, wanted: Tensor, text: Conditioning, chunk: int
) -> tuple[Tensor, Conditioning]:
    """Return each image's error and the gradient of their sum in all that the text says.

    Args:
        unet: Frozen, see `frozen`.
        noise: The latents.
        wanted: What the U-Net should predict for each.
        text: What it is told, one text an image.
        chunk: Latents at once.

    Returns:
        Errors (images,) and gradients in the shapes of `text`; none in sizes.
    """
    given = noise.repeat(text)
    leaves = _leaf(given.states), None if given.pooled is None else _leaf(given.pooled)
    own = Conditioning(*leaves, given.sizes)
    errors = []
    for some in _chunks(len(own), chunk):
        made = _predict(unet, noise, own, some)
        error = (made - wanted[some]).square().flatten(1).mean(1)
        (error.sum() / noise.pairs).backward()  # type: ignore[no-untyped-call]
        errors.append(error.detach())
    states, pooled = (None if leaf is None else _summed(leaf, noise.pairs) for leaf in leaves)
    assert states is not None
    return torch.cat(errors).view(-1, noise.pairs).mean(1), Conditioning(states, pooled)


def _predict(unet: Any, noise: Noised, text: Conditioning, some: slice) -> Tensor:
    return prediction.predict(unet, noise.latents[some], noise.timesteps[some], text[some])


def _leaf(given: Tensor) -> Tensor:
    return given.detach().requires_grad_(True)


def _summed(leaf: Tensor, pairs: int) -> Tensor:
    """Return the gradient of what was repeated, an image's together."""
    gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
    return gradient.view(-1, pairs, *gradient.shape[1:]).sum(1)


def _chunks(count: int, chunk: int) -> list[slice]:
    return [slice(start, start + chunk) for start in range(0, count, chunk)]


@contextmanager
def frozen(unet: Any) -> Iterator[Any]:
    """Give the U-Net in fp32 with no gradients of its weights, and leave it as it was.

    Gradients through fp16 underflow; not taking those of the weights saves a third of the time.
    """
    if next(unet.parameters()).dtype != torch.float32:
        yield copy.deepcopy(unet).float().requires_grad_(False)
        return
    before = {name: weight.requires_grad for name, weight in unet.named_parameters()}
    unet.requires_grad_(False)
    try:
        yield unet
    finally:
        for name, weight in unet.named_parameters():
            weight.requires_grad_(before[name])
