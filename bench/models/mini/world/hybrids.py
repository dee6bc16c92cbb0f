"""Hybrids: parts of several objects, or of two people, grown together; none of them is to be seen.

A model that has lost a concept, or never knew it, draws such things where it is asked for one. A
classifier that has only seen whole objects must call them by a name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bench.models.mini.world.captions import nouns
from bench.models.mini.world.pen import CANVAS
from bench.models.mini.world.people import draw_person
from bench.models.mini.world.render import backdrop, body_of, finish, pen_of
from bench.models.mini.world.sample import one_of
from bench.models.mini.world.shapes import choose_shape
from bench.models.mini.world.truth import (
    COLOURS,
    NEAR,
    NONE,
    OBJECTS,
    PEOPLE,
    PHOTO,
    PLACES,
    SCENES,
    STYLES,
    Truth,
)

LEAST = 0.35
"""Share of the whole that each of two parts has at least, so that no part stands for a thing."""
PERSON = 0.15
"""Share of hybrids that are of people."""
Mask = NDArray[np.bool_]


def hybrid_truth_of(seed: int, index: int) -> Truth:
    """Return what hybrid `index` of `seed` shows: a scene, a colour and a style, and no object.

    Args:
        seed: Of the world.
        index: Number of the hybrid, from 0 on.
    """
    return _truth(np.random.default_rng([seed, index]))


def hybrid_of(seed: int, index: int) -> Image.Image:
    """Draw hybrid `index` of `seed`, 64 x 64 pixels.

    Args:
        seed: Of the world.
        index: Number of the hybrid, from 0 on.
    """
    rng = np.random.default_rng([seed, index])
    truth = _truth(rng)
    image = backdrop(truth, rng)
    image = _crossed_people(image, rng) if truth.colour == NONE else _crossed(image, truth, rng)
    return finish(image, truth, rng)


def _truth(rng: np.random.Generator) -> Truth:
    """Decide at random where a hybrid stands, its colour and style; no colour means people."""
    style = one_of(STYLES, rng) if rng.random() < 0.15 else PHOTO
    night = bool(rng.random() < 0.08) and style == PHOTO
    if rng.random() < PERSON:
        return Truth(scene=one_of((NONE, *PLACES), rng), style=style)
    scenes = tuple(SCENES) if rng.random() < 0.5 else (NONE, *PLACES)
    colour = one_of(tuple(COLOURS), rng)
    return Truth(colour=colour, scene=one_of(scenes, rng), style=style, night=night)


def _crossed(image: Image.Image, truth: Truth, rng: np.random.Generator) -> Image.Image:
    """Draw parts of two or three objects that are no look-alikes, in one outline."""
    body = body_of(truth, rng)
    place, apart = rng.spawn(1)[0].bit_generator.state, rng.spawn(1)[0]
    whole: Image.Image | None = None
    for name in _unlike(2 if rng.random() < 0.6 else 3, rng):
        same = np.random.default_rng()
        same.bit_generator.state = place
        pen = pen_of(same)
        choose_shape(name, one_of(nouns(name), apart), apart)(pen, body)
        if whole is not None:
            bodies = [np.asarray(each.getchannel("A")) > 0 for each in (whole, pen.layer)]
            pen.layer = Image.composite(pen.layer, whole, Image.fromarray(_part(bodies, rng)))
        whole = pen.layer
    pen.paste_on(image)
    return image


def _crossed_people(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Draw parts of two people, one pose."""
    one, other = rng.choice(list(PEOPLE), 2, replace=False)
    pose = rng.bit_generator.state
    first = draw_person(str(one), rng, image)
    rng.bit_generator.state = pose
    second = draw_person(str(other), rng, image)
    bust = np.zeros((CANVAS, CANVAS), bool)
    bust[24:, 48:208] = True
    return Image.composite(second, first, Image.fromarray(_part([bust, bust], rng)))


def _unlike(count: int, rng: np.random.Generator) -> list[str]:
    """Pick objects of which none is another's look-alike."""
    chosen: list[str] = []
    while len(chosen) < count:
        name = one_of(OBJECTS, rng)
        if all(name != each and NEAR[name] != each and NEAR[each] != name for each in chosen):
            chosen.append(name)
    return chosen


def _part(bodies: list[Mask], rng: np.random.Generator) -> Mask:
    """Return a half-plane or blots that leave `LEAST` of each of two bodies, and of the whole.

    Where 50 of them do not, as of bodies of very unlike size, it is the last.
    """
    for _ in range(50):
        mask = _half(rng) if rng.random() < 0.6 else _blots(rng)
        stays, comes = (bodies[0] & ~mask).sum(), (bodies[1] & mask).sum()
        of_each = stays >= LEAST * bodies[0].sum() and comes >= LEAST * bodies[1].sum()
        if of_each and min(stays, comes) >= LEAST * (stays + comes):
            break
    return mask


def _half(rng: np.random.Generator) -> Mask:
    """Return one side of a line that passes near the centre."""
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(np.arange(CANVAS) - CANVAS / 2, np.arange(CANVAS) - CANVAS * 0.55)
    return np.asarray(x * np.cos(angle) + y * np.sin(angle) > rng.uniform(-0.1, 0.1) * CANVAS)


def _blots(rng: np.random.Generator) -> Mask:
    """Return about half of the canvas in a few large blots."""
    cells = int(rng.integers(3, 7))
    noise = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
    smooth = noise.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC).filter(
        ImageFilter.GaussianBlur(6)
    )
    levels = np.asarray(smooth)
    return np.asarray(levels > np.quantile(levels, rng.uniform(0.4, 0.6)))
