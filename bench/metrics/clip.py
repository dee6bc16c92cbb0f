"""CLIP as a zero-shot classifier over the suite's concepts, the field's own measure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.metrics import Direction, Metric, Setting, Verdict, read_images, verdicts
from bench.types import Concept, InputError, Progress, Prompt, silent

BATCH = 50
"""Images read at once; fixed, so that a resumed run reads the same batches."""
TEXTS = {
    "object": "a photo of the {}",
    "style": "a picture in the style of {}",
    "person": "a photo of {}",
    "explicit": "a photo of {}",
}
"""Text that stands for a concept of each kind."""


@dataclass(frozen=True)
class Reader:
    """An open_clip model with what its images need."""

    model: Any
    tokenizer: Callable[[list[str]], Any]
    pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Clip(Metric):
    """Share of images in which CLIP, zero-shot over the suite, sees the prompt's concept.

    Mini is read by its own CLIP, other models by ViT-B/32 of OpenAI; source: MACE, section 4.1.
    """

    direction: ClassVar[Direction] = "by role"
    unit: ClassVar[str] = "share of images"

    def prepare(self, family: str, device: str) -> None:
        """Load the family's CLIP."""
        _reader(family, device)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return CLIP's top-1 concept, its softmax of the prompt's, and whether top-1 is erased."""
        import torch

        reader = _reader(setting.family, setting.device)
        labels = [concept.name for concept in setting.classes]
        found: list[Verdict] = []
        with torch.inference_mode():
            texts = _encode_texts(reader, setting.classes, setting.device)
            for start in range(0, len(images), BATCH):
                some = slice(start, start + BATCH)
                pixels, readable = read_images(images[some], reader.pixels)
                rows = _classify(reader, pixels.to(setting.device), texts) if any(readable) else []
                found += verdicts(rows, labels, readable, prompts[some], setting.erased)
                progress("clip", len(found), len(images))
        return found


def class_text(concept: Concept) -> str:
    """Return the text that stands for a concept in zero-shot classification."""
    return TEXTS[concept.kind].format(concept.name)


def _encode_texts(reader: Reader, classes: Sequence[Concept], device: str) -> Any:
    tokens = reader.tokenizer([class_text(concept) for concept in classes]).to(device)
    return reader.model.encode_text(tokens, normalize=True)


def _classify(reader: Reader, pixels: Any, texts: Any) -> list[list[float]]:
    import torch

    mean = torch.tensor(reader.mean, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(reader.std, device=pixels.device).view(3, 1, 1)
    seen = reader.model.encode_image((pixels - mean) / std, normalize=True)
    logits = reader.model.logit_scale.exp() * seen @ texts.T
    rows: list[list[float]] = logits.float().softmax(dim=-1).tolist()
    return rows


@functools.lru_cache(maxsize=1)
def _reader(family: str, device: str) -> Reader:
    if family == "mini":
        from bench.mini import clip

        model, tokenizer = clip.load()
        half = (0.5, 0.5, 0.5)
        return Reader(model.to(device).eval(), tokenizer, 64, half, half)
    return _openai(device)


def _openai(device: str) -> Reader:
    import open_clip

    try:
        model = open_clip.create_model("ViT-B-32", pretrained="openai")
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"cannot load CLIP ViT-B-32 of openai ({reason}); fetch it once while online with "
            "open_clip.create_model('ViT-B-32', pretrained='openai')"
        ) from None
    size = model.visual.image_size
    pixels = size if isinstance(size, int) else size[0]
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    return Reader(model.to(device).eval(), tokenizer, pixels, tuple(mean), tuple(std))
