"""Pipelines in true layouts with random weights: quick to make, and no download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

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
Layout = Literal["sd1", "sd2", "sdxl"]
"""Stable Diffusion 1 (predicts the noise), 2 (predicts the velocity) and XL (two encoders)."""
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
_KINDS: Mapping[Layout, tuple[bool, str]] = {
    "sd1": (False, "epsilon"),
    "sd2": (False, "v_prediction"),
    "sdxl": (True, "epsilon"),
}
"""Whether it has SDXL's parts, and what it predicts."""
POSITIONS = 32
WIDTH = 32


def _tokenizer() -> Any:
    """Return a CLIP tokenizer whose vocabulary is every byte and the words above."""
    return build_tokenizer([WORDS], merges=4000, positions=POSITIONS)


def build_tiny_pipe(layout: Layout = "sd1") -> Any:
    """Return a pipeline of 64x64 images and 8x8x8 latents with random weights.

    Args:
        layout: Whose parts it has.
    """
    large, prediction = _KINDS[layout]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = _tokenizer()
        parts: dict[str, Any] = {
            "tokenizer": tokenizer,
            "text_encoder": CLIPTextModel(_text(tokenizer, large)).eval(),
            "unet": _unet(large).eval(),
            "vae": _vae().eval(),
            "scheduler": scheduler(prediction),
        }
        if large:
            second = CLIPTextModelWithProjection(_text(tokenizer, large)).eval()
            parts |= {"tokenizer_2": _tokenizer(), "text_encoder_2": second}
            # As SDXL's second one does; the first pads by the end token.
            parts["tokenizer_2"].pad_token = "!"
    if large:
        pipe: Any = StableDiffusionXLPipeline(**parts, add_watermarker=False)
    else:
        pipe = StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _text(tokenizer: Any, large: bool) -> CLIPTextConfig:
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
        # The default spread leaves all words alike, which would hide every effect of a word. What
        # SDXL reads of its encoders passes no last norm, so a smaller one will do.
        initializer_factor=5.0 if large else 20.0,
    )


def _unet(large: bool) -> UNet2DConditionModel:
    more = {}
    if large:
        more = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
        }
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=2 * WIDTH if large else WIDTH,
        attention_head_dim=2,
        norm_num_groups=8,
        **more,
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=8,
        norm_num_groups=4,
        sample_size=64,
        mid_block_add_attention=False,
    )


def scheduler(prediction: str) -> DDIMScheduler:
    """Build Stable Diffusion's noise schedule.

    Args:
        prediction: What the U-Net says, `epsilon` or `v_prediction`.
    """
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction,
    )
