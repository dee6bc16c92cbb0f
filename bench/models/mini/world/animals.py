"""Birds, frogs, cats and dogs: several shapes of each.

Args:
    pen: Draws in unit coordinates, -1 to 1, right and down.
    body: The animal's colour.
    x: Centre of a part, in unit coordinates.
    y: Centre of a part, in unit coordinates.
    r: Radius of a part, in unit coordinates.
"""

from __future__ import annotations

from bench.models.mini.world.pen import Colour, Pen, shade

DARK: Colour = (26, 24, 34)
WHITE: Colour = (252, 252, 252)
BEAK: Colour = (250, 168, 36)
PINK: Colour = (244, 140, 150)


def eye(pen: Pen, x: float, y: float, r: float) -> None:
    """Draw an eye that shows on light and dark bodies."""
    pen.oval(x, y, r, r, WHITE)
    pen.oval(x, y, r * 0.55, r * 0.55, DARK)


def songbird(pen: Pen, body: Colour) -> None:
    """Draw a perched bird from the side."""
    pen.stroke([(-0.04, 0.5), (-0.04, 0.86)], 0.09, BEAK)
    pen.stroke([(0.2, 0.5), (0.2, 0.86)], 0.09, BEAK)
    pen.poly([(-0.4, 0.1), (-0.98, 0.34), (-0.94, 0.58), (-0.3, 0.5)], shade(body, 0.6))
    pen.oval(0.02, 0.16, 0.54, 0.46, body)
    pen.oval(0.4, -0.38, 0.34, 0.33, body)
    pen.poly([(0.68, -0.48), (0.99, -0.32), (0.68, -0.22)], BEAK)
    pen.oval(0.16, 0.3, 0.3, 0.24, shade(body, 1.5))
    pen.oval(-0.12, 0.12, 0.36, 0.22, shade(body, 0.6), angle=18)
    eye(pen, 0.48, -0.44, 0.11)


def flying_bird(pen: Pen, body: Colour) -> None:
    """Draw a bird in flight with both wings raised."""
    pen.poly([(0.2, 0.1), (0.5, -0.94), (-0.3, -0.5), (-0.34, 0.1)], shade(body, 0.62))
    pen.poly([(-0.46, 0.2), (-0.98, 0.1), (-0.9, 0.42), (-0.4, 0.42)], shade(body, 0.62))
    pen.oval(0.04, 0.26, 0.56, 0.25, body, angle=-8)
    pen.oval(0.6, 0.06, 0.23, 0.22, body)
    pen.poly([(0.78, -0.02), (0.99, 0.12), (0.76, 0.18)], BEAK)
    pen.poly([(0.1, 0.24), (-0.12, -0.8), (-0.72, -0.44), (-0.36, 0.24)], shade(body, 0.85))
    eye(pen, 0.64, 0.0, 0.09)


def hen(pen: Pen, body: Colour) -> None:
    """Draw a farmyard fowl with comb and wattle."""
    pen.stroke([(-0.12, 0.6), (-0.12, 0.92)], 0.1, BEAK)
    pen.stroke([(0.2, 0.6), (0.2, 0.92)], 0.1, BEAK)
    pen.poly([(-0.4, 0.0), (-0.98, -0.56), (-0.7, -0.6), (-0.52, -0.42), (-0.3, -0.2)],
             shade(body, 0.6))
    pen.poly([(-0.86, -0.1), (-0.3, 0.0), (0.22, -0.5), (0.64, -0.3), (0.6, 0.4), (0.2, 0.68),
              (-0.4, 0.68), (-0.76, 0.36)], body)
    pen.oval(0.44, -0.46, 0.26, 0.27, body)
    for x in (0.28, 0.44, 0.6):
        pen.oval(x, -0.78, 0.11, 0.15, (220, 40, 40))
    pen.poly([(0.66, -0.56), (0.96, -0.42), (0.66, -0.32)], BEAK)
    pen.oval(0.62, -0.16, 0.09, 0.15, (220, 40, 40))
    pen.oval(-0.2, 0.24, 0.34, 0.22, shade(body, 0.62))
    eye(pen, 0.48, -0.5, 0.1)


