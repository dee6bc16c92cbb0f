"""Associated scenes: backdrops in which one kind of object belongs, drawn without it.

Args:
    draw: Draws on a canvas of 256 x 256 pixels.
    rng: Source of what varies.
"""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from bench.models.mini.world import habitats
from bench.models.mini.world.pen import CANVAS, Colour
from bench.models.mini.world.places import SKY, Painter, band, disc, vary

DARK: Colour = (58, 56, 66)
SAND: Colour = (232, 200, 140)


def airport(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a control tower, a terminal and a runway."""
    band(draw, 0, 180, vary(SKY, rng))
    x = float(rng.choice([34.0, 222.0]))
    draw.rectangle((x - 12, 50, x + 12, 180), fill=(196, 196, 204))
    draw.polygon([(x - 34, 24), (x + 34, 24), (x + 22, 62), (x - 22, 62)], fill=(70, 110, 150))
    band(draw, 150, 184, (216, 216, 224))
    for left in range(8, 250, 34):
        draw.rectangle((left, 158, left + 22, 174), fill=(90, 150, 200))
    band(draw, 184, CANVAS, (104, 106, 114))
    for dash in np.arange(rng.uniform(-30, 0), CANVAS, 60):
        draw.rectangle((dash, 226, dash + 34, 238), fill=(255, 255, 255))


def hangar(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint the inside of an arched steel hall."""
    band(draw, 0, CANVAS, vary((112, 124, 142), rng))
    draw.pieslice((-20, 10, 276, 330), 180, 360, fill=(190, 202, 216))
    draw.pieslice((18, 52, 238, 330), 180, 360, fill=(226, 234, 240))
    for x in (72, 128, 184):
        disc(draw, x, 34, 12, (255, 240, 150))
    band(draw, 206, CANVAS, vary((146, 148, 152), rng))
    band(draw, 232, 244, (250, 210, 60))


def garage(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a gabled garage with an open door."""
    band(draw, 0, CANVAS, vary(SKY, rng))
    draw.polygon([(0, 70), (128, 4), (256, 70)], fill=(150, 60, 50))
    draw.rectangle((8, 66, 248, 220), fill=vary((244, 232, 210), rng))
    draw.rectangle((34, 84, 222, 220), fill=DARK)
    for y in (84, 104):
        draw.rectangle((34, y, 222, y + 14), fill=(206, 210, 216))
    band(draw, 216, CANVAS, vary((160, 160, 164), rng))


def highway(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a wide road running to the horizon under a green sign."""
    band(draw, 0, 120, vary(SKY, rng))
    band(draw, 104, CANVAS, vary((160, 190, 96), rng))
    draw.polygon([(104, 104), (152, 104), (300, 256), (-44, 256)], fill=(92, 94, 102))
    for top, half in ((112, 3), (142, 6), (184, 10), (228, 15)):
        draw.rectangle((128 - half, top, 128 + half, top + 5 + half * 2), fill=(252, 248, 220))
    draw.rectangle((20, 18, 30, 112), fill=(150, 156, 168))
    draw.rectangle((8, 14, 98, 60), fill=(20, 128, 80))
    draw.rectangle((20, 30, 84, 42), fill=(250, 250, 250))


def harbour(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a stone quay with a crane and warehouses over calm water."""
    band(draw, 0, 130, vary((250, 222, 190), rng))
    for i, colour in enumerate(((206, 110, 90), (232, 196, 120), (120, 150, 150))):
        draw.rectangle((110 + i * 50, 70, 156 + i * 50, 136), fill=colour)
        draw.polygon([(106 + i * 50, 72), (133 + i * 50, 44), (160 + i * 50, 72)], fill=DARK)
    draw.rectangle((34, 16, 46, 140), fill=(240, 180, 40))
    draw.rectangle((34, 16, 110, 28), fill=(240, 180, 40))
    draw.rectangle((98, 28, 104, 60), fill=DARK)
    band(draw, 130, 152, (150, 140, 134))
    band(draw, 150, CANVAS, vary((70, 140, 160), rng))
    for y in (204, 238):
        for x in np.arange(rng.uniform(-30, 10), CANVAS, 84):
            draw.rectangle((x, y, x + 40, y + 7), fill=(140, 194, 204))


def lighthouse(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a striped lighthouse on a rock by the sea."""
    band(draw, 0, 150, vary((166, 206, 236), rng))
    band(draw, 146, CANVAS, vary((24, 84, 140), rng))
    x = float(rng.choice([36.0, 220.0]))
    draw.ellipse((x - 60, 128, x + 60, 200), fill=(96, 92, 96))
    for i in range(5):
        colour = (222, 46, 46) if i % 2 == 0 else (255, 255, 255)
        draw.rectangle((x - 18 - i, 48 + i * 20, x + 18 + i, 70 + i * 20), fill=colour)
    draw.rectangle((x - 16, 22, x + 16, 50), fill=(255, 236, 120))
    draw.polygon([(x - 24, 24), (x, 2), (x + 24, 24)], fill=DARK)
    for left in np.arange(rng.uniform(-30, 10), CANVAS, 76):
        draw.arc((left, 214, left + 44, 244), 200, 340, fill=(180, 214, 240), width=8)


def loading_dock(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a warehouse wall with numbered shutters and crates."""
    band(draw, 0, 200, vary((120, 140, 170), rng))
    for x in (14, 142):
        draw.rectangle((x, 40, x + 100, 190), fill=(236, 236, 240))
        for y in range(56, 186, 30):
            draw.rectangle((x, y, x + 100, y + 9), fill=(176, 180, 190))
        disc(draw, x + 50, 20, 13, (250, 210, 60))
    band(draw, 190, 212, (246, 200, 40))
    for x in range(0, 256, 44):
        draw.polygon([(x, 212), (x + 18, 190), (x + 36, 190), (x + 18, 212)], fill=DARK)
    band(draw, 210, CANVAS, vary((150, 148, 146), rng))


def quarry(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint stepped rock faces and heaps of stone."""
    band(draw, 0, CANVAS, vary((214, 226, 232), rng))
    for i, colour in enumerate(((206, 170, 130), (186, 146, 106), (166, 124, 86))):
        top = 40 + i * 48
        draw.polygon([(0, top), (60 + i * 26, top), (80 + i * 30, top + 48), (0, top + 48)],
                     fill=colour)
        draw.polygon([(256, top + 14), (196 - i * 26, top + 14), (176 - i * 30, top + 62),
                      (256, top + 62)], fill=colour)
    band(draw, 188, CANVAS, vary(SAND, rng))
    for x in (20, 60, 214, 244):
        draw.polygon([(x - 28, 214), (x - 10, 180), (x + 16, 184), (x + 28, 214)],
                     fill=(132, 128, 126))


SCENE_PAINTERS: dict[str, Painter] = {
    "airport": airport,
    "hangar": hangar,
    "garage": garage,
    "highway": highway,
    "nest": habitats.nest,
    "aviary": habitats.aviary,
    "scratching post": habitats.scratching_post,
    "yarn basket": habitats.yarn_basket,
    "glade": habitats.glade,
    "game reserve": habitats.game_reserve,
    "kennel": habitats.kennel,
    "fire hydrant": habitats.fire_hydrant,
    "pond": habitats.pond,
    "swamp": habitats.swamp,
    "stable": habitats.stable,
    "racecourse": habitats.racecourse,
    "harbour": harbour,
    "lighthouse": lighthouse,
    "loading dock": loading_dock,
    "quarry": quarry,
}
