"""Deer and horses: several shapes of each.

Args:
    pen: Draws in unit coordinates, -1 to 1, right and down.
    body: The animal's colour.
    x: Where a part is, in unit coordinates.
    y: Where a part is, in unit coordinates.
    size: Of a part, in unit coordinates.
    legs: Where the legs stand, in unit coordinates.
"""

from __future__ import annotations

from bench.models.mini.world.animals import DARK, PINK, WHITE, eye
from bench.models.mini.world.pen import Colour, Pen, shade

ANTLER: Colour = (232, 208, 160)


def antlers(pen: Pen, x: float, y: float, size: float) -> None:
    """Draw a pair of branching antlers growing upwards from a point."""
    for s in (-1, 1):
        pen.stroke([(x, y), (x + s * 0.5 * size, y - 0.4 * size), (x + s * 0.6 * size, y - size)],
                   0.22 * size, ANTLER)
        pen.stroke([(x + s * 0.5 * size, y - 0.4 * size), (x + s * 0.98 * size, y - 0.62 * size)],
                   0.2 * size, ANTLER)


def deer_body(pen: Pen, body: Colour, legs: tuple[float, ...] = (-0.56, -0.34, 0.12, 0.32)) -> None:
    """Draw a slender body with a white rump, long legs and a raised neck."""
    dark = shade(body, 0.6)
    for i, x in enumerate(legs):
        pen.stroke([(x, 0.2), (x, 0.92)], 0.11, body if i % 2 else dark)
    pen.oval(-0.12, 0.18, 0.54, 0.24, body)
    pen.oval(-0.62, 0.1, 0.13, 0.15, WHITE)
    pen.poly([(0.12, 0.14), (0.42, 0.22), (0.66, -0.3), (0.4, -0.36)], body)


def deer_head(pen: Pen, body: Colour, x: float, y: float) -> None:
    """Draw a narrow head with pointed ears, from the side."""
    pen.oval(x - 0.18, y - 0.16, 0.15, 0.07, shade(body, 0.7), angle=-150)
    pen.poly([(x - 0.2, y - 0.14), (x + 0.06, y - 0.18), (x + 0.42, y + 0.08), (x + 0.38, y + 0.18),
              (x - 0.16, y + 0.18)], body)
    pen.oval(x + 0.38, y + 0.12, 0.07, 0.07, DARK)
    eye(pen, x + 0.04, y - 0.04, 0.08)


def standing_deer(pen: Pen, body: Colour) -> None:
    """Draw a deer standing, with antlers."""
    antlers(pen, 0.44, -0.46, 0.46)
    deer_body(pen, body)
    deer_head(pen, body, 0.52, -0.36)


def stag_head(pen: Pen, body: Colour) -> None:
    """Draw a hart's head from the front beneath wide antlers."""
    antlers(pen, 0.0, -0.12, 0.82)
    for s in (-1, 1):
        pen.oval(s * 0.5, 0.04, 0.24, 0.11, shade(body, 0.66), angle=s * 16)
    pen.poly([(-0.34, -0.12), (0.34, -0.12), (0.3, 0.34), (0.17, 0.86), (-0.17, 0.86),
              (-0.3, 0.34)], body)
    pen.oval(0, 0.8, 0.19, 0.15, DARK)
    for s in (-1, 1):
        eye(pen, s * 0.2, 0.16, 0.1)


def leaping_stag(pen: Pen, body: Colour) -> None:
    """Draw a stag in mid-leap."""
    dark = shade(body, 0.6)
    antlers(pen, 0.5, -0.54, 0.42)
    pen.stroke([(-0.42, 0.2), (-0.7, 0.46), (-0.96, 0.74)], 0.12, dark)
    pen.stroke([(-0.3, 0.2), (-0.46, 0.6), (-0.66, 0.9)], 0.12, body)
    pen.stroke([(0.24, 0.1), (0.66, 0.2), (0.66, 0.5)], 0.12, dark)
    pen.stroke([(0.16, 0.16), (0.46, 0.4), (0.4, 0.7)], 0.12, body)
    pen.oval(-0.1, 0.08, 0.54, 0.23, body, angle=-16)
    pen.oval(-0.58, 0.16, 0.12, 0.14, WHITE)
    pen.poly([(0.14, 0.02), (0.42, 0.06), (0.7, -0.4), (0.44, -0.44)], body)
    deer_head(pen, body, 0.56, -0.44)