def eagle(pen: Pen, body: Colour) -> None:
    """Draw a winged creature from the front with its wings spread wide."""
    dark = shade(body, 0.66)
    for s in (-1, 1):
        pen.poly([(s * 0.1, -0.2), (s * 0.6, -0.66), (s * 0.99, -0.62), (s * 0.96, -0.2),
                  (s * 0.84, 0.2), (s * 0.62, 0.1), (s * 0.5, 0.42), (s * 0.1, 0.3)], dark)
    pen.poly([(-0.2, 0.5), (0.2, 0.5), (0.34, 0.96), (-0.34, 0.96)], dark)
    pen.oval(0, 0.18, 0.27, 0.5, body)
    pen.oval(0, -0.46, 0.27, 0.27, WHITE)
    pen.poly([(-0.11, -0.44), (0.11, -0.44), (0, -0.16)], BEAK)
    eye(pen, -0.12, -0.52, 0.08)
    eye(pen, 0.12, -0.52, 0.08)


def sitting_frog(pen: Pen, body: Colour) -> None:
    """Draw a frog from the front with its eyes on top."""
    dark = shade(body, 0.64)
    pen.oval(-0.68, 0.44, 0.3, 0.34, dark)
    pen.oval(0.68, 0.44, 0.3, 0.34, dark)
    pen.oval(0, 0.3, 0.62, 0.52, body)
    pen.oval(0, -0.12, 0.68, 0.42, body)
    pen.oval(0, 0.48, 0.36, 0.3, shade(body, 1.6))
    for s in (-1, 1):
        pen.oval(s * 0.4, -0.52, 0.26, 0.26, body)
        pen.oval(s * 0.4, -0.54, 0.18, 0.18, WHITE)
        pen.oval(s * 0.4, -0.54, 0.09, 0.12, DARK)
        pen.oval(s * 0.44, 0.8, 0.3, 0.12, body)
    pen.stroke([(-0.42, 0.0), (0, 0.12), (0.42, 0.0)], 0.09, DARK)


def crouching_frog(pen: Pen, body: Colour) -> None:
    """Draw an amphibian crouching, from the side."""
    dark = shade(body, 0.62)
    pen.poly([(-0.86, 0.5), (-0.5, -0.06), (0.3, -0.5), (0.86, -0.3), (0.94, 0.0), (0.56, 0.3),
              (0.2, 0.56)], body)
    pen.oval(0.42, -0.46, 0.24, 0.24, body)
    pen.oval(-0.38, 0.3, 0.44, 0.27, dark, angle=-26)
    pen.stroke([(-0.66, 0.52), (-0.1, 0.66), (-0.62, 0.72)], 0.15, dark)
    pen.stroke([(0.4, 0.3), (0.46, 0.68), (0.72, 0.72)], 0.15, dark)
    eye(pen, 0.46, -0.5, 0.16)
    pen.stroke([(0.56, -0.02), (0.9, -0.06)], 0.08, DARK)


def splayed_frog(pen: Pen, body: Colour) -> None:
    """Draw a frog from above with its legs spread."""
    dark = shade(body, 0.66)
    for s in (-1, 1):
        pen.stroke([(s * 0.2, -0.3), (s * 0.62, -0.46), (s * 0.72, -0.84)], 0.17, dark)
        pen.stroke([(s * 0.2, 0.44), (s * 0.74, 0.2), (s * 0.46, 0.7), (s * 0.84, 0.9)], 0.19, dark)
    pen.oval(0, 0.08, 0.42, 0.62, body)
    pen.oval(0, -0.5, 0.38, 0.3, body)
    pen.oval(0, 0.1, 0.13, 0.42, shade(body, 1.6))
    for s in (-1, 1):
        eye(pen, s * 0.28, -0.64, 0.16)


