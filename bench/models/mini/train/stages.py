"""The stages that build mini, in order; each reads what the ones before it left in the folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from open_clip.model import CLIP
from transformers import CLIPTokenizer

from bench import files
from bench.models.mini import SETTINGS, sha256
from bench.models.mini.judge import Judge
from bench.models.mini.train import autoencoder, judge, text, unet
from bench.models.mini.train.absence import holds
from bench.models.mini.train.data import HELD_OUT_SEED_OFFSET, Images, render_images
from bench.models.mini.train.export import assemble, export
from bench.models.mini.train.fit import Recipe, save_atomically
from bench.models.mini.train.softened import soften
from bench.models.mini.train.tokenizer import train_tokenizer
from bench.models.mini.world.hybrids import hybrid_of, hybrid_truth_of
from bench.models.mini.world.sample import caption_of, truth_of
from bench.models.mini.world.truth import Truth
from bench.types import InputError, Progress, silent

CAPTIONS_PER_IMAGE = 3
"""Captions per image that the U-Net learns from; the CLIP sees fresh ones all the time."""
HYBRIDS = 0.25
"""Hybrids that the judge learns from, for each image of the world."""


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
    without: str = ""
    """A concept that no image shows and no caption names of those that the U-Net learns from."""
    progress: Progress = silent

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the weights."""
        return {
            "seed": self.seed,
            "images": self.images,
            "scale": self.scale,
            "without": self.without,
        }

    def begin(self) -> None:
        """Mark the folder as this training's, so that no other goes on from its checkpoints.

        Raises:
            InputError: another training was begun there.
        """
        note = self.folder / SETTINGS
        asked = self.settings
        begun = files.read_json(note) if note.exists() else asked
        differing = [n for n in {**asked, **begun} if asked.get(n) != begun.get(n)]
        if differing:
            there, here = (
                ", ".join(f"{name} {each.get(name)!r}" for name in differing)
                for each in (begun, asked)
            )
            raise InputError(
                f"{self.folder} holds a training of {there}, not of {here}; "
                "name another --folder, or ask for what it holds"
            )
        files.write_bytes(note, files.to_json(asked))

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
    def hybrids(self) -> tuple[Images, list[Truth]]:
        """Images of no object and no person, made of parts of several, for the judge alone."""
        count = round(HYBRIDS * self.images)
        folder = self.folder / "hybrids"
        images = render_images(folder, self.seed, count, draw=hybrid_of, progress=self.progress)
        return images, [hybrid_truth_of(self.seed, i) for i in range(count)]

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
        hybrids, their_truths = self.hybrids
        images = np.concatenate([self.training_images, hybrids])
        return judge.train_judge(
            np.concatenate([images, self.softened(images)]),
            [*self.truths, *their_truths] * 2,
            self.folder,
            seed=self.seed,
            recipe=self.recipe(judge.RECIPE),
            device=self.device,
            progress=self.progress,
        )

    def softened(self, images: Images) -> Images:
        """Return what the autoencoder makes of the images that the judge learns from.

        Args:
            images: uint8 (n, 64, 64, 3), the same at every call; what comes of them is kept.
        """
        vae = self.autoencoder
        made_by = sha256(self.autoencoder_file)[:12]
        kept = self.folder / f"softened-{made_by}-{self.seed}-{len(images)}.pt"
        if not kept.exists():
            soft = soften(vae, images, seed=self.seed, progress=self.progress)
            save_atomically(torch.from_numpy(soft), kept)
        found: Images = torch.load(kept, weights_only=True).numpy()
        return found

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
    def lessons(self) -> tuple[list[int], list[list[str]]]:
        """The images that the U-Net learns from, by number, and several captions of each."""
        numbers, captions = [], []
        for i, truth in enumerate(self.truths):
            several = [caption_of(self.seed, i, version) for version in range(CAPTIONS_PER_IMAGE)]
            if not self.without or not holds(self.without, truth, several):
                numbers.append(i)
                captions.append(several)
        return numbers, captions

    @cached_property
    def unet(self) -> UNet2DConditionModel:
        """The trained U-Net."""
        numbers, captions = self.lessons
        means, deviations = self.latents
        return unet.train_unet(
            (means[numbers], deviations[numbers]),
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
        export(weights, self.pipeline(), self.clip, self.judge, self.settings)


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
