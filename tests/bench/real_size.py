"""Pipelines of Stable Diffusion's true sizes with random weights, for memory and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel

from bench.models.mini.train.tokenizer import build_tokenizer
from bench.models.tiny import WORDS, scheduler

Model = Literal["sd14", "sd21"]
UNETS = {
    "sd14": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sd21": {
        "sample_size": 96,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
}
TEXTS = {
    "sd14": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12},
    "sd21": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23},
}
HEADS = {"sd14": 12, "sd21": 16}


def save(model: Model, folder: Path, dtype: torch.dtype) -> Path:
    """Save a model as diffusers does, and return its folder; 2 to 5 GB.

    Args:
        model: Whose sizes it has: of v1.4 in 512 x 512 pixels, or of 2.1 in 768 x 768.
        folder: Where.
        dtype: Of its weights.
    """
    torch.manual_seed(0)
    # Made in that precision: the whole in fp32 takes twice as much memory.
    torch.set_default_dtype(dtype)
    try:
        pipe = _pipeline(model)
    finally:
        torch.set_default_dtype(torch.float32)
    pipe.save_pretrained(folder)
    return folder


def _pipeline(model: Model) -> Any:
    tokenizer = build_tokenizer([WORDS], merges=4000, positions=77)
    text = CLIPTextConfig(
        vocab_size=49408,
        num_attention_heads=HEADS[model],
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **TEXTS[model],
    )
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=8 * int(UNETS[model]["sample_size"]),  # type: ignore[call-overload]
    )
    return StableDiffusionPipeline(
        tokenizer=tokenizer,
        text_encoder=CLIPTextModel(text).eval(),
        unet=UNet2DConditionModel(**UNETS[model]).eval(),
        vae=vae.eval(),
        scheduler=scheduler("epsilon" if model == "sd14" else "v_prediction"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
