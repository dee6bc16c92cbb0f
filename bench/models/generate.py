"""Prompts to images on disk: batched, resumable, each with initial noise of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.drawing import AS_RUN, BATCH, Drawing
from bench.files import write_bytes
from bench.models.room import ROOM
from bench.types import InputError, Progress, Prompt, Sampler, silent

if TYPE_CHECKING:
    from torch import Tensor


def image_path(folder: Path, prompt: Prompt) -> Path:
    """Return where the prompt's image is stored.

    Args:
        folder: Where the images of a case are.
        prompt: What the image is drawn for; its id names the file.

    Raises:
        InputError: if the prompt's id cannot name a file.
    """
    name = f"{prompt.id}.png"
    if Path(name).name != name:
        raise InputError(
            f"prompt id {prompt.id!r} cannot name a file; use letters, digits, - and _"
        )
    return folder / name


def generate(
    pipe: Any,
    prompts: Sequence[Prompt],
    folder: Path,
    sampler: Sampler,
    *,
    batch_size: int = BATCH,
    starts: Mapping[str, Tensor] | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Draw one PNG a prompt and return their paths, in order.

    The initial noise of an image comes from a CPU generator of its own, seeded by its prompt, so it
    depends neither on the batch nor on the device, and on the precision by rounding alone. The
    images of one batch size are bit-identical however often drawing them is interrupted. Those of
    another batch size can differ by one grey level in single pixels, since torch picks its kernels,
    and so the rounding, by the batch's size.

    Prompts whose rows say how they are drawn are batched with those that say the same.

    Args:
        pipe: A diffusers text-to-image pipeline.
        prompts: One image each; ids are unique.
        folder: Where `<id>.png` are written; those already there are kept.
        sampler: How; its scheduler is the pipeline's, see `bench.models.samplers`.
        batch_size: Images drawn at once; fewer, from then on, where memory does not hold them.
        starts: What each image is drawn from, (channels, height, width) by its prompt's id; the
            noise of its seed by default.
        progress: Told the number of images that are there.
    """
    paths = [image_path(folder, prompt) for prompt in prompts]
    due = due_batches(prompts, folder, batch_size)
    progress("images", len(paths) - sum(map(len, due)), len(paths))
    for number, batch in enumerate(due):
        texts, own = [each.text for each in batch], batch[0].drawing
        start = _start(pipe, batch, starts, sampler)

        def draw_some(some: slice, texts: Any = texts, start: Any = start, own: Any = own) -> Any:
            return denoise(pipe, texts[some], start[some], sampler, "pil", own)

        for some, images in ROOM.drawn(len(batch), draw_some):
            _save([image_path(folder, prompt) for prompt in batch[some]], images)
        progress("images", len(paths) - sum(map(len, due[number + 1 :])), len(paths))
    return paths


def draw(
    pipe: Any,
    texts: Sequence[str],
    seeds: Sequence[int],
    sampler: Sampler,
    output: Literal["pil", "latent"],
) -> Any:
    """Draw one batch of texts, each from the noise of its seed.

    Args:
        pipe: A diffusers text-to-image pipeline.
        texts: One image each.
        seeds: Of each image's initial noise.
        sampler: How; its scheduler is the pipeline's, see `bench.models.samplers`.
        output: `pil`, a list of images, or `latent`, the latents (n, channels, height, width).
    """
    start = noise(pipe.unet, seeds, _latent_size(pipe, sampler.of(AS_RUN)))
    return denoise(pipe, texts, start, sampler, output)


def denoise(
    pipe: Any,
    texts: Sequence[str],
    latents: Tensor,
    sampler: Sampler,
    output: Literal["pil", "latent"],
    own: Drawing = AS_RUN,
) -> Any:
    """Draw one batch of texts, each from its own latents.

    Args:
        pipe: A diffusers text-to-image pipeline.
        texts: One image each.
        latents: Noise, or what is half drawn where the pipeline begins later, see `bench.models.
            midway`; (texts, channels, height, width).
        sampler: How; its scheduler is the pipeline's.
        output: `pil`, a list of images, or `latent`, the latents (n, channels, height, width).
        own: What their rows say, the same for all; latents are of its size.
    """
    import torch

    from bench.models.steering import led_from

    drawn = sampler.of(own)
    size = {"width": drawn.width, "height": drawn.height} if drawn.size else {}
    negative = drawn.negative_prompt
    away = {"negative_prompt": [negative] * len(texts)} if negative else {}
    with torch.inference_mode(), led_from(negative if (drawn.guidance or 0) > 1 else ""):
        made = pipe(
            list(texts),
            num_inference_steps=sampler.steps,
            guidance_scale=drawn.guidance,
            latents=latents,
            output_type=output if output == "latent" else "np",
            **size,
            **away,
        ).images
    return made if output == "latent" else _images(made, texts)


