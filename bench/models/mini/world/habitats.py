"""Habitats: associated scenes in which one kind of animal belongs, drawn without it.

Args:
    draw: Draws on a canvas of 256 x 256 pixels.
    rng: Source of what varies.
"""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from bench.models.mini.world.pen import CANVAS, Colour
from bench.models.mini.world.places import GRASS, SKY, band, disc, vary

BRICK: Colour = (188, 92, 72)
TIMBER: Colour = (150, 92, 50)
DARK: Colour = (58, 56, 66)


def nest(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a nest with eggs on a branch among leaves."""
    band(draw, 0, CANVAS, vary((190, 228, 206), rng))
    for _ in range(12):
        x, y = rng.uniform(0, 256), rng.uniform(0, 120)
        draw.ellipse((x - 26, y - 14, x + 26, y + 14), fill=(84, 160, 84))
    band(draw, 226, 250, (116, 78, 48))
    for x in (84, 128, 172):
        draw.ellipse((x - 20, 150, x + 20, 206), fill=(206, 232, 246))
    draw.pieslice((14, 108, 242, 250), 0, 180, fill=vary((158, 108, 60), rng))
    for x in (60, 120, 180):
        draw.line((x - 24, 190, x + 24, 226), fill=(206, 156, 96), width=9)


def aviary(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a domed golden cage with bars and a perch."""
    band(draw, 0, CANVAS, vary((214, 236, 220), rng))
    draw.pieslice((14, 8, 242, 260), 180, 360, fill=(250, 246, 226))
    draw.rectangle((14, 134, 242, 232), fill=(250, 246, 226))
    draw.arc((14, 8, 242, 260), 180, 360, fill=(206, 158, 40), width=12)
    for x in (14, 68, 122, 176, 230):
        draw.rectangle((x, 70 if x in (14, 230) else 22, x + 12, 236), fill=(206, 158, 40))
    band(draw, 226, 248, (176, 128, 30))


def scratching_post(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a rope-wound post with platforms and a hanging ball."""
    band(draw, 0, CANVAS, vary((226, 206, 234), rng))
    band(draw, 206, CANVAS, (168, 124, 92))
    x = float(rng.choice([44.0, 212.0]))
    draw.rectangle((x - 17, 40, x + 17, 226), fill=(214, 176, 120))
    for y in range(56, 216, 28):
        draw.rectangle((x - 17, y, x + 17, y + 10), fill=(160, 116, 66))
    draw.rounded_rectangle((x - 44, 22, x + 44, 46), 10, fill=(84, 130, 150))
    draw.rounded_rectangle((x - 52, 218, x + 52, 242), 10, fill=(84, 130, 150))
    side = 128 + (128 - x) * 0.1
    draw.rectangle((side - 3, 0, side + 3, 40), fill=DARK)
    disc(draw, side, 46, 16, (240, 90, 90))


def yarn_basket(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a wicker basket full of balls of wool."""
    band(draw, 0, CANVAS, vary((250, 232, 196), rng))
    wool: list[Colour] = [(226, 70, 110), (70, 150, 206), (120, 180, 80), (244, 170, 50)]
    for i, x in enumerate((34, 92, 164, 222)):
        disc(draw, x, 184 + 6 * (i % 2), 36, wool[i])
        draw.arc((x - 24, 160, x + 24, 208), 200, 330, fill=(255, 255, 255), width=7)
    draw.polygon([(0, 204), (256, 204), (230, 256), (26, 256)], fill=vary((176, 120, 62), rng))
    for x in range(10, 250, 44):
        draw.rectangle((x, 214, x + 20, 226), fill=(216, 164, 100))


def glade(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a sunlit clearing between birches with mushrooms."""
    band(draw, 0, CANVAS, vary((226, 240, 160), rng))
    for x in (12, 50, 206, 244):
        draw.rectangle((x - 12, 0, x + 12, 200), fill=(244, 244, 238))
        for y in range(14, 190, 46):
            draw.rectangle((x - 12, y, x + 4, y + 10), fill=DARK)
    draw.ellipse((-60, 176, 316, 330), fill=vary((92, 164, 70), rng))
    for x in (34, 222):
        draw.rectangle((x - 7, 212, x + 7, 238), fill=(252, 246, 230))
        draw.pieslice((x - 24, 188, x + 24, 232), 180, 360, fill=(222, 50, 46))


def game_reserve(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint yellow grassland behind a ranger's fence and a flat-topped tree."""
    band(draw, 0, 140, vary((250, 190, 120), rng))
    band(draw, 130, CANVAS, vary((226, 190, 80), rng))
    x = rng.uniform(50, 206)
    draw.rectangle((x - 8, 50, x + 8, 150), fill=(110, 72, 44))
    draw.ellipse((x - 76, 20, x + 76, 74), fill=(96, 130, 60))
    for left in range(10, 256, 58):
        draw.rectangle((left, 176, left + 14, 250), fill=TIMBER)
    for y in (190, 222):
        band(draw, y, y + 11, (186, 126, 74))


def kennel(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a wooden hut with a round door, and a bone."""
    band(draw, 0, 170, vary(SKY, rng))
    band(draw, 160, CANVAS, vary(GRASS, rng))
    draw.rectangle((40, 90, 216, 226), fill=vary((206, 134, 70), rng))
    draw.polygon([(14, 100), (128, 8), (242, 100)], fill=(200, 52, 48))
    draw.pieslice((80, 108, 176, 250), 180, 360, fill=DARK)
    draw.rectangle((80, 178, 176, 226), fill=DARK)
    draw.rectangle((196, 232, 236, 242), fill=(252, 250, 240))
    for x, y in ((196, 230), (196, 244), (236, 230), (236, 244)):
        disc(draw, x, y, 8, (252, 250, 240))


def fire_hydrant(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a red hydrant on a pavement before a brick wall."""
    band(draw, 0, 190, vary(BRICK, rng))
    for row, y in enumerate(range(4, 190, 32)):
        for left in range(-30 + 32 * (row % 2), 256, 64):
            draw.rectangle((left, y, left + 54, y + 24), fill=(210, 122, 96))
    band(draw, 186, CANVAS, vary((190, 190, 196), rng))
    x = float(rng.choice([40.0, 216.0]))
    draw.rectangle((x - 24, 120, x + 24, 236), fill=(226, 32, 36))
    draw.pieslice((x - 28, 90, x + 28, 146), 180, 360, fill=(226, 32, 36))
    draw.rectangle((x - 38, 150, x + 38, 174), fill=(250, 214, 60))
    draw.rectangle((x - 34, 226, x + 34, 244), fill=(150, 20, 26))


def pond(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint round water with lily pads and flowers."""
    band(draw, 0, CANVAS, vary((126, 190, 90), rng))
    draw.ellipse((-30, 50, 286, 290), fill=vary((80, 170, 206), rng))
    for x, y in ((40, 116), (214, 108), (60, 228), (206, 224), (128, 84)):
        draw.pieslice((x - 34, y - 17, x + 34, y + 17), 20, 340, fill=(40, 136, 80))
    for x, y in ((40, 104), (214, 98)):
        disc(draw, x, y, 12, (250, 150, 190))
        disc(draw, x, y, 5, (255, 230, 100))


def swamp(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint murky water with reeds and a dead trunk."""
    band(draw, 0, 130, vary((150, 160, 110), rng))
    band(draw, 120, CANVAS, vary((84, 96, 56), rng))
    x = float(rng.choice([60.0, 196.0]))
    draw.rectangle((x - 14, 10, x + 14, 150), fill=(74, 58, 48))
    draw.line((x, 60, x + 50, 24), fill=(74, 58, 48), width=12)
    for y in (150, 196, 238):
        draw.ellipse((20, y - 6, 236, y + 6), fill=(118, 130, 74))
    for left in (12, 34, 222, 244):
        draw.rectangle((left - 3, 90, left + 3, 230), fill=(120, 150, 60))
        draw.rounded_rectangle((left - 9, 70, left + 9, 116), 8, fill=(110, 66, 36))


def stable(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a red timber barn front with hay."""
    band(draw, 0, CANVAS, vary((168, 50, 46), rng))
    for x in range(0, 256, 40):
        draw.rectangle((x, 0, x + 7, 200), fill=(128, 32, 34))
    draw.rectangle((44, 34, 212, 214), fill=(66, 44, 36))
    for box in ((36, 26, 220, 42), (36, 26, 52, 214), (204, 26, 220, 214)):
        draw.rectangle(box, fill=(250, 246, 240))
    band(draw, 208, CANVAS, vary((206, 172, 92), rng))
    for x in (22, 236):
        draw.rounded_rectangle((x - 34, 180, x + 34, 240), 12, fill=(240, 206, 90))


def racecourse(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Paint a turf track with white rails, a grandstand and flags."""
    band(draw, 0, 120, vary(SKY, rng))
    draw.rectangle((10, 56, 246, 124), fill=(226, 226, 236))
    draw.polygon([(0, 40), (256, 40), (236, 62), (20, 62)], fill=(70, 90, 160))
    for x in range(22, 244, 22):
        disc(draw, x, 92, 7, [(226, 90, 80), (250, 210, 80), (80, 140, 200)][(x // 22) % 3])
    band(draw, 120, CANVAS, vary((70, 170, 84), rng))
    for y in (136, 236):
        band(draw, y, y + 10, (255, 255, 255))
        for x in range(12, 256, 56):
            draw.rectangle((x, y, x + 10, y + 28), fill=(255, 255, 255))
