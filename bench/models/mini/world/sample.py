"""Draw images of the world at random: which truths, how often, and image number i of a seed."""

from __future__ import annotations

import numpy as np
from PIL import Image

from bench.models.mini.world.captions import caption, nouns
from bench.models.mini.world.render import render
from bench.models.mini.world.truth import (
    COLOURS,
    NONE,
    OBJECTS,
    PEOPLE,
    PHOTO,
    PLACES,
    SCENES,
    STYLES,
    Truth,
)

SHARES = {
    "object": 0.42,
    "styled object": 0.18,
    "associated scene": 0.16,
    "object in a foreign scene": 0.03,
    "empty scene": 0.04,
    "empty place": 0.05,
    "person": 0.12,
}
"""Share of each kind of image."""


def one_of(options: tuple[str, ...], rng: np.random.Generator) -> str:
    """Pick one with equal chances.

    Args:
        options: What to pick from.
        rng: Source of all randomness.
    """
    return options[int(rng.integers(len(options)))]


def sample_truth(rng: np.random.Generator) -> Truth:
    """Decide at random what an image shows."""
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    thing = one_of(OBJECTS, rng)
    noun = thing if rng.random() < 0.46 else one_of(nouns(thing)[1:], rng)
    colour = one_of(tuple(COLOURS), rng)
    place = NONE if rng.random() < 0.2 else one_of(PLACES, rng)
    style = one_of(STYLES, rng)
    dark = bool(rng.random() < 0.08)
    if kind == "object":
        return Truth(thing, noun, colour, place, night=dark)
    if kind == "styled object":
        return Truth(thing, noun, colour, place, style)
    if kind == "associated scene":
        scene = one_of(tuple(SCENES), rng)
        thing = SCENES[scene]
        noun = one_of(nouns(thing), rng)
        style = style if rng.random() < 0.08 else PHOTO
        return Truth(thing, noun, colour, scene, style, night=dark and style == PHOTO)
    if kind == "object in a foreign scene":
        return Truth(thing, noun, colour, one_of(tuple(SCENES), rng))
    if kind == "empty scene":
        return Truth(scene=one_of(tuple(SCENES), rng), night=dark)
    if kind == "empty place":
        styled = style if rng.random() < 0.4 else PHOTO
        return Truth(scene=one_of((NONE, *PLACES), rng), style=styled)
    backdrop = place if rng.random() < 0.35 else NONE
    styled = style if rng.random() < 0.15 else PHOTO
    return Truth(person=one_of(tuple(PEOPLE), rng), scene=backdrop, style=styled)


def truth_of(seed: int, index: int) -> Truth:
    """Return what image `index` of `seed` shows, without drawing it.

    Args:
        seed: Of the world.
        index: Number of the image, from 0 on.
    """
    return sample_truth(np.random.default_rng([seed, index]))


def caption_of(seed: int, index: int, version: int = 0) -> str:
    """Return one of many captions of image `index` of `seed`.

    Args:
        seed: Of the world.
        index: Number of the image, from 0 on.
        version: Number of the caption, from 0 on.
    """
    return caption(truth_of(seed, index), np.random.default_rng([seed, index, 1 + version]))


def image_of(seed: int, index: int) -> Image.Image:
    """Draw image `index` of `seed`, 64 x 64 pixels.

    Args:
        seed: Of the world.
        index: Number of the image, from 0 on.
    """
    rng = np.random.default_rng([seed, index])
    return render(sample_truth(rng), rng)