def _images(pixels: Any, texts: Sequence[str]) -> Any:
    """Return images of pixels, (n, height, width, 3) from 0 to 1.

    Raises:
        InputError: some are no numbers; as an image they would be black.
    """
    import numpy as np
    from diffusers.image_processor import VaeImageProcessor

    bad = [text for text, each in zip(texts, pixels, strict=True) if not np.isfinite(each).all()]
    if bad:
        raise InputError(
            f"the model draws no numbers (NaN) for {len(bad)} of {len(texts)} prompts, '{bad[0]}' "
            "for one; its weights are damaged, or too large for fp16: try --precision bf16 or fp32"
        )
    return VaeImageProcessor.numpy_to_pil(pixels)


def _start(
    pipe: Any, batch: Sequence[Prompt], starts: Mapping[str, Tensor] | None, sampler: Sampler
) -> Tensor:
    import torch

    if starts is None:
        size = _latent_size(pipe, sampler.of(batch[0].drawing))
        return noise(pipe.unet, [each.seed for each in batch], size)
    return torch.stack([starts[each.id] for each in batch]).to(pipe.unet.dtype)


def _latent_size(pipe: Any, drawn: Drawing) -> tuple[int, int] | None:
    """Return height and width of latents; None for the model's own."""
    if drawn.size is None:
        return None
    width, height = drawn.size
    return height // pipe.vae_scale_factor, width // pipe.vae_scale_factor


def due_batches(
    prompts: Sequence[Prompt], folder: Path, batch_size: int = BATCH
) -> list[Sequence[Prompt]]:
    """Return the batches that `generate` draws: those of which an image is missing, whole.

    The prompts of a batch are drawn with the same settings.

    Whole even if parts are there: a resumed run then draws the very batches of an uninterrupted
    one, and no rounding can differ.

    Args:
        prompts: What to draw.
        folder: Where the images go.
        batch_size: Images drawn at once.
    """
    alike: dict[Drawing, list[Prompt]] = {}
    for prompt in prompts:
        alike.setdefault(prompt.drawing, []).append(prompt)
    batches = (
        some[i : i + batch_size] for some in alike.values() for i in range(0, len(some), batch_size)
    )
    return [
        batch
        for batch in batches
        if any(not image_path(folder, prompt).exists() for prompt in batch)
    ]


def noise(unet: Any, seeds: Sequence[int], size: tuple[int, int] | None = None) -> Tensor:
    """Return initial latents, (seeds, channels, height, width), each drawn in fp32 on the CPU.

    They are then cast to the U-Net's precision: all precisions start from the same noise.

    Args:
        unet: Says shape, precision and number of channels.
        seeds: One an image.
        size: Height and width of the latents; None is the U-Net's own.
    """
    import torch

    side = unet.config.sample_size
    height, width = size or ((side, side) if isinstance(side, int) else side)
    shape = (1, unet.config.in_channels, height, width)
    drawn = [
        torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)) for seed in seeds
    ]
    return torch.cat(drawn).to(unet.dtype)


def _save(paths: Sequence[Path], images: Sequence[Any]) -> None:
    """Write images that are not there, as many at once as there are cores: encoding frees others.

    A GPU draws an image of 512 x 512 pixels in less time than a core takes to encode several.
    """

    def save(one: tuple[Path, Any]) -> None:
        path, image = one
        if not path.exists():
            # What a power failure tears is told by its checksum, and drawn again.
            write_bytes(path, _png(image), synced=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(save, zip(paths, images, strict=True)):
            pass


def _png(image: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, format="PNG")
    return data.getvalue()
