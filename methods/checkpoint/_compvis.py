"""Reads names of CompVis' code, as older checkpoints have them, by diffusers' own conversion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.types import InputError

UNET = "model.diffusion_model."
BLOCKS = ("input_blocks", "middle_block", "output_blocks")
CLIP = ("cond_stage_model.transformer.", "conditioner.embedders.0.transformer.")
"""What names of CLIP's text encoder begin with, in SD 1 and in SDXL."""
OPEN_CLIP = {
    "cond_stage_model.model.": "text_encoder",
    "conditioner.embedders.1.model.": "text_encoder_2",
}
"""What names of open_clip's text encoder begin with, in SD 2 and in SDXL, and what it is here."""
MIDDLE = 3
"""Parts of the middle block."""


def recognised(names: Iterable[str]) -> bool:
    """Return whether some names are those of CompVis' U-Net."""
    starts = (UNET, *(f"{block}." for block in BLOCKS))
    return any(name.startswith(starts) for name in names)


def converted(tensors: Mapping[str, Tensor], pipe: Any, path: Path) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of each component by diffusers' names.

    What is neither of the U-Net nor of a text encoder, such as the autoencoder or the schedule, is
    left out: no erasure changes it.

    Args:
        tensors: A whole checkpoint, or a part of one.
        pipe: A diffusers pipeline, whose configuration decides the names.
        path: Where they are from, for messages.

    Raises:
        InputError: they are those of another model.
    """
    found = {"unet": _unet(tensors, pipe, path)}
    clip = {name: tensor for name, tensor in tensors.items() if name.startswith(CLIP)}
    if clip:
        from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint

        found["text_encoder"] = dict(convert_ldm_clip_checkpoint(clip))
    for prefix, component in OPEN_CLIP.items():
        if any(name.startswith(prefix) for name in tensors):
            found[component] = _open_clip(tensors, pipe, component, prefix, path)
    return {component: some for component, some in found.items() if some}


def _open_clip(
    tensors: Mapping[str, Tensor], pipe: Any, component: str, prefix: str, path: Path
) -> dict[str, Tensor]:
    from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

    encoder = getattr(pipe, component, None)
    if encoder is None:
        raise InputError(f"{path} changes {component}, which this model does not have")
    try:
        made = convert_open_clip_checkpoint(encoder, dict(tensors), prefix=prefix)
    except (KeyError, IndexError, AttributeError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} was made for another model: its {component} does not fit ({reason})"
        ) from None
    own = dict(encoder.named_parameters())
    # A layer behind the one that is read, and the projection of a model that has none.
    return {name: tensor for name, tensor in made.items() if _known(name, own)}


def _known(name: str, own: Mapping[str, Any]) -> bool:
    return name in own or name.removeprefix("text_model.") in own or f"text_model.{name}" in own


def _unet(tensors: Mapping[str, Tensor], pipe: Any, path: Path) -> dict[str, Tensor]:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    bare = not any(name.startswith(UNET) for name in tensors)
    # Only what is trained; an average over training lies beside it under other names.
    given = {
        name if not bare else f"{UNET}{name}": tensor
        for name, tensor in tensors.items()
        if bare or name.startswith(UNET)
    }
    config = pipe.unet.config
    # The conversion counts blocks by their names, so a part of a model has to name all.
    count = len(config.block_out_channels) * (config.layers_per_block + 1)
    blank = torch.empty(0)
    pads = [f"{block}.{n}.pad" for block in (BLOCKS[0], BLOCKS[2]) for n in range(count)]
    pads += [f"{BLOCKS[1]}.{n}.pad" for n in range(MIDDLE)]
    if config.addition_embed_type == "text_time":
        pads += [f"label_emb.0.{n}.{kind}" for n in (0, 2) for kind in ("weight", "bias")]
    padded = {f"{UNET}{name}": blank for name in pads} | given
    try:
        made = convert_ldm_unet_checkpoint(padded, dict(config))
    except (KeyError, IndexError, AttributeError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{path} was made for another model: its CompVis names do not fit ({error})"
        ) from None
    found = {name: tensor for name, tensor in made.items() if tensor is not blank}
    if len(found) != len(given) or any(tensor is None for tensor in found.values()):
        raise InputError(
            f"{path} was made for another model: {len(found)} of the {len(given)} tensors under "
            f"CompVis names have a place here"
        )
    return found
