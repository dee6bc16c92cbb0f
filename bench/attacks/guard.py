"""Whether an erasure changes what the U-Net predicts for a prompt, which is all a search sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

TIMES = 5
"""Noised latents of an image, evenly spread over the whole schedule."""


def unseen(original: Any, erased: Any, texts: Sequence[str], images: Sequence[Path]) -> bool:
    """Return whether the erased U-Net predicts for prompts exactly what the un-erased one does.

    An erasure of which this is true acts in guidance only, as a negative prompt does. An adaptive
    attack predicts through the erased pipeline, but for its prompts alone, so it never meets such
    an erasure: its guard is not attacked.

    Args:
        original: The un-erased pipeline.
        erased: The erased pipeline.
        texts: Prompts that name the concept.
        images: The un-erased model's image of each, so that a guard that looks at what is drawn
            sees the concept.
    """
    import torch

    from bench.attacks import _latents
    from bench.models.prediction import condition

    noise = _latents.noised(
        original,
        _latents.clean(original, images),
        _latents.spread(original, TIMES, 0.0),
        torch.Generator().manual_seed(0),
    )
    made = [
        _latents.predict(pipe.unet, noise, condition(pipe, texts), TIMES)
        for pipe in (original, erased)
    ]
    return torch.equal(*made)
