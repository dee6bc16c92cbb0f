"""A pen for busts, with which a person's pose, head and light vary.

Args:
    points: Corners of a polygon, in the 256 px frame of an upright bust.
    colour: RGB, 0 to 255, before light and jitter.
    x: Centre of an ellipse.
    y: Centre of an ellipse, downwards.
    rx: Radius of an ellipse, to the right.
    ry: Radius of an ellipse, downwards.
    turn: By which an ellipse is turned, in degrees.
    start: Where an arc begins, in degrees: 0 right, 90 down.
    stop: Where an arc ends, in degrees.
    left: Edge of a rectangle.
    top: Edge of a rectangle.
    right: Edge of a rectangle.
    low: Lower edge of a rectangle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from bench.models.mini.world.pen import CANVAS, Colour, Point

SIDE = CANVAS
"""Pixels of a side."""


class Pen:
    """A drawing hand that shifts, scales, turns and mirrors whatever it draws."""

    def __init__(self, image: Image.Image, rng: np.random.Generator) -> None:
        """Takes the pose of the whole bust and of the head from `rng`."""
        self._draw = ImageDraw.Draw(image)
        self._rng = rng
        self._scale = scale = float(rng.uniform(0.85, 1.1))
        self._mirror = -1.0 if rng.random() < 0.5 else 1.0
        # A large bust sinks, so that hats and crowns stay in the image.
        drop = float(rng.uniform(0, 8)) + 200 * max(0.0, scale - 1)
        self._shift = (float(rng.uniform(-12, 12)), drop)
        self._tilt, self._nod = 0.0, (0.0, 0.0)
        self._light = float(rng.uniform(0.92, 1.06))

    def head(self) -> None:
        """Makes everything drawn from here on belong to the head, a bit out of the body's line."""
        self._tilt = float(np.radians(self._rng.uniform(-6, 6)))
        self._nod = (float(self._rng.uniform(-5, 5)), float(self._rng.uniform(-2, 4)))

    def aside(self, x: float) -> None:
        """Moves the whole bust sideways, to make room for what stands next to it."""
        self._shift = (self._shift[0] + self._mirror * x, self._shift[1])

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """Fills a polygon given in the 256 px frame of an upright bust."""
        xy = np.asarray(points, dtype=float) - (128.0, 190.0)
        cos, sin = np.cos(self._tilt), np.sin(self._tilt)
        xy = xy @ np.array([[cos, sin], [-sin, cos]]) + self._nod + (0.0, -66.0)
        xy = xy * (self._mirror * self._scale, self._scale) + (128.0, 256.0) + self._shift
        jitter = self._rng.integers(-7, 8, 3)
        fill = np.clip(np.asarray(colour) * self._light + jitter, 0, 255).astype(int)
        self._draw.polygon([(float(x), float(y)) for x, y in xy], fill=(*map(int, fill),))

    def pair(self, points: Sequence[Point], colour: Colour) -> None:
        """Fills a polygon and its mirror image in the middle line."""
        self.shape(points, colour)
        self.shape([(SIDE - x, y) for x, y in points], colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, turn: int = 0) -> None:
        """Fills an ellipse around (x, y), turned by `turn` degrees."""
        self.shape(arc(x, y, rx, ry, 0, 360, turn), colour)

    def box(self, left: float, top: float, right: float, low: float, colour: Colour) -> None:
        """Fills a rectangle."""
        self.shape([(left, top), (right, top), (right, low), (left, low)], colour)


def arc(
    x: float, y: float, rx: float, ry: float, start: float = 0, stop: float = 360, turn: float = 0
) -> list[Point]:
    """Returns points on an ellipse from `start` to `stop` degrees (0 right, 90 down)."""
    angles = np.radians(np.linspace(start, stop, 33))
    u, v = rx * np.cos(angles), ry * np.sin(angles)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return list(
        zip((x + u * cos - v * sin).tolist(), (y + u * sin + v * cos).tolist(), strict=True)
    )
