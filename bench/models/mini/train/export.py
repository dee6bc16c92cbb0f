"""Put trained parts together into the folder that diffusers loads, with its checksums."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTokenizer

from bench import files
from bench.models.mini import SETTINGS, clip, write_sums
from bench.models.mini.judge import Judge
from bench.models.mini.train.text import clip_config, text_encoder
from bench.models.mini.train.unet import new_scheduler


def half_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights in half precision; whole numbers stay as they are."""
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous().clone()
        for name, value in model.state_dict().items()
    }


def assemble(
    vae: AutoencoderKL, unet: UNet2DConditionModel, clip_model: CLIP, tokenizer: CLIPTokenizer
) -> StableDiffusionPipeline:
    """Return the pipeline made of the trained parts, in full precision.

    Args:
        vae: The autoencoder.
        unet: The denoiser.
        clip_model: Its text tower becomes the text encoder.
        tokenizer: Of that tower.
    """
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder(clip_model, tokenizer),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _amend(config: Path, **changes: str | None) -> None:
    """Change entries of a JSON file; None removes one."""
    entries = json.loads(config.read_text()) | changes
    kept = {
        name: entry for name, entry in entries.items() if not (name in changes and entry is None)
    }
    config.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


def export(
    folder: Path,
    pipe: StableDiffusionPipeline,
    clip_model: CLIP,
    judge: Judge,
    settings: Mapping[str, Any],
) -> None:
    """Write all weights in half precision; the folder is replaced whole or not at all.

    Args:
        folder: where mini's weights live.
        pipe: the assembled pipeline; it is converted in place.
        clip_model: both towers of the CLIP.
        judge: the judge network.
        settings: what the training was, which a file of the folder says.
    """
    fresh = folder.with_name(folder.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    # What the last call asked of the tokenizer would be stored with it.
    pipe.tokenizer.backend_tokenizer.no_truncation()
    pipe.tokenizer.backend_tokenizer.no_padding()
    pipe.to(torch.float16).save_pretrained(fresh, safe_serialization=True)
    # Half precision is for the disk; without this the text encoder alone would load as half.
    _amend(fresh / "text_encoder" / "config.json", dtype="float32")
    for config in fresh.rglob("config.json"):
        # Where a part was loaded from is nobody's business.
        _amend(config, _name_or_path=None)
    for name, model in (("clip", clip_model), ("judge", judge.network)):
        (fresh / name).mkdir()
        save_file(half_weights(model), fresh / name / "model.safetensors")
    description = json.dumps(clip_config(len(pipe.tokenizer)), indent=2)
    (fresh / "clip" / f"{clip.NAME}.json").write_text(description)
    files.write_bytes(fresh / SETTINGS, files.to_json(settings))
    write_sums(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
