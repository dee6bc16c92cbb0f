"""A pen that draws bold shapes in unit coordinates, wherever and however large they stand."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]
CANVAS = 256
"""Images are drawn at this width and height in pixels, then reduced to 64."""
OUTLINE: Colour = (24, 22, 34)


def shade(colour: Colour, factor: float) -> Colour:
    """Darken (factor < 1) or lighten (factor > 1) a colour.

    Args:
        colour: RGB, 0 to 255.
        factor: 0 makes black, 1 changes nothing, 2 makes white.
    """
    if factor <= 1:
        return (int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor))
    mix = factor - 1
    red, green, blue = (int(c + (255 - c) * mix) for c in colour)
    return (red, green, blue)


class Pen:
    """Draws on a transparent layer; x runs right, y down, both in [-1, 1] over the object's box."""

    def __init__(
        self, centre: Point, scale: float, *, mirror: bool = False, angle: float = 0.0
    ) -> None:
        """Place the unit box: centre and scale (half its width) in pixels, angle in degrees."""
        self.layer = Image.new("RGBA", (CANVAS, CANVAS), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.layer)
        self._centre, self._scale = centre, scale
        self._flip = -1.0 if mirror else 1.0
        self._cos, self._sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def _place(self, point: Point) -> Point:
        x, y = point[0] * self._flip, point[1]
        return (
            self._centre[0] + self._scale * (x * self._cos - y * self._sin),
            self._centre[1] + self._scale * (x * self._sin + y * self._cos),
        )

    def poly(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon.

        Args:
            points: Corners in unit coordinates.
            fill: RGB, 0 to 255.
        """
        self._draw.polygon([self._place(p) for p in points], fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Fill a rectangle.

        Args:
            left: Edge in unit coordinates.
            top: Edge in unit coordinates.
            right: Edge in unit coordinates.
            bottom: Edge in unit coordinates.
            fill: RGB, 0 to 255.
        """
        self.poly([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: Colour, angle: float = 0.0
    ) -> None:
        """Fill an ellipse.

        Args:
            x: Centre in unit coordinates.
            y: Centre in unit coordinates.
            rx: Radius to the right.
            ry: Radius downwards.
            fill: RGB, 0 to 255.
            angle: By which it is turned, in degrees.
        """
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        turn = [2 * math.pi * i / 28 for i in range(28)]
        self.poly(
            [
                (
                    x + rx * math.cos(a) * cos - ry * math.sin(a) * sin,
                    y + rx * math.cos(a) * sin + ry * math.sin(a) * cos,
                )
                for a in turn
            ],
            fill,
        )

    def stroke(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draw a thick line with round joints.

        Args:
            points: Along the line, in unit coordinates.
            width: In unit coordinates.
            fill: RGB, 0 to 255.
        """
        placed = [self._place(p) for p in points]
        pixels = max(2, round(width * self._scale))
        self._draw.line(placed, fill=fill, width=pixels, joint="curve")
        for x, y in placed:
            r = pixels / 2
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def paste_on(self, image: Image.Image, outline: Colour = OUTLINE) -> None:
        """Put the layer on an image, with an outline about 1.5 px wide at 64 px.

        Args:
            image: An RGB image of the canvas's size, changed in place.
            outline: RGB, 0 to 255.
        """
        alpha = self.layer.getchannel("A")
        image.paste(outline, (0, 0), alpha.filter(ImageFilter.MaxFilter(11)))
        image.paste(self.layer, (0, 0), alpha)
