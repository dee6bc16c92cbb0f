"""Trainings of the U-Net or the judge, beside the finished other parts of mini."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from open_clip.model import CLIP
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from bench.models.mini import SUMS, sha256
from bench.models.mini.judge import Judge, load_file_into_judge
from bench.models.mini.train import text
from bench.models.mini.train.stages import Workshop

VAE_FILE = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Renewal(Workshop):
    """A workshop that trains the U-Net from nothing and keeps the other parts of finished weights.

    All that differs from those weights is then what the U-Net has learnt from.
    """

    weights: Path = field(kw_only=True)
    """The folder of mini's weights whose parts are kept."""

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the weights, the kept ones by the hash of their checksums."""
        return super().settings | {"kept": sha256(self.weights / SUMS)}

    @cached_property
    def tokenizer(self) -> CLIPTokenizer:
        """The vocabulary of the weights."""
        return CLIPTokenizer.from_pretrained(self.weights / "tokenizer")

    @cached_property
    def autoencoder(self) -> AutoencoderKL:
        """The autoencoder of the weights."""
        return AutoencoderKL.from_pretrained(self.weights / "vae", dtype=torch.float32)

    @property
    def autoencoder_file(self) -> Path:
        """The autoencoder's file among the weights."""
        return self.weights / "vae" / VAE_FILE

    @cached_property
    def clip(self) -> CLIP:
        """The CLIP of the weights."""
        model = text.new_clip(len(self.tokenizer))
        model.load_state_dict(load_file(self.weights / "clip" / "model.safetensors"))
        return model.eval()

    @cached_property
    def judge(self) -> Judge:
        """The judge of the weights."""
        return load_file_into_judge(self.weights / "judge" / "model.safetensors")


@dataclass(frozen=True)
class Continuation(Renewal):
    """A workshop that goes on from finished weights: the U-Net learns further, or the judge anew.

    What is not asked for stays as it is in the weights.
    """

    stages: tuple[str, ...] = ("unet",)
    """What is trained: `unet`, `judge` or both."""

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the weights, and that they are no training from nothing."""
        return super().settings | {"continued": True}

    @property
    def unet_to_go_on_from(self) -> Path:
        """The U-Net of the weights."""
        return self.weights / "unet"

    @cached_property
    def unet(self) -> UNet2DConditionModel:
        """The U-Net, trained further or as it is."""
        if "unet" in self.stages:
            return super().unet
        return UNet2DConditionModel.from_pretrained(self.weights / "unet", dtype=torch.float32)

    @cached_property
    def judge(self) -> Judge:
        """The judge, trained from nothing or as it is."""
        # What a renewal keeps, a workshop trains.
        return super(Renewal, self).judge if "judge" in self.stages else super().judge
