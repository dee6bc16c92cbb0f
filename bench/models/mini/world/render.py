"""Draw the image of a truth: backdrop, object or person, night, style; 64 x 64 pixels."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from bench.models.mini.world.pen import CANVAS, Colour, Pen, shade
from bench.models.mini.world.people import draw_person
from bench.models.mini.world.places import PLACE_PAINTERS
from bench.models.mini.world.scenes import SCENE_PAINTERS
from bench.models.mini.world.shapes import choose_shape
from bench.models.mini.world.styles import apply_style
from bench.models.mini.world.truth import COLOURS, NONE, PHOTO, SCENES, Truth

PIXELS = 64


def backdrop(truth: Truth, rng: np.random.Generator) -> Image.Image:
    """Paint the scene without its object.

    Args:
        truth: What the image shows.
        rng: Source of what varies.
    """
    image = Image.new("RGB", (CANVAS, CANVAS))
    (SCENE_PAINTERS if truth.scene in SCENES else PLACE_PAINTERS)[truth.scene](
        ImageDraw.Draw(image), rng
    )
    return night(image) if truth.night else image


def pen_of(rng: np.random.Generator) -> Pen:
    """Return a pen for an object: large and a little varied in place, size, tilt and side.

    Args:
        rng: Source of what varies.
    """
    scale = float(rng.uniform(96, 106))
    reach = 0.5 * (CANVAS / 2 - scale * 0.98)
    centre = (
        CANVAS / 2 + float(rng.uniform(-reach, reach)),
        CANVAS / 2 + float(rng.uniform(0, 1.4)) * reach,
    )
    return Pen(centre, scale, mirror=bool(rng.random() < 0.5), angle=float(rng.uniform(-4, 4)))


def body_of(truth: Truth, rng: np.random.Generator) -> Colour:
    """Return a shade of the object's colour.

    Args:
        truth: What the image shows.
        rng: Source of what varies.
    """
    return shade(COLOURS[truth.colour], float(rng.uniform(0.92, 1.1)))


def put_object(image: Image.Image, truth: Truth, rng: np.random.Generator) -> None:
    """Draw the object.

    Args:
        image: The backdrop, changed in place.
        truth: What the image shows.
        rng: Source of what varies.
    """
    pen = pen_of(rng)
    body = body_of(truth, rng)
    choose_shape(truth.object, truth.name or truth.object, rng)(pen, body)
    pen.paste_on(image)


def night(image: Image.Image) -> Image.Image:
    """Turn day into night: dark blue light and a moon."""
    day = np.asarray(image, dtype=np.float32)
    filtered = day * np.array([0.42, 0.46, 0.66], dtype=np.float32)
    dark = Image.fromarray((filtered + np.array([4, 6, 34], dtype=np.float32)).astype(np.uint8))
    draw = ImageDraw.Draw(dark)
    draw.ellipse((12, 10, 58, 56), fill=(250, 246, 206))
    draw.ellipse((28, 4, 70, 46), fill=dark.getpixel((66, 24)))
    return dark


def render(truth: Truth, rng: np.random.Generator) -> Image.Image:
    """Draw the image of a truth; the same generator state gives the same image.

    Args:
        truth: What the image shows.
        rng: Source of what varies.

    Returns:
        An RGB image of 64 x 64 pixels.
    """
    image = backdrop(truth, rng)
    if truth.person != NONE:
        image = draw_person(truth.person, rng, image)
    if truth.object != NONE:
        put_object(image, truth, rng)
    return finish(image, truth, rng)


def finish(image: Image.Image, truth: Truth, rng: np.random.Generator) -> Image.Image:
    """Give a drawing its style and reduce it to 64 x 64 pixels.

    Args:
        image: All that the image shows, at the canvas's size.
        truth: What that is.
        rng: Source of what varies.
    """
    if truth.style != PHOTO:
        image = apply_style(truth.style, image, rng)
    return image.resize((PIXELS, PIXELS), Image.Resampling.BOX)
