"""Where an object is in a generated image: masks for MACE's attention loss."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.models.prediction import Conditioning, predict
from bench.types import InputError
from methods import _maps, _noise

DETECTOR = "IDEA-Research/grounding-dino-base"
SEGMENTER = "facebook/sam-vit-huge"
THRESHOLD = 0.3
"""Least score of a detection; MACE's."""
LEVELS = (200, 300, 400)
"""Timesteps at which attention is read: late enough to be sharp, early enough to ask the text."""


@dataclass(frozen=True)
class Scene:
    """Finished images of one prompt, in which an object is to be found."""

    pipe: Any
    """The pipeline that drew them."""
    latents: Tensor
    """(n, channels, height, width)."""
    rows: Conditioning
    """Their prompt."""
    positions: Sequence[int]
    """Positions of the concept's tokens in it."""
    phrase: str
    """The concept's name."""
    generator: torch.Generator
    """Source of all randomness."""


def everywhere(scene: Scene) -> Tensor:
    """Return masks that hold every pixel, (n, height, width)."""
    return torch.ones(len(scene.latents), *scene.latents.shape[-2:], dtype=torch.bool)


def from_attention(scene: Scene) -> Tensor:
    """Return masks of the pixels that attend most to the concept's tokens; needs no download.

    The image is noised to a few levels and the frozen model denoises it with its prompt; maps of
    all layers and heads are averaged at the latents' resolution, and pixels above the middle
    between least and greatest are the object. Ours.

    Returns:
        (n, height, width), boolean.
    """
    pipe, latents = scene.pipe, scene.latents
    scheduler = _noise.ddim(pipe, 1)
    size = latents.shape[-2:]
    heat = torch.zeros(len(latents), *size)
    for level in LEVELS:
        t = torch.full((len(latents),), level, device=latents.device)
        noise = torch.randn(latents.shape, generator=scene.generator).to(latents)
        with torch.no_grad(), _maps.recorded(pipe.unet) as maps:
            noisy = scheduler.add_noise(latents, noise, t)
            predict(pipe.unet, noisy, t, scene.rows.expand(len(latents)))
        for layer in maps:
            side = round(layer.shape[2] ** 0.5)
            seen = layer[..., list(scene.positions)].mean((1, 3)).reshape(-1, side, side)
            grown = torch.nn.functional.interpolate(seen[:, None].float(), size, mode="bilinear")
            heat += grown[:, 0].cpu()
    low, high = heat.amin((1, 2), keepdim=True), heat.amax((1, 2), keepdim=True)
    return heat >= (low + high) / 2


def grounded_sam(scene: Scene) -> Tensor:
    """Return masks by GroundingDINO and SAM, as MACE's code makes them.

    Returns:
        (n, height, width) of the images, boolean; everywhere, where nothing is found.

    Raises:
        InputError: if the models are neither here nor can be fetched.
    """
    device = scene.latents.device
    reader, detector, prompter, segmenter = load()
    # On the device only while they look: training needs the room.
    for network in (detector, segmenter):
        network.to(device)
    masks = []
    for latent in scene.latents:
        image = _decoded(scene.pipe, latent)
        size = image.size[::-1]
        with torch.no_grad():
            asked = reader(images=image, text=f"{scene.phrase}.", return_tensors="pt").to(device)
            found = reader.post_process_grounded_object_detection(
                detector(**asked), asked.input_ids, threshold=THRESHOLD, target_sizes=[size]
            )[0]
            mask = torch.zeros(size, dtype=torch.bool)
            if len(found["boxes"]):
                boxes = [found["boxes"].tolist()]
                given = prompter(image, input_boxes=boxes, return_tensors="pt").to(device)
                made = segmenter(**given, multimask_output=False)
                mask = prompter.image_processor.post_process_masks(
                    made.pred_masks.cpu(),
                    given["original_sizes"].cpu(),
                    given["reshaped_input_sizes"].cpu(),
                )[0].any(dim=(0, 1))
        masks.append(mask if mask.any() else torch.ones(size, dtype=torch.bool))
    for network in (detector, segmenter):
        network.to("cpu")
    return torch.stack(masks)


@functools.lru_cache(maxsize=1)
def load() -> tuple[Any, Any, Any, Any]:
    """Load GroundingDINO and SAM with what prepares their inputs, once; fetches them.

    Raises:
        InputError: they are neither here nor can be fetched.
    """
    import transformers

    try:
        return (
            transformers.AutoProcessor.from_pretrained(DETECTOR),
            transformers.AutoModelForZeroShotObjectDetection.from_pretrained(DETECTOR).eval(),
            transformers.SamProcessor.from_pretrained(SEGMENTER),
            transformers.SamModel.from_pretrained(SEGMENTER).eval(),
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"segmenter grounded_sam needs {DETECTOR} and {SEGMENTER}, which cannot be loaded "
            f"({str(error).splitlines()[0]}); allowed without them are attention and none"
        ) from None


def _decoded(pipe: Any, latent: Tensor) -> Any:
    vae = pipe.vae
    with torch.no_grad():
        scaled = latent[None].to(vae.dtype) / vae.config.scaling_factor
        pixels = vae.decode(scaled).sample
    return pipe.image_processor.postprocess(pixels.float(), output_type="pil")[0]


MAKERS = {"attention": from_attention, "grounded_sam": grounded_sam, "none": everywhere}
"""What each choice of segmenter does."""