def doe(pen: Pen, body: Colour) -> None:
    """Draw a doe without antlers, with a spotted flank."""
    deer_body(pen, body)
    for x, y in ((-0.42, 0.1), (-0.18, 0.04), (-0.28, 0.26), (-0.02, 0.2), (0.16, 0.08)):
        pen.oval(x, y, 0.075, 0.075, WHITE)
    pen.oval(0.26, -0.58, 0.2, 0.1, body, angle=30)
    pen.oval(0.26, -0.58, 0.12, 0.05, PINK, angle=30)
    deer_head(pen, body, 0.54, -0.38)


def horse_head(pen: Pen, body: Colour, x: float, y: float, size: float) -> None:
    """Draw a long head with a nostril and an upright ear, from the side."""
    pen.poly([(x - 0.3 * size, y - 0.2 * size), (x - 0.2 * size, y - 0.7 * size),
              (x, y - 0.3 * size)], body)
    pen.poly([(x - 0.34 * size, y - 0.26 * size), (x + 0.14 * size, y - 0.34 * size),
              (x + size, y + 0.36 * size), (x + 0.86 * size, y + 0.7 * size),
              (x + 0.5 * size, y + 0.62 * size), (x - 0.2 * size, y + 0.4 * size)], body)
    pen.oval(x + 0.84 * size, y + 0.5 * size, 0.1 * size, 0.1 * size, DARK)
    eye(pen, x + 0.14 * size, y, 0.15 * size)


def standing_horse(pen: Pen, body: Colour) -> None:
    """Draw a horse standing, with mane and long tail."""
    hair = shade(body, 0.4)
    pen.stroke([(-0.64, -0.04), (-0.88, 0.14), (-0.86, 0.62)], 0.2, hair)
    for i, x in enumerate((-0.54, -0.34, 0.14, 0.34)):
        pen.stroke([(x, 0.2), (x, 0.86)], 0.16, shade(body, 0.7) if i % 2 else body)
    pen.oval(-0.1, 0.1, 0.6, 0.32, body)
    pen.poly([(0.08, 0.06), (0.5, 0.2), (0.68, -0.4), (0.34, -0.6)], body)
    pen.poly([(0.0, 0.0), (0.16, 0.02), (0.5, -0.62), (0.36, -0.78), (0.18, -0.5)], hair)
    horse_head(pen, body, 0.54, -0.48, 0.42)


def horse_portrait(pen: Pen, body: Colour) -> None:
    """Draw an equine head and neck in profile."""
    hair = shade(body, 0.4)
    pen.poly([(-0.7, 0.94), (-0.5, 0.0), (-0.1, -0.5), (0.3, -0.1), (0.3, 0.94)], body)
    pen.poly([(-0.86, 0.94), (-0.8, 0.1), (-0.36, -0.74), (-0.06, -0.7), (-0.36, 0.0),
              (-0.52, 0.94)], hair)
    horse_head(pen, body, 0.06, -0.36, 0.84)


def rearing_horse(pen: Pen, body: Colour) -> None:
    """Draw a steed rearing up."""
    hair = shade(body, 0.4)
    pen.stroke([(-0.56, 0.36), (-0.86, 0.4), (-0.92, 0.84)], 0.19, hair)
    pen.stroke([(-0.4, 0.3), (-0.3, 0.62), (-0.44, 0.92)], 0.17, body)
    pen.stroke([(-0.3, 0.3), (-0.06, 0.6), (-0.14, 0.92)], 0.17, shade(body, 0.7))
    pen.stroke([(0.24, -0.14), (0.66, 0.0), (0.6, 0.28)], 0.15, shade(body, 0.7))
    pen.stroke([(0.24, -0.2), (0.76, -0.2), (0.86, 0.08)], 0.15, body)
    pen.oval(-0.12, 0.12, 0.58, 0.3, body, angle=-48)
    pen.poly([(0.0, -0.1), (0.34, -0.1), (0.46, -0.6), (0.16, -0.74)], body)
    pen.poly([(-0.18, -0.14), (0.0, -0.12), (0.3, -0.8), (0.1, -0.9), (-0.06, -0.6)], hair)
    horse_head(pen, body, 0.32, -0.64, 0.4)


def saddled_horse(pen: Pen, body: Colour) -> None:
    """Draw a mount with saddle and saddlecloth."""
    standing_horse(pen, body)
    pen.box(-0.36, -0.24, 0.08, 0.26, (206, 40, 60))
    pen.poly([(-0.36, -0.36), (-0.2, -0.24), (-0.02, -0.24), (0.1, -0.4), (0.08, -0.08),
              (-0.34, -0.08)], (110, 62, 30))