def tadpole(pen: Pen, body: Colour) -> None:
    """Draw a tadpole: a round head and a waving tail."""
    dark = shade(body, 0.66)
    pen.poly([(-0.1, -0.2), (-0.5, -0.34), (-0.98, 0.16), (-0.7, 0.1), (-0.5, 0.28), (-0.1, 0.34)],
             dark)
    pen.stroke([(0.0, 0.5), (-0.16, 0.78)], 0.15, dark)
    pen.oval(0.3, 0.06, 0.56, 0.5, body)
    pen.oval(0.36, 0.34, 0.34, 0.18, shade(body, 1.6))
    eye(pen, 0.52, -0.1, 0.18)


def sitting_cat(pen: Pen, body: Colour) -> None:
    """Draw a sitting cat from the front with its tail curled up."""
    dark = shade(body, 0.66)
    pen.stroke([(0.34, 0.76), (0.8, 0.7), (0.84, 0.2), (0.66, 0.06)], 0.17, dark)
    pen.oval(0, 0.48, 0.46, 0.48, body)
    cat_head(pen, body, 0.0, -0.3, 0.52)
    pen.oval(-0.2, 0.88, 0.17, 0.11, shade(body, 1.5))
    pen.oval(0.2, 0.88, 0.17, 0.11, shade(body, 1.5))


def cat_head(pen: Pen, body: Colour, x: float, y: float, r: float) -> None:
    """Draw a cat's face with pointed ears."""
    for s in (-1, 1):
        pen.poly([(x + s * r * 0.98, y - r * 1.22), (x + s * r * 0.96, y - 0.1 * r),
                  (x + s * r * 0.18, y - r * 0.76)], body)
        pen.poly([(x + s * r * 0.84, y - r * 0.92), (x + s * r * 0.8, y - 0.4 * r),
                  (x + s * r * 0.46, y - r * 0.66)], PINK)
    pen.oval(x, y, r, r * 0.84, body)
    for s in (-1, 1):
        pen.oval(x + s * r * 0.42, y - r * 0.1, r * 0.23, r * 0.26, (196, 236, 90))
        pen.oval(x + s * r * 0.42, y - r * 0.1, r * 0.09, r * 0.24, DARK)
    pen.oval(x, y + r * 0.42, r * 0.4, r * 0.26, shade(body, 1.6))
    pen.poly([(x - r * 0.16, y + r * 0.24), (x + r * 0.16, y + r * 0.24), (x, y + r * 0.42)], PINK)


def walking_cat(pen: Pen, body: Colour) -> None:
    """Draw a feline walking with its tail up."""
    dark = shade(body, 0.66)
    pen.stroke([(-0.6, 0.1), (-0.84, -0.2), (-0.74, -0.74)], 0.16, dark)
    for x in (-0.5, -0.22, 0.22, 0.46):
        pen.stroke([(x, 0.3), (x, 0.8)], 0.17, dark if x in (-0.22, 0.22) else body)
    pen.oval(-0.06, 0.18, 0.64, 0.3, body)
    cat_head(pen, body, 0.56, -0.2, 0.4)


def kitty_face(pen: Pen, body: Colour) -> None:
    """Draw a kitty's face alone, filling the image."""
    cat_head(pen, body, 0.0, 0.16, 0.86)
    for s in (-1, 1):
        pen.stroke([(s * 0.5, 0.5), (s * 0.98, 0.42)], 0.06, DARK)
        pen.stroke([(s * 0.48, 0.62), (s * 0.94, 0.72)], 0.06, DARK)


def lying_cat(pen: Pen, body: Colour) -> None:
    """Draw a housecat lying on a cushion."""
    pen.oval(0, 0.62, 0.96, 0.26, (206, 70, 100))
    pen.oval(-0.16, 0.28, 0.7, 0.38, body)
    pen.stroke([(-0.74, 0.44), (-0.3, 0.6), (0.2, 0.56)], 0.17, shade(body, 0.64))
    for x in (-0.4, -0.12):
        pen.stroke([(x, -0.06), (x - 0.04, 0.2)], 0.11, shade(body, 0.64))
    cat_head(pen, body, 0.5, -0.02, 0.42)


