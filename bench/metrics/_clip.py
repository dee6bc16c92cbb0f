"""CLIP as every metric reads it: mini's own on mini, ViT-B/32 of OpenAI on other models."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.metrics._images import Transform, in_batches
from bench.types import Concept, InputError, Progress, Prompt

BATCH = 50
"""Images read at once; fixed, so that a resumed run reads the same batches."""
TEXTS = {
    "object": "a photo of the {}",
    "style": "a picture in the style of {}",
    "person": "a photo of {}",
    "explicit": "a photo of {}",
}
"""Text that stands for a concept of each kind."""
DETECTOR = (
    "mini: its own CLIP; others: open_clip ViT-B-32, weights openai; pictures by open_clip's own "
    "transform (shorter side to 64 or 224 pixels, then the middle square)"
)


@dataclass(frozen=True)
class Reader:
    """An open_clip model with what its images need."""

    model: Any
    tokenizer: Callable[[list[str]], Any]
    transform: Transform
    """open_clip's own for the model: what it does to a picture before it looks."""
    device: str = "cpu"

    @property
    def scale(self) -> float:
        """What cosines are multiplied with before a softmax; 100 for OpenAI's."""
        return float(self.model.logit_scale.detach().exp())

    def texts(self, texts: Sequence[str]) -> Any:
        """Return the unit embeddings (texts, d) of texts."""
        import torch

        tokens = self.tokenizer(list(texts)).to(self.device)
        with torch.inference_mode():
            return self.model.encode_text(tokens, normalize=True).float().cpu()

    def images(
        self, paths: Sequence[Path], what: str, progress: Progress
    ) -> tuple[Any, list[bool]]:
        """Return the unit embeddings (readable, d) of images, and which can be read."""
        return in_batches(paths, self.transform, BATCH, self._encode, what, progress)

    def _encode(self, pixels: Any) -> Any:
        return self.model.encode_image(pixels.to(self.device), normalize=True)

    def choose(self, seen: Any, texts: Any) -> list[list[float]]:
        """Return the softmax over texts for each image, from unit embeddings of both."""
        rows: list[list[float]] = (self.scale * seen @ texts.T).softmax(dim=-1).tolist()
        return rows

    def scores(self, seen: Any, readable: Sequence[bool], prompts: Sequence[Prompt]) -> list[float]:
        """Return 100 cos(image, prompt text) of each readable image.

        Args:
            seen: Unit embeddings of the readable images.
            readable: For each prompt, whether its image could be opened.
            prompts: One an image.
        """
        own = [prompt.text for prompt, can in zip(prompts, readable, strict=True) if can]
        places = {text: number for number, text in enumerate(dict.fromkeys(own))}
        if not own:
            return []
        texts = self.texts(list(places))[[places[text] for text in own]]
        scores: list[float] = (100 * (seen * texts).sum(dim=1)).tolist()
        return scores


def class_text(concept: Concept) -> str:
    """Return the text that stands for a concept in zero-shot classification."""
    return TEXTS[concept.kind].format(concept.name)


@functools.lru_cache(maxsize=1)
def reader(family: str, device: str) -> Reader:
    """Return the family's CLIP.

    Raises:
        InputError: its weights are neither on this machine nor to be had.
    """
    if family == "mini":
        from bench.mini import clip

        model, tokenizer = clip.load()
        return Reader(model.to(device).eval(), tokenizer, clip.transform(), device)
    return _openai(device)


def _openai(device: str) -> Reader:
    import open_clip

    try:
        # These weights were trained with QuickGELU; open_clip only warns where that is missing.
        model, _, transform = open_clip.create_model_and_transforms(
            "ViT-B-32", pretrained="openai", force_quick_gelu=True
        )
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"cannot load CLIP ViT-B-32 of openai ({reason}); fetch it once while online with "
            "open_clip.create_model('ViT-B-32', pretrained='openai')"
        ) from None
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    return Reader(model.to(device).eval(), tokenizer, transform, device)
