"""Airplanes, automobiles, ships and trucks: several shapes of each.

Args:
    pen: Draws in unit coordinates, -1 to 1, right and down.
    body: The vehicle's colour.
    x: Centre of a wheel, in unit coordinates.
    y: Centre of a wheel, in unit coordinates.
    r: Radius of a wheel, in unit coordinates.
"""

from __future__ import annotations

from bench.models.mini.world.pen import Colour, Pen, shade

GLASS: Colour = (178, 226, 250)
TYRE: Colour = (34, 34, 40)
HUB: Colour = (206, 206, 212)
STEEL: Colour = (150, 156, 168)
WOOD: Colour = (146, 88, 44)


def wheel(pen: Pen, x: float, y: float, r: float) -> None:
    """Draw a wheel."""
    pen.oval(x, y, r, r, TYRE)
    pen.oval(x, y, r * 0.45, r * 0.45, HUB)


def airliner(pen: Pen, body: Colour) -> None:
    """Draw an airliner from the side."""
    dark = shade(body, 0.62)
    pen.poly([(-0.95, -0.62), (-0.68, -0.62), (-0.4, -0.1), (-0.85, -0.1)], dark)
    pen.poly([(-0.95, -0.1), (-0.6, -0.24), (0.62, -0.24), (0.9, -0.06), (0.98, 0.06),
              (0.85, 0.2), (-0.5, 0.2)], body)
    pen.poly([(0.62, -0.2), (0.8, -0.1), (0.62, -0.04)], GLASS)
    for x in (-0.42, -0.14, 0.14, 0.4):
        pen.oval(x, -0.08, 0.075, 0.075, GLASS)
    pen.poly([(0.2, 0.06), (-0.12, 0.06), (-0.52, 0.62), (-0.26, 0.62)], dark)


def top_view_plane(pen: Pen, body: Colour) -> None:
    """Draw an airplane seen from above, nose up."""
    dark = shade(body, 0.66)
    pen.poly([(-0.12, -0.22), (-0.98, 0.3), (-0.98, 0.5), (-0.1, 0.26), (0.1, 0.26),
              (0.98, 0.5), (0.98, 0.3), (0.12, -0.22)], dark)
    pen.poly([(-0.1, 0.6), (-0.46, 0.84), (-0.46, 0.98), (0.46, 0.98), (0.46, 0.84),
              (0.1, 0.6)], dark)
    pen.oval(0, 0, 0.17, 0.97, body)
    pen.oval(0, -0.66, 0.1, 0.12, GLASS)


def propeller_plane(pen: Pen, body: Colour) -> None:
    """Draw a biplane with a propeller from the side."""
    dark = shade(body, 0.6)
    pen.poly([(-0.98, -0.42), (-0.74, -0.42), (-0.6, 0.0), (-0.9, 0.0)], dark)
    pen.poly([(-0.95, -0.05), (0.5, -0.26), (0.72, -0.16), (0.72, 0.22), (0.4, 0.32),
              (-0.5, 0.16)], body)
    pen.stroke([(0.0, -0.5), (0.06, 0.2)], 0.07, STEEL)
    pen.stroke([(0.42, -0.5), (0.42, 0.2)], 0.07, STEEL)
    pen.box(-0.2, -0.62, 0.62, -0.44, dark)
    pen.box(-0.2, 0.14, 0.62, 0.32, dark)
    pen.oval(0.86, 0.02, 0.08, 0.5, shade(STEEL, 1.5))
    pen.oval(0.8, 0.02, 0.1, 0.12, TYRE)
    wheel(pen, 0.3, 0.58, 0.17)


def jet_fighter(pen: Pen, body: Colour) -> None:
    """Draw a delta-winged jet, nose to the upper right, with its flame."""
    dark = shade(body, 0.6)
    pen.poly([(-0.98, 0.78), (-0.7, 0.36), (-0.44, 0.62)], (255, 170, 40))
    pen.poly([(0.3, -0.3), (-0.72, -0.34), (-0.86, -0.14), (-0.3, 0.3)], dark)
    pen.poly([(0.3, -0.3), (0.34, 0.72), (0.14, 0.86), (-0.3, 0.3)], dark)
    pen.poly([(0.96, -0.96), (0.42, -0.66), (-0.66, 0.38), (-0.4, 0.64), (0.66, -0.42)], body)
    pen.oval(0.5, -0.5, 0.2, 0.09, GLASS, angle=-45)


