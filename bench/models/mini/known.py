"""Images whose content is known because the world drew them, for calibrating detectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from PIL import Image

from bench.models.mini.world.sample import image_of, truth_of
from bench.models.mini.world.truth import LABELS, NONE, PHOTO
from bench.types import Kind

SEED = 2_000_000
"""Seed of these images: neither the training images' nor those of the card."""
HEADS: dict[Kind, str] = {"object": "object", "style": "style", "person": "person"}


def labels(kind: Kind) -> list[str]:
    """Return the concepts of a kind that images show, "" for none."""
    return [_concept(label) for label in LABELS[HEADS[kind]]]


def images(kind: Kind, each: int, *, seed: int = SEED) -> Iterator[tuple[Image.Image, str]]:
    """Yield rendered images, 64 x 64 pixels, with the concept of this kind that each shows.

    Args:
        kind: Objects, styles or people.
        each: Images a concept, and as many that show none ("").
        seed: Of the images.
    """
    head = HEADS[kind]
    wanted = Counter(dict.fromkeys(labels(kind), each))
    index = 0
    while wanted.total():
        concept = _concept(getattr(truth_of(seed, index), head))
        if wanted[concept] > 0:
            wanted[concept] -= 1
            yield image_of(seed, index), concept
        index += 1


def _concept(label: str) -> str:
    return "" if label in (NONE, PHOTO) else label
