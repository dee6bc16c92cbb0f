"""Pipelines in Stable Diffusion's layouts with random weights: quick to make, and no download."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from bench.models.mini.train.tokenizer import build_tokenizer

WORDS = (
    "a an the photo picture image painting drawing of in on at with and no empty one small large "
    "airplane aircraft plane jet bird avian fowl cat dog ship truck automobile car horse deer frog "
    "sky sea street meadow forest room desert snow beach mountain city field airport hangar nest "
    "red blue green yellow white black orange purple style mosaic neon sepia woodcut art person "
    "Abraham Lincoln Cleopatra Napoleon Bonaparte someone"
)
POSITIONS = 32
WIDTH = 32


def _tokenizer() -> Any:
    """Return a CLIP tokenizer whose vocabulary is every byte and the words above."""
    return build_tokenizer([WORDS], merges=4000, positions=POSITIONS)


def build_tiny_pipe() -> Any:
    """Return a StableDiffusionPipeline of 64x64 images and 8x8x8 latents with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = _tokenizer()
        # The default spread leaves all words alike, which would hide every effect of a word.
        text_encoder = CLIPTextModel(_text(tokenizer, 20.0))
        unet = _unet(WIDTH)
        vae = _vae()
    pipe = StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def build_tiny_sdxl_pipe() -> Any:
    """Return a StableDiffusionXLPipeline of the same sizes: two encoders, pooled text, time ids."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = _tokenizer()
        # What SDXL reads of its encoders passes no last norm, so a smaller spread will do.
        first = CLIPTextModel(_text(tokenizer, 5.0))
        second = CLIPTextModelWithProjection(_text(tokenizer, 5.0))
        # Pooled text, and six numbers of size and crop as sines of that width.
        width = 8
        unet = _unet(
            2 * WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=width,
            projection_class_embeddings_input_dim=WIDTH + 6 * width,
        )
        vae = _vae()
    pipe = StableDiffusionXLPipeline(
        vae=vae.eval(),
        text_encoder=first.eval(),
        text_encoder_2=second.eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet.eval(),
        scheduler=_scheduler(),
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _text(tokenizer: Any, spread: float) -> Any:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=POSITIONS,
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_factor=spread,
    )


def _unet(text_width: int, **more: Any) -> Any:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=2,
        norm_num_groups=8,
        **more,
    )


def _vae() -> Any:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=8,
        norm_num_groups=4,
        sample_size=64,
        mid_block_add_attention=False,
    )


def _scheduler() -> Any:
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