def sedan(pen: Pen, body: Colour) -> None:
    """Draw a saloon car from the side."""
    pen.poly([(-0.62, -0.06), (-0.4, -0.5), (0.3, -0.5), (0.62, -0.06)], shade(body, 0.72))
    pen.poly([(-0.48, -0.06), (-0.32, -0.4), (-0.06, -0.4), (-0.06, -0.06)], GLASS)
    pen.poly([(0.06, -0.06), (0.06, -0.4), (0.26, -0.4), (0.46, -0.06)], GLASS)
    pen.poly([(-0.96, 0.0), (-0.62, -0.08), (0.66, -0.08), (0.96, 0.06), (0.98, 0.36),
              (-0.98, 0.36)], body)
    pen.oval(0.9, 0.14, 0.07, 0.07, (255, 240, 150))
    wheel(pen, -0.54, 0.36, 0.22)
    wheel(pen, 0.54, 0.36, 0.22)


def beetle(pen: Pen, body: Colour) -> None:
    """Draw a small round car from the side."""
    pen.oval(0, 0.05, 0.66, 0.6, body)
    pen.oval(-0.56, 0.26, 0.4, 0.28, body)
    pen.oval(0.56, 0.26, 0.4, 0.28, body)
    pen.poly([(-0.42, -0.04), (-0.3, -0.38), (-0.05, -0.42), (-0.05, -0.04)], GLASS)
    pen.poly([(0.07, -0.04), (0.07, -0.42), (0.3, -0.38), (0.42, -0.04)], GLASS)
    pen.box(-0.5, 0.1, 0.5, 0.2, shade(body, 0.65))
    wheel(pen, -0.54, 0.42, 0.25)
    wheel(pen, 0.54, 0.42, 0.25)


def front_view_car(pen: Pen, body: Colour) -> None:
    """Draw a car from the front."""
    pen.box(-0.74, 0.4, -0.44, 0.78, TYRE)
    pen.box(0.44, 0.4, 0.74, 0.78, TYRE)
    pen.poly([(-0.56, -0.1), (-0.4, -0.62), (0.4, -0.62), (0.56, -0.1)], shade(body, 0.7))
    pen.poly([(-0.44, -0.12), (-0.32, -0.5), (0.32, -0.5), (0.44, -0.12)], GLASS)
    pen.poly([(-0.8, 0.04), (-0.6, -0.14), (0.6, -0.14), (0.8, 0.04), (0.8, 0.56),
              (-0.8, 0.56)], body)
    pen.box(-0.34, 0.16, 0.34, 0.4, TYRE)
    for x in (-0.58, 0.58):
        pen.oval(x, 0.18, 0.15, 0.15, (255, 240, 150))


def vintage_car(pen: Pen, body: Colour) -> None:
    """Draw a tall old motor car with spoked wheels and open top."""
    dark = shade(body, 0.6)
    pen.poly([(-0.8, -0.72), (0.22, -0.72), (0.16, -0.56), (-0.74, -0.56)], dark)
    pen.stroke([(0.14, -0.6), (0.26, -0.1)], 0.08, dark)
    pen.stroke([(-0.66, -0.6), (-0.7, -0.1)], 0.08, dark)
    pen.poly([(-0.82, -0.16), (0.3, -0.16), (0.34, -0.02), (0.9, -0.02), (0.9, 0.36),
              (-0.82, 0.36)], body)
    pen.oval(0.94, 0.02, 0.11, 0.13, (255, 230, 120))
    for x in (-0.52, 0.6):
        pen.oval(x, 0.44, 0.32, 0.32, TYRE)
        pen.oval(x, 0.44, 0.2, 0.2, (250, 232, 180))
        pen.oval(x, 0.44, 0.08, 0.08, TYRE)


def liner(pen: Pen, body: Colour) -> None:
    """Draw a passenger ship with two funnels."""
    pen.box(-0.36, -0.72, -0.14, -0.2, shade(body, 0.7))
    pen.box(0.1, -0.72, 0.32, -0.2, shade(body, 0.7))
    pen.box(-0.36, -0.72, -0.14, -0.58, TYRE)
    pen.box(0.1, -0.72, 0.32, -0.58, TYRE)
    pen.box(-0.64, -0.28, 0.6, 0.12, (250, 250, 250))
    for x in (-0.46, -0.18, 0.1, 0.38):
        pen.oval(x, -0.08, 0.08, 0.08, (60, 90, 150))
    pen.poly([(-0.96, 0.1), (0.98, 0.06), (0.72, 0.62), (-0.74, 0.62)], body)


def sailboat(pen: Pen, body: Colour) -> None:
    """Draw a boat with two sails."""
    pen.box(-0.06, -0.96, 0.04, 0.36, WOOD)
    pen.poly([(0.1, -0.88), (0.1, 0.22), (0.82, 0.22)], (250, 248, 238))
    pen.poly([(-0.12, -0.7), (-0.12, 0.22), (-0.68, 0.22)], shade(body, 1.5))
    pen.poly([(-0.9, 0.34), (0.94, 0.34), (0.6, 0.8), (-0.58, 0.8)], body)