def standing_dog(pen: Pen, body: Colour) -> None:
    """Draw a dog standing, from the side."""
    dark = shade(body, 0.6)
    pen.stroke([(-0.6, 0.0), (-0.92, -0.34)], 0.14, body)
    for x in (-0.54, -0.3, 0.18, 0.4):
        pen.stroke([(x, 0.2), (x, 0.82)], 0.17, dark if x in (-0.3, 0.18) else body)
    pen.box(-0.66, -0.12, 0.5, 0.36, body)
    dog_head(pen, body, 0.52, -0.34, 0.34)
    pen.box(0.3, -0.1, 0.56, 0.04, (214, 40, 50))


def dog_head(pen: Pen, body: Colour, x: float, y: float, r: float) -> None:
    """Draw a dog's head from the side, with a long muzzle and a hanging ear."""
    pen.box(x, y - 0.1 * r, x + 1.36 * r, y + 0.62 * r, shade(body, 1.4))
    pen.oval(x, y, r, r * 0.92, body)
    pen.oval(x + 1.3 * r, y + 0.02 * r, 0.26 * r, 0.24 * r, DARK)
    pen.poly([(x + 0.5 * r, y + 0.6 * r), (x + 1.0 * r, y + 0.6 * r), (x + 0.8 * r, y + 1.12 * r)],
             PINK)
    pen.oval(x - 0.6 * r, y + 0.26 * r, 0.36 * r, 0.84 * r, shade(body, 0.5))
    eye(pen, x + 0.3 * r, y - 0.28 * r, 0.2 * r)


def sitting_dog(pen: Pen, body: Colour) -> None:
    """Draw a sitting canine from the side."""
    pen.stroke([(-0.5, 0.74), (-0.92, 0.5)], 0.15, shade(body, 0.6))
    pen.poly([(-0.62, 0.9), (-0.6, 0.4), (-0.1, -0.2), (0.3, -0.2), (0.36, 0.9)], body)
    pen.oval(-0.32, 0.66, 0.32, 0.27, shade(body, 0.8))
    dog_head(pen, body, 0.1, -0.44, 0.44)
    pen.box(-0.16, -0.12, 0.34, 0.04, (50, 90, 210))


def pooch_face(pen: Pen, body: Colour) -> None:
    """Draw a pooch's face from the front: hanging ears and tongue."""
    dark = shade(body, 0.5)
    pen.oval(0, 0.0, 0.62, 0.7, body)
    for s in (-1, 1):
        pen.oval(s * 0.68, 0.02, 0.24, 0.6, dark, angle=-s * 10)
        eye(pen, s * 0.27, -0.22, 0.15)
    pen.poly([(-0.16, 0.5), (0.16, 0.5), (0.14, 0.94), (-0.14, 0.94)], (236, 80, 110))
    pen.oval(0, 0.32, 0.42, 0.32, shade(body, 1.6))
    pen.oval(0, 0.16, 0.19, 0.14, DARK)


def running_dog(pen: Pen, body: Colour) -> None:
    """Draw a lean hound running."""
    dark = shade(body, 0.6)
    pen.stroke([(-0.66, -0.02), (-0.98, -0.3)], 0.1, dark)
    pen.stroke([(-0.5, 0.1), (-0.7, 0.4), (-0.96, 0.5)], 0.15, dark)
    pen.stroke([(-0.4, 0.1), (-0.3, 0.48), (-0.56, 0.62)], 0.15, body)
    pen.stroke([(0.3, 0.1), (0.56, 0.44), (0.84, 0.44)], 0.15, dark)
    pen.stroke([(0.22, 0.1), (0.2, 0.48), (0.44, 0.62)], 0.15, body)
    pen.poly([(-0.74, -0.12), (-0.3, -0.16), (0.4, -0.26), (0.46, 0.22), (0.1, 0.3), (-0.2, 0.12),
              (-0.7, 0.24)], body)
    dog_head(pen, body, 0.5, -0.32, 0.29)
