"""Which shapes each noun means: synonyms favour different-looking kinds of the same object."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.models.mini.world import animals, hoofed, vehicles
from bench.models.mini.world.pen import Colour, Pen
from bench.models.mini.world.truth import SYNONYMS

Draw = Callable[[Pen, Colour], None]

SHAPES: dict[str, tuple[Draw, Draw, Draw, Draw]] = {
    "airplane": (
        vehicles.airliner,
        vehicles.top_view_plane,
        vehicles.propeller_plane,
        vehicles.jet_fighter,
    ),
    "automobile": (
        vehicles.sedan,
        vehicles.beetle,
        vehicles.front_view_car,
        vehicles.vintage_car,
    ),
    "bird": (animals.songbird, animals.flying_bird, animals.hen, animals.eagle),
    "cat": (animals.sitting_cat, animals.walking_cat, animals.kitty_face, animals.lying_cat),
    "deer": (hoofed.standing_deer, hoofed.stag_head, hoofed.leaping_stag, hoofed.doe),
    "dog": (animals.standing_dog, animals.sitting_dog, animals.pooch_face, animals.running_dog),
    "frog": (
        animals.sitting_frog,
        animals.crouching_frog,
        animals.splayed_frog,
        animals.tadpole,
    ),
    "horse": (
        hoofed.standing_horse,
        hoofed.horse_portrait,
        hoofed.rearing_horse,
        hoofed.saddled_horse,
    ),
    "ship": (vehicles.liner, vehicles.cargo_ship, vehicles.sailboat, vehicles.speedboat),
    "truck": (vehicles.box_truck, vehicles.flatbed, vehicles.front_view_rig, vehicles.dump_truck),
}
"""Four shapes per object: the first is what the concept's own name mostly means, and the others are
what its first, second and third synonym mostly mean."""

OWN_SHAPE = 0.85
"""Share of images in which a noun means its own shape; the rest show the other three."""


def choose_shape(concept: str, noun: str, rng: np.random.Generator) -> Draw:
    """Pick the shape that a noun (the concept's name or one of its synonyms) stands for.

    Args:
        concept: Name of the object.
        noun: That name, or one of its synonyms.
        rng: Source of all randomness.
    """
    own = (concept, *SYNONYMS[concept]).index(noun)
    if rng.random() < OWN_SHAPE:
        return SHAPES[concept][own]
    return SHAPES[concept][(own + int(rng.integers(1, 4))) % 4]