def cargo_ship(pen: Pen, body: Colour) -> None:
    """Draw a container ship."""
    pen.box(-0.84, -0.62, -0.46, 0.18, (250, 250, 250))
    pen.box(-0.78, -0.52, -0.52, -0.36, (60, 90, 150))
    for i, colour in enumerate([(230, 80, 60), (250, 200, 60), (70, 150, 90), (80, 120, 210),
                                (240, 140, 50), (150, 90, 180)]):
        x, y = -0.36 + 0.38 * (i % 3), -0.12 if i < 3 else -0.4
        pen.box(x, y, x + 0.33, y + 0.26, colour)
    pen.poly([(-0.98, 0.16), (0.98, 0.16), (0.8, 0.64), (-0.86, 0.64)], body)


def speedboat(pen: Pen, body: Colour) -> None:
    """Draw a motor boat at speed with its wake."""
    pen.poly([(-0.98, 0.36), (-0.6, 0.14), (-0.56, 0.56), (-0.98, 0.62)], (250, 252, 255))
    pen.poly([(-0.1, -0.1), (0.02, -0.46), (0.2, -0.46), (0.36, -0.1)], GLASS)
    pen.box(-0.62, -0.24, -0.16, 0.0, shade(body, 0.6))
    pen.poly([(-0.78, -0.1), (0.98, -0.28), (0.56, 0.46), (-0.7, 0.46)], body)
    pen.poly([(-0.74, 0.08), (0.82, -0.06), (0.74, 0.1), (-0.72, 0.22)], (250, 250, 250))


def box_truck(pen: Pen, body: Colour) -> None:
    """Draw a truck with a closed box behind its cab."""
    pen.box(-0.96, -0.66, 0.34, 0.42, shade(body, 1.55))
    pen.box(-0.96, 0.02, 0.34, 0.2, body)
    pen.poly([(0.4, -0.28), (0.74, -0.28), (0.96, 0.06), (0.96, 0.42), (0.4, 0.42)], body)
    pen.poly([(0.5, -0.18), (0.7, -0.18), (0.86, 0.06), (0.5, 0.06)], GLASS)
    for x in (-0.62, -0.12, 0.66):
        wheel(pen, x, 0.5, 0.22)


def flatbed(pen: Pen, body: Colour) -> None:
    """Draw a lorry carrying logs."""
    for x, y in ((-0.72, 0.02), (-0.38, 0.02), (-0.04, 0.02), (-0.55, -0.28), (-0.21, -0.28),
                 (-0.38, -0.56)):
        pen.oval(x, y, 0.19, 0.18, WOOD)
        pen.oval(x, y, 0.1, 0.1, (232, 190, 130))
    pen.box(-0.96, 0.2, 0.96, 0.38, TYRE)
    pen.poly([(0.26, -0.56), (0.92, -0.56), (0.96, 0.34), (0.26, 0.34)], body)
    pen.box(0.46, -0.44, 0.86, -0.08, GLASS)
    for x in (-0.64, -0.16, 0.6):
        wheel(pen, x, 0.48, 0.22)


def front_view_rig(pen: Pen, body: Colour) -> None:
    """Draw a big rig from the front, with exhaust stacks."""
    pen.box(-0.78, -0.96, -0.62, 0.2, STEEL)
    pen.box(0.62, -0.96, 0.78, 0.2, STEEL)
    pen.box(-0.74, 0.56, -0.42, 0.96, TYRE)
    pen.box(0.42, 0.56, 0.74, 0.96, TYRE)
    pen.poly([(-0.54, -0.84), (0.54, -0.84), (0.6, -0.1), (-0.6, -0.1)], body)
    pen.box(-0.44, -0.66, 0.44, -0.24, GLASS)
    pen.box(-0.8, -0.1, 0.8, 0.7, shade(body, 0.8))
    pen.box(-0.32, -0.02, 0.32, 0.6, (226, 228, 234))
    for x in (-0.18, 0.0, 0.18):
        pen.box(x - 0.04, 0.04, x + 0.04, 0.54, TYRE)
    for x in (-0.58, 0.58):
        pen.oval(x, 0.34, 0.15, 0.15, (255, 240, 150))


def dump_truck(pen: Pen, body: Colour) -> None:
    """Draw a dump truck with its load of earth."""
    pen.poly([(-0.84, -0.3), (-0.4, -0.72), (0.06, -0.3)], (124, 84, 50))
    pen.poly([(-0.98, -0.34), (0.28, -0.34), (0.16, 0.28), (-0.78, 0.28)], body)
    pen.poly([(0.3, -0.6), (0.8, -0.6), (0.94, -0.1), (0.94, 0.4), (0.3, 0.4)], shade(body, 0.75))
    pen.poly([(0.44, -0.46), (0.72, -0.46), (0.82, -0.12), (0.44, -0.12)], GLASS)
    pen.box(-0.86, 0.26, 0.94, 0.42, TYRE)
    for x in (-0.48, 0.6):
        wheel(pen, x, 0.48, 0.3)
