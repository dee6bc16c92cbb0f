"""mini's CLIP: the text tower that guides its U-Net, with the image tower it was trained with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from torch import Tensor

NAME = "mini"
"""Name of the configuration within open_clip, and of its file."""
PIXELS = 64
HALF = (0.5, 0.5, 0.5)
"""Mean and spread that images are normalised by; the configuration does not say so."""


@cache
def load() -> tuple[Any, Callable[[Sequence[str]], Tensor]]:
    """Load the CLIP.

    Returns:
        The open_clip model, which takes images (n, 3, 64, 64) in [-1, 1], and a function from
        texts to their token ids (n, 32).
    """
    import open_clip
    from transformers import CLIPTokenizer

    from bench.models.mini import path

    folder = path()
    open_clip.add_model_config(folder / "clip" / f"{NAME}.json")
    model = open_clip.create_model(
        NAME, pretrained=str(folder / "clip" / "model.safetensors"), precision="fp32"
    )
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")

    def encode(texts: Sequence[str]) -> Tensor:
        ids: Tensor = tokenizer(
            list(texts), padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        return ids

    return model.eval(), encode


def transform() -> Callable[[Any], Tensor]:
    """Return open_clip's transform from an image of any size to what the model takes."""
    import open_clip

    found: Callable[[Any], Tensor] = open_clip.image_transform(
        PIXELS, is_train=False, mean=HALF, std=HALF
    )
    return found
