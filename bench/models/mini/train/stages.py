"""The stages that build mini, in order; each reads what the ones before it left in the folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from open_clip.model import CLIP
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from bench.models.mini import sha256
from bench.models.mini.judge import Judge, load_file_into_judge
from bench.models.mini.train import autoencoder, judge, text, unet
from bench.models.mini.train.data import HELD_OUT_SEED_OFFSET, Images, render_images
from bench.models.mini.train.export import assemble, export
from bench.models.mini.train.fit import Recipe, save_atomically
from bench.models.mini.train.tokenizer import train_tokenizer
from bench.models.mini.world.sample import caption_of, truth_of
from bench.models.mini.world.truth import Truth
from bench.types import InputError, Progress, silent

VAE_FILE = "diffusion_pytorch_model.safetensors"
CAPTIONS_PER_IMAGE = 3
"""Captions per image that the U-Net learns from; the CLIP sees fresh ones all the time."""


@dataclass(frozen=True)
class Workshop:
    """The training of mini, stage by stage; every part is made when first asked for."""

    folder: Path
    seed: int = 0
    images: int = 20_000
    held_out: int = 4_000
    device: str = "cpu"
    scale: float = 1.0
    """Factor on the steps of every recipe; small values make a quick, poor model."""
    progress: Progress = silent

    def recipe(self, recipe: Recipe) -> Recipe:
        """Scale a recipe's steps."""
        return replace(recipe, steps=max(1, round(recipe.steps * self.scale)))

    @cached_property
    def training_images(self) -> Images:
        """Rendered images, (n, 64, 64, 3) uint8."""
        return render_images(self.folder / "images", self.seed, self.images, progress=self.progress)

    @cached_property
    def truths(self) -> list[Truth]:
        """What each training image shows."""
        return [truth_of(self.seed, i) for i in range(self.images)]

    @cached_property
    def held_out_images(self) -> tuple[Images, list[Truth]]:
        """Images that no stage trains on, and what they show."""
        seed = self.seed + HELD_OUT_SEED_OFFSET
        images = render_images(self.folder / "images", seed, self.held_out, progress=self.progress)
        return images, [truth_of(seed, i) for i in range(self.held_out)]

    @cached_property
    def tokenizer(self) -> CLIPTokenizer:
        """The vocabulary, learnt from one caption of every image."""
        folder = self.folder / "tokenizer"
        if (folder / "tokenizer_config.json").exists():
            return CLIPTokenizer.from_pretrained(folder)
        return train_tokenizer((caption_of(self.seed, i) for i in range(self.images)), folder)

    @cached_property
    def autoencoder(self) -> AutoencoderKL:
        """The trained autoencoder."""
        return autoencoder.train_autoencoder(
            self.training_images,
            self.folder,
            seed=self.seed,
            recipe=self.recipe(autoencoder.RECIPE),
            device=self.device,
            progress=self.progress,
        )

    @cached_property
    def clip(self) -> CLIP:
        """The trained CLIP."""
        return text.train_clip(
            self.training_images,
            self.truths,
            self.tokenizer,
            self.folder,
            seed=self.seed,
            recipe=self.recipe(text.RECIPE),
            device=self.device,
            progress=self.progress,
        )

    @cached_property
    def judge(self) -> Judge:
        """The trained judge."""
        return judge.train_judge(
            self.training_images,
            self.truths,
            self.folder,
            seed=self.seed,
            recipe=self.recipe(judge.RECIPE),
            device=self.device,
            progress=self.progress,
        )

    @property
    def autoencoder_file(self) -> Path:
        """What the autoencoder's weights lie in; latents of other weights are not reused."""
        return self.folder / "autoencoder.pt"

    @property
    def unet_to_go_on_from(self) -> Path | None:
        """Weights that the U-Net starts from; none, it starts from nothing."""
        return None

    @cached_property
    def latents(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and standard deviations of every training image's latents, kept on disk."""
        vae = self.autoencoder
        made_by = sha256(self.autoencoder_file)[:12]
        kept = self.folder / f"latents-{made_by}-{self.seed}-{self.images}.pt"
        if kept.exists():
            means, deviations = torch.load(kept, weights_only=True)
            return means, deviations
        latents = unet.encode_images(vae, self.training_images)
        save_atomically(latents, kept)
        return latents

    @cached_property
    def unet(self) -> UNet2DConditionModel:
        """The trained U-Net."""
        captions = [
            [caption_of(self.seed, i, version) for version in range(CAPTIONS_PER_IMAGE)]
            for i in range(self.images)
        ]
        return unet.train_unet(
            self.latents,
            captions,
            self.tokenizer,
            text.text_encoder(self.clip, self.tokenizer),
            self.folder,
            start=self.unet_to_go_on_from,
            seed=self.seed,
            recipe=self.recipe(unet.RECIPE),
            device=self.device,
            progress=self.progress,
        )

    def pipeline(self) -> StableDiffusionPipeline:
        """Put the trained parts together."""
        return assemble(self.autoencoder, self.unet, self.clip, self.tokenizer)

    def export(self, weights: Path) -> None:
        """Write mini's weights to a folder."""
        export(weights, self.pipeline(), self.clip, self.judge)


@dataclass(frozen=True)
class Continuation(Workshop):
    """A workshop that trains the U-Net of finished weights further and keeps their other parts."""

    weights: Path = field(kw_only=True)
    """The folder of mini's weights to go on from."""

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

    @property
    def unet_to_go_on_from(self) -> Path:
        """The U-Net of the weights."""
        return self.weights / "unet"


STAGES: dict[str, Callable[[Workshop], object]] = {
    "images": lambda shop: (shop.training_images, shop.held_out_images),
    "tokenizer": lambda shop: shop.tokenizer,
    "autoencoder": lambda shop: shop.autoencoder,
    "clip": lambda shop: shop.clip,
    "judge": lambda shop: shop.judge,
    "unet": lambda shop: shop.unet,
}
"""Each stage trains what is missing before it; a finished one returns at once."""


def check_device(device: str) -> None:
    """Refuse a device that is not there, before anything is rendered.

    Raises:
        InputError: the device is neither the CPU nor a CUDA device that is there.
    """
    if device != "cpu" and not (device == "cuda" and torch.cuda.is_available()):
        raise InputError(
            f"cannot train on '{device}'; allowed here: cpu"
            + (", cuda" if torch.cuda.is_available() else "")
        )
