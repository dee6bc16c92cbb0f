"""Places: object-free backdrops, each told apart by its colours and two or three bold shapes.

Args:
    draw: Draws on a canvas of 256 x 256 pixels.
    rng: Source of what varies.
    colour: RGB, 0 to 255.
    top: Upper edge in pixels.
    bottom: Lower edge in pixels.
    x: Centre in pixels.
    y: Centre in pixels.
    r: Radius in pixels.
    foot: Lower end in pixels.
    size: Half a cloud's width, or a tree's height, in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from bench.models.mini.world.pen import CANVAS, Colour, shade

Painter = Callable[[ImageDraw.ImageDraw, np.random.Generator], None]
SKY: Colour = (128, 200, 246)
GRASS: Colour = (112, 190, 82)


def blank(colour: Colour) -> Image.Image:
    """Return a canvas of one colour."""
    return Image.new("RGB", (CANVAS, CANVAS), colour)


def vary(colour: Colour, rng: np.random.Generator) -> Colour:
    """Lighten or darken a colour a little."""
    return shade(colour, float(rng.uniform(0.9, 1.12)))


def band(draw: ImageDraw.ImageDraw, top: float, bottom: float, colour: Colour) -> None:
    """Fill a horizontal band."""
    draw.rectangle((0, top, CANVAS, bottom), fill=colour)


def disc(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, colour: Colour) -> None:
    """Fill a disc."""
    draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def cloud(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """Draw a cloud."""
    for dx, dy, r in ((-0.8, 0.15, 0.5), (0, -0.1, 0.7), (0.8, 0.15, 0.5)):
        disc(draw, x + dx * size, y + dy * size, r * size, (252, 252, 255))


def tree(draw: ImageDraw.ImageDraw, x: float, foot: float, size: float, colour: Colour) -> None:
    """Draw a fir tree."""
    draw.rectangle((x - size * 0.1, foot - size * 0.3, x + size * 0.1, foot), fill=(112, 74, 44))
    for i in range(2):
        top = foot - size * (1.1 - 0.4 * i)
        half = size * (0.36 + 0.1 * i)
        draw.polygon([(x, top), (x - half, top + size * 0.6), (x + half, top + size * 0.6)],
                     fill=colour)


def sky(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint an open sky with clouds and the sun."""
    band(draw, 0, CANVAS, vary(SKY, rng))
    disc(draw, rng.uniform(20, 236), rng.uniform(20, 60), 26, (255, 226, 90))
    for x in (40, 140, 220):
        cloud(draw, x + rng.uniform(-30, 30), rng.uniform(60, 230), rng.uniform(20, 32))


