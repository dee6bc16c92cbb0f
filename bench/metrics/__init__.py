"""What a metric is: something that looks at images and says what each of them shows.

A metric is one file in this folder; the registry finds it there.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from bench.types import Concept, Progress, Prompt, silent

Verdict = dict[str, str | float]
"""What a metric says about one image: column name to value, NaN where it could not tell."""

Direction = Literal["lower", "higher", "by role"]


@dataclass(frozen=True)
class Setting:
    """What a metric has to know beside the images and their prompts."""

    erased: tuple[Concept, ...]
    """The concepts that were erased together."""
    classes: tuple[Concept, ...]
    """The concepts to choose between, in the order of the suite."""
    family: str
    """Model family (`mini`, `sd`, `sdxl`) that drew the images."""
    device: str


class Metric(ABC):
    """Looks at images; its class docstring's first line is what listings show."""

    direction: ClassVar[Direction]
    """Which values are better: `by role` is lower where a concept should be gone, else higher."""
    unit: ClassVar[str]
    families: ClassVar[frozenset[str] | None] = None
    """Model families whose images it can read; None for all."""
    columns: ClassVar[tuple[str, ...]] = ("label", "probability", "erased")
    """Columns of a verdict."""

    def prepare(self, family: str, device: str) -> None:  # noqa: B027  most metrics need nothing
        """Load what measuring needs, so that what is missing shows before any erasing.

        Raises:
            InputError: if a network is neither on this machine nor to be had.
        """

    @abstractmethod
    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return one verdict an image, in order; one that cannot be opened gets `UNREADABLE`."""


UNREADABLE: Mapping[str, str | float] = {
    "label": "",
    "probability": math.nan,
    "erased": math.nan,
}
"""The verdict on an image that cannot be opened: not measured, never 0."""


def verdicts(
    probabilities: Sequence[Sequence[float]],
    labels: Sequence[str],
    readable: Sequence[bool],
    prompts: Sequence[Prompt],
    erased: Sequence[Concept],
) -> list[Verdict]:
    """Turn class probabilities into verdicts.

    Args:
        probabilities: One row for each *readable* image, one column a label.
        labels: Names of the columns; every prompt's concept is among them.
        readable: For each prompt, whether its image could be opened.
        prompts: One an image.
        erased: The concepts that were erased.

    Returns:
        `label` (top-1), `probability` (of the prompt's own concept, NaN if it has none) and
        `erased` (1 if the top-1 label is an erased concept, else 0).
    """
    gone = {concept.name for concept in erased}
    rows = iter(probabilities)
    return [
        _verdict(next(rows), labels, prompt, gone) if can else dict(UNREADABLE)
        for can, prompt in zip(readable, prompts, strict=True)
    ]


def _verdict(
    row: Sequence[float], labels: Sequence[str], prompt: Prompt, gone: set[str]
) -> Verdict:
    label = labels[max(range(len(labels)), key=lambda i: row[i])]
    own = float(row[labels.index(prompt.concept)]) if prompt.concept else math.nan
    return {"label": label, "probability": own, "erased": float(label in gone)}


def read_images(paths: Sequence[Path], pixels: int) -> tuple[Any, list[bool]]:
    """Read images as one tensor.

    Args:
        paths: Files; those that are missing, truncated or no images are left out.
        pixels: Height and width to resize to.

    Returns:
        A float tensor (readable images, 3, pixels, pixels) in [0, 1], and for each path whether it
        could be read.
    """
    import numpy as np
    import torch
    from PIL import Image

    arrays, readable = [], []
    for path in paths:
        try:
            with Image.open(path) as image:
                picture = image.convert("RGB")
            if picture.size != (pixels, pixels):
                picture = picture.resize((pixels, pixels), Image.Resampling.BICUBIC)
            arrays.append(np.asarray(picture, dtype=np.float32) / 255)
            readable.append(True)
        except (OSError, SyntaxError, ValueError):  # Pillow raises SyntaxError for a broken PNG
            readable.append(False)
    if not arrays:
        return torch.zeros(0, 3, pixels, pixels), readable
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous(), readable
