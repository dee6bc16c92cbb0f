"""Bold flat busts of eight historical people, told apart by their strongest features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from bench.models.mini.world.bust import SIDE, Pen, arc
from bench.models.mini.world.pen import Colour, Point

# Middle tones, so that neither a black hat nor a white beard melts into them.
_BACKGROUNDS: list[Colour] = [(120, 178, 216), (146, 190, 128), (222, 196, 124)]
_BACKGROUNDS += [(214, 152, 140), (176, 150, 204), (120, 190, 182), (196, 178, 156)]

BLACK: Colour = (22, 20, 24)
WHITE: Colour = (246, 244, 238)
GOLD: Colour = (240, 186, 40)
STRAW: Colour = (250, 208, 62)
SKIN: Colour = (240, 196, 160)
PALE: Colour = (252, 226, 214)
TAN: Colour = (206, 142, 90)
PLEAT: Colour = (184, 188, 204)
INK: Colour = (44, 28, 26)


def _shoulders(pen: Pen, colour: Colour, wide: float = 104) -> None:
    half = [(128, 184), (156, 184), (96 + wide, 206), (124 + wide, 236), (128 + wide, 330)]
    pen.pair([*half, (128, 330)], colour)


def _features(pen: Pen, skin: Colour, brow: Colour, y: float = 112, mouth: bool = True) -> None:
    for side in (-1, 1):
        x = 128 + side * 19
        pen.box(x - 12, y - 19, x + 12, y - 11, brow)
        pen.oval(x, y, 7, 8, INK)
    pen.shape([(124, y + 2), (132, y + 2), (140, y + 26), (118, y + 26)], _darker(skin))
    if mouth:
        pen.oval(128, y + 40, 16, 6, (176, 70, 66))


def _darker(colour: Colour) -> Colour:
    red, green, blue = (int(c * 0.82) for c in colour)
    return red, green, blue


def _lincoln(pen: Pen) -> None:
    _shoulders(pen, BLACK)
    pen.shape([(92, 186), (164, 186), (128, 290)], WHITE)
    pen.shape([(96, 190), (128, 204), (160, 190), (160, 226), (128, 212), (96, 226)], BLACK)
    pen.head()
    pen.oval(128, 136, 54, 58, (50, 32, 24))
    pen.oval(128, 116, 38, 46, SKIN)
    pen.box(110, 146, 146, 158, SKIN)
    _features(pen, SKIN, (50, 32, 24), 112)
    pen.shape([(78, 4), (178, 4), (172, 84), (84, 84)], BLACK)
    pen.oval(128, 80, 76, 13, BLACK)
    pen.box(84, 54, 172, 68, (92, 88, 96))


def _napoleon(pen: Pen) -> None:
    _shoulders(pen, (28, 44, 112), 100)
    pen.shape([(100, 186), (156, 186), (176, 330), (80, 330)], WHITE)
    for side in (-1, 1):
        x = 128 + side * 80
        pen.oval(x, 214, 30, 15, GOLD)
        for step in (-20, 0, 20):
            pen.box(x + step - 7, 214, x + step + 7, 242, GOLD)
    pen.pair([(128, 176), (168, 172), (162, 204)], (196, 36, 44))
    pen.oval(146, 248, 24, 14, SKIN)
    pen.head()
    pen.oval(128, 112, 49, 46, (58, 36, 26))
    pen.oval(128, 122, 42, 50, SKIN)
    _features(pen, SKIN, (58, 36, 26), 120)
    crown = arc(128, 96, 116, 88, 180, 360)
    crown[0], crown[-1] = (4, 104), (252, 104)
    pen.shape(crown + arc(128, 112, 100, 22, 360, 180), BLACK)
    pen.pair([(128, 72), (216, 84), (252, 104), (216, 98), (128, 88)], GOLD)
    for radius, colour in ((24, (206, 36, 44)), (17, WHITE), (9, (36, 70, 180))):
        pen.oval(128, 44, radius, radius, colour)


def _cleopatra(pen: Pen) -> None:
    _shoulders(pen, TAN, 92)
    pen.shape([(60, 250), (196, 250), (210, 330), (46, 330)], WHITE)
    pen.head()
    pen.shape([*arc(128, 96, 72, 74, 180), (210, 206), (46, 206)], BLACK)
    for radius, colour in ((90, GOLD), (74, (24, 168, 176)), (56, GOLD), (40, (30, 74, 170))):
        pen.oval(128, 198, radius, radius * 0.62, colour)
    pen.box(106, 150, 150, 198, _darker(TAN))
    pen.oval(128, 196, 24, 14, _darker(TAN))
    pen.oval(128, 122, 42, 52, TAN)
    pen.shape([(80, 60), (176, 60), (176, 96), (80, 96)], BLACK)
    for side in (-1, 1):
        x = 128 + side * 20
        pen.shape([(x - side * 14, 120), (x, 110), (x + side * 28, 106), (x, 130)], BLACK)
        pen.oval(x, 119, 5, 5, WHITE)
    pen.shape([(125, 122), (131, 122), (139, 142), (117, 142)], _darker(TAN))
    pen.oval(128, 155, 14, 7, (178, 30, 44))
    pen.shape([(54, 74), (202, 74), (204, 92), (52, 92)], GOLD)
    pen.shape([(116, 90), (112, 44), (128, 28), (144, 44), (140, 90)], GOLD)
    pen.oval(128, 56, 8, 10, (24, 168, 176))


def _caesar(pen: Pen) -> None:
    _shoulders(pen, WHITE)
    for x in (60, 94, 176):
        pen.shape([(x, 214), (x + 10, 214), (x + 4, 330), (x - 10, 330)], (206, 202, 200))
    pen.shape([(172, 186), (220, 212), (84, 330), (20, 330)], (166, 20, 62))
    pen.box(106, 150, 150, 198, _darker(TAN))
    pen.head()
    pen.oval(128, 102, 52, 56, (110, 78, 56))
    pen.oval(128, 122, 43, 56, (226, 176, 136))
    pen.shape([(90, 76), (166, 76), (154, 92), (128, 84), (100, 92)], (110, 78, 56))
    _features(pen, (226, 176, 136), (80, 54, 40), 118)
    for angle, out in ((-4, 24), (22, 32), (46, 36), (70, 40)):
        x, y = 128 + 50 * np.cos(np.radians(angle)), 104 - 46 * np.sin(np.radians(angle))
        pen.pair(_leaf(x, y, angle + 90 - out), (24, 112, 44))
        pen.pair(_leaf(x, y, angle + 90 + out), (92, 190, 70))


def _leaf(x: float, y: float, angle: float) -> list[Point]:
    cos, sin = 42 * np.cos(np.radians(angle)), -42 * np.sin(np.radians(angle))
    lens = ((0, 0), (0.3, 0.2), (0.6, 0.2), (1, 0), (0.6, -0.2), (0.3, -0.2))
    return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in lens]


def _elizabeth(pen: Pen) -> None:
    _shoulders(pen, (112, 20, 60), 112)
    pen.shape([(104, 200), (152, 200), (136, 330), (120, 330)], GOLD)
    for x in (46, 86, 170, 210):
        pen.oval(x, 245, 10, 10, GOLD)
    pen.head()
    for angle in range(0, 360, 24):
        radians = np.radians(angle)
        pen.oval(128 + 86 * np.cos(radians), 150 + 66 * np.sin(radians), 22, 20, WHITE)
    pen.oval(128, 150, 90, 70, WHITE)
    for angle in range(12, 360, 24):
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        root, tip = (128 - 4 * sin, 150 + 4 * cos), (128 + 96 * cos, 150 + 76 * sin)
        pen.shape([root, (128 + 4 * sin, 150 - 4 * cos), tip], PLEAT)
    pen.pair(arc(152, 78, 40, 46), (204, 62, 22))
    pen.oval(128, 104, 56, 48, (204, 62, 22))
    pen.oval(128, 124, 38, 52, PALE)
    _features(pen, PALE, (190, 90, 50), 118)
    pen.shape([(88, 52), (80, 8), (106, 28), (128, 2), (150, 28), (176, 8), (168, 52)], GOLD)
    pen.oval(128, 36, 9, 9, (206, 24, 60))


def _gogh(pen: Pen) -> None:
    blue, orange = (36, 92, 176), (222, 104, 24)
    _shoulders(pen, blue)
    pen.shape([(104, 186), (152, 186), (128, 240)], (224, 228, 214))
    pen.pair([(150, 180), (184, 196), (140, 262)], (86, 148, 216))
    pen.head()
    pen.oval(128, 138, 54, 62, orange)
    pen.oval(128, 112, 40, 44, SKIN)
    _features(pen, SKIN, (176, 72, 18), 108, mouth=False)
    pen.shape([(128, 134), (168, 146), (160, 166), (128, 152), (96, 166), (88, 146)], (184, 76, 16))
    pen.oval(128, 162, 13, 6, (150, 50, 44))
    pen.shape(arc(128, 84, 56, 66, 180, 360), STRAW)
    pen.oval(128, 78, 104, 20, STRAW)
    pen.shape([(73, 58), (183, 58), (185, 74), (71, 74)], (176, 116, 30))


def _joan(pen: Pen) -> None:
    silver, steel, brown = (214, 222, 232), (112, 122, 142), (122, 70, 34)
    pen.aside(-28)
    pen.box(202, 4, 214, 330, (120, 76, 40))
    pen.shape([(208, 10), (288, 10), (266, 58), (288, 106), (208, 106)], WHITE)
    pen.oval(238, 56, 9, 36, GOLD)
    pen.oval(222, 56, 9, 26, GOLD, -35)
    pen.oval(254, 56, 9, 26, GOLD, 35)
    pen.box(216, 66, 260, 76, (40, 70, 180))
    _shoulders(pen, silver)
    pen.pair(arc(204, 226, 42, 34), steel)
    pen.pair(arc(206, 222, 36, 26), silver)
    pen.head()
    pen.shape([*arc(128, 98, 60, 62, 180), (192, 168), (64, 168)], brown)
    pen.shape([(88, 166), (168, 166), (180, 204), (76, 204)], steel)
    pen.shape([(90, 160), (166, 160), (172, 190), (84, 190)], silver)
    pen.oval(128, 120, 40, 52, SKIN)
    pen.shape([(84, 68), (172, 68), (170, 94), (86, 94)], brown)
    _features(pen, SKIN, brown, 118)


def _darwin(pen: Pen) -> None:
    coat, snow = (112, 72, 42), (244, 242, 236)
    _shoulders(pen, coat, 108)
    pen.pair([(158, 186), (194, 198), (158, 330)], (76, 46, 26))
    pen.head()
    pen.pair(arc(176, 112, 16, 34), snow)
    pen.oval(128, 92, 48, 68, SKIN)
    pen.pair([*arc(128, 132, 58, 30, 40, 0), (160, 142), (128, 136), (128, 156)], snow)
    pen.shape(
        [(72, 148), (184, 148), (184, 186), (162, 232), (128, 254), (94, 232), (72, 186)], snow
    )
    for side in (-1, 1):
        x = 128 + side * 21
        pen.oval(x, 94, 18, 8, snow, side * 12)
        pen.oval(x, 110, 7, 8, INK)
    pen.shape([(122, 108), (134, 108), (142, 138), (114, 138)], _darker(SKIN))
    pen.shape([(128, 142), (164, 158), (128, 152), (92, 158)], (190, 190, 190))
    pen.oval(128, 164, 13, 6, (150, 70, 66))


PEOPLE: tuple[str, ...] = ("Abraham Lincoln", "Napoleon Bonaparte", "Cleopatra", "Julius Caesar")
PEOPLE += ("Elizabeth Tudor", "Vincent van Gogh", "Joan of Arc", "Charles Darwin")
_HANDS = (_lincoln, _napoleon, _cleopatra, _caesar, _elizabeth, _gogh, _joan, _darwin)
_DRAW: dict[str, Callable[[Pen], None]] = dict(zip(PEOPLE, _HANDS, strict=True))


def draw_person(
    name: str, rng: np.random.Generator, background: Colour | Image.Image | None = None
) -> Image.Image:
    """Draws the bust of one of `PEOPLE`, its pose and shades taken from `rng`.

    Args:
        name: one of `PEOPLE`.
        rng: the only source of chance.
        background: a colour, an image (resized to 256 px), or None for a drawn-by-lot flat colour.

    Returns:
        An RGB image of 256 by 256 px.

    Raises:
        KeyError: `name` is not one of `PEOPLE`.
    """
    if isinstance(background, Image.Image):
        image = background.convert("RGB").resize((SIDE, SIDE))
    else:
        lot = rng.choice(_BACKGROUNDS)
        red, green, blue = np.clip(lot + rng.integers(-14, 15, 3), 0, 255).tolist()
        image = Image.new("RGB", (SIDE, SIDE), background or (red, green, blue))
    _DRAW[name](Pen(image, rng))
    return image