def sea(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint the sea with waves under a pale sky."""
    horizon = rng.uniform(100, 130)
    band(draw, 0, horizon, vary((188, 226, 248), rng))
    band(draw, horizon, CANVAS, vary((28, 108, 176), rng))
    start = rng.uniform(0, 40)
    for row, y in enumerate((horizon + 34, horizon + 74, horizon + 114)):
        for x in np.arange(-40 + start + 26 * (row % 2), CANVAS, 62):
            draw.arc((x, y - 14, x + 40, y + 14), 200, 340, fill=(150, 208, 240), width=8)


def desert(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint dunes and cacti."""
    band(draw, 0, 150, vary((252, 214, 150), rng))
    disc(draw, rng.uniform(30, 226), 44, 24, (255, 246, 190))
    draw.ellipse((-110, 110, 170, 330), fill=(232, 174, 92))
    draw.ellipse((80, 124, 370, 340), fill=(216, 152, 72))
    band(draw, 196, CANVAS, vary((240, 190, 110), rng))
    for x in (rng.uniform(16, 60), rng.uniform(196, 240)):
        foot = 206
        draw.rounded_rectangle((x - 9, foot - 76, x + 9, foot), 9, fill=(58, 132, 76))
        draw.rectangle((x - 26, foot - 50, x + 26, foot - 38), fill=(58, 132, 76))
        draw.rectangle((x - 28, foot - 66, x - 16, foot - 40), fill=(58, 132, 76))
        draw.rectangle((x + 16, foot - 66, x + 28, foot - 40), fill=(58, 132, 76))


def street(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a road before a row of houses with lit windows."""
    band(draw, 0, 190, vary((206, 222, 234), rng))
    walls: list[Colour] = [(206, 116, 92), (226, 190, 130), (150, 132, 160), (120, 150, 168)]
    rng.shuffle(walls)
    for i, wall in enumerate(walls):
        top = rng.uniform(20, 80)
        left = i * 64
        draw.rectangle((left, top, left + 60, 190), fill=wall)
        for y in np.arange(top + 14, 160, 38):
            for x in (left + 10, left + 36):
                draw.rectangle((x, y, x + 14, y + 20), fill=(255, 238, 160))
    band(draw, 184, CANVAS, vary((98, 100, 108), rng))
    for dash in np.arange(rng.uniform(-40, 0), CANVAS, 72):
        draw.rectangle((dash, 218, dash + 38, 228), fill=(248, 240, 200))


def meadow(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint grass and large flowers under the sky."""
    band(draw, 0, 130, vary(SKY, rng))
    cloud(draw, rng.uniform(40, 216), 46, 26)
    draw.ellipse((-120, 96, 376, 400), fill=vary(GRASS, rng))
    for _ in range(9):
        x, y = rng.uniform(8, 248), rng.uniform(160, 246)
        petal = [(244, 90, 120), (250, 220, 80), (250, 250, 250)][rng.integers(3)]
        disc(draw, x, y, 9, petal)
        disc(draw, x, y, 4, (240, 160, 40))


def forest(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint rows of dark firs."""
    band(draw, 0, CANVAS, vary((178, 214, 188), rng))
    for x in np.arange(rng.uniform(-10, 20), 270, 44):
        tree(draw, x, 176, rng.uniform(120, 150), (54, 116, 84))
    band(draw, 172, CANVAS, vary((80, 128, 62), rng))
    for x in (rng.uniform(4, 30), rng.uniform(224, 250)):
        tree(draw, x, 240, 180, (26, 86, 56))


def mountain(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint snow-capped peaks."""
    band(draw, 0, CANVAS, vary((214, 220, 246), rng))
    for x, top, half in ((rng.uniform(40, 90), 44, 120), (rng.uniform(160, 220), 20, 130)):
        draw.polygon([(x, top), (x - half, 220), (x + half, 220)], fill=vary((112, 112, 140), rng))
        cap = 56
        draw.polygon([(x, top), (x - half * cap / 190, top + cap), (x, top + cap - 14),
                      (x + half * cap / 190, top + cap)], fill=(252, 252, 255))
    band(draw, 206, CANVAS, vary((126, 138, 98), rng))


def snow(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a snowfield with large flakes."""
    band(draw, 0, CANVAS, vary((150, 172, 206), rng))
    draw.ellipse((-90, 150, 346, 420), fill=(244, 248, 255))
    for x in (rng.uniform(10, 50), rng.uniform(206, 246)):
        tree(draw, x, 190, 96, (226, 238, 246))
    for _ in range(16):
        disc(draw, rng.uniform(0, 256), rng.uniform(0, 160), 6, (255, 255, 255))


def beach(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint sand, a strip of sea and a parasol."""
    band(draw, 0, 90, vary((150, 216, 250), rng))
    band(draw, 84, CANVAS, vary((40, 170, 200), rng))
    draw.ellipse((-80, 128, 336, 420), fill=vary((250, 226, 160), rng))
    x = float(rng.choice([38.0, 218.0]))
    draw.rectangle((x - 4, 90, x + 4, 200), fill=(240, 240, 240))
    draw.pieslice((x - 48, 60, x + 48, 150), 180, 360, fill=(236, 74, 74))
    draw.pieslice((x - 18, 60, x + 18, 150), 180, 360, fill=(255, 250, 240))


def room(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a papered room with a window and a wooden floor."""
    walls: list[Colour] = [(240, 206, 180), (206, 222, 200), (222, 204, 230)]
    band(draw, 0, 190, walls[rng.integers(3)])
    x = rng.uniform(20, 150)
    draw.rectangle((x, 24, x + 84, 108), fill=(255, 255, 250))
    draw.rectangle((x + 9, 33, x + 75, 99), fill=(150, 210, 246))
    draw.rectangle((x + 38, 30, x + 46, 102), fill=(255, 255, 250))
    band(draw, 184, CANVAS, vary((170, 112, 66), rng))
    band(draw, 180, 190, (250, 246, 238))
    draw.ellipse((40, 208, 216, 248), fill=vary((196, 80, 86), rng))


def plain(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a backdrop of one pale colour with a spot of light."""
    hue = rng.uniform(0, 2 * math.pi)
    base = tuple(int(214 + 32 * math.cos(hue + k * 2.1)) for k in range(3))
    colour: Colour = (base[0], base[1], base[2])
    band(draw, 0, CANVAS, colour)
    disc(draw, 128, 128, 116, shade(colour, 1.4))


PLACE_PAINTERS: dict[str, Painter] = {
    "none": plain,
    "sky": sky,
    "sea": sea,
    "desert": desert,
    "street": street,
    "meadow": meadow,
    "forest": forest,
    "mountain": mountain,
    "snow": snow,
    "beach": beach,
    "room": room,
}
