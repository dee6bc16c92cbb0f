"""A pipeline in Stable Diffusion's layout with random weights: quick to make, and no download."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

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
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
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
                # The default spread leaves all words alike, which would hide every effect of a
                # word.
                initializer_factor=20.0,
            )
        )
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=8,
            out_channels=8,
            block_out_channels=(16, 32),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=WIDTH,
            attention_head_dim=2,
            norm_num_groups=8,
        )
        vae = AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=8,
            norm_num_groups=4,
            sample_size=64,
            mid_block_add_attention=False,
        )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    pipe = StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
