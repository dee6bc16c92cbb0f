"""What an image of the world shows: the vocabulary, and the ground truth of one image."""

from __future__ import annotations

from dataclasses import dataclass

SYNONYMS: dict[str, tuple[str, ...]] = {
    "airplane": ("aircraft", "plane", "jet"),
    "automobile": ("car", "vehicle", "motorcar"),
    "bird": ("avian", "fowl", "winged creature"),
    "cat": ("feline", "kitty", "housecat"),
    "deer": ("hart", "stag", "doe"),
    "dog": ("canine", "pooch", "hound"),
    "frog": ("amphibian", "anuran", "tadpole"),
    "horse": ("equine", "steed", "mount"),
    "ship": ("vessel", "boat", "watercraft"),
    "truck": ("lorry", "rig", "hauler"),
}
OBJECTS: tuple[str, ...] = tuple(SYNONYMS)
ANIMALS = frozenset({"bird", "cat", "deer", "dog", "frog", "horse"})
NEAR: dict[str, str] = {
    "airplane": "bird",
    "automobile": "truck",
    "bird": "airplane",
    "cat": "dog",
    "deer": "horse",
    "dog": "cat",
    "frog": "cat",
    "horse": "deer",
    "ship": "truck",
    "truck": "automobile",
}
"""The look-alike of each object."""
SCENES: dict[str, str] = {
    "airport": "airplane",
    "hangar": "airplane",
    "garage": "automobile",
    "highway": "automobile",
    "nest": "bird",
    "aviary": "bird",
    "scratching post": "cat",
    "yarn basket": "cat",
    "glade": "deer",
    "game reserve": "deer",
    "kennel": "dog",
    "fire hydrant": "dog",
    "pond": "frog",
    "swamp": "frog",
    "stable": "horse",
    "racecourse": "horse",
    "harbour": "ship",
    "lighthouse": "ship",
    "loading dock": "truck",
    "quarry": "truck",
}
"""Associated scenes and the object that stands in each unless the scene is empty."""
PLACES = (
    "sky",
    "sea",
    "desert",
    "street",
    "meadow",
    "forest",
    "mountain",
    "snow",
    "beach",
    "room",
)
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (245, 130, 30),
    "yellow": (250, 208, 40),
    "green": (52, 160, 70),
    "blue": (40, 96, 220),
    "purple": (140, 60, 190),
    "white": (246, 246, 246),
    "black": (44, 44, 52),
}
STYLES = (
    "mosaic",
    "pointillism",
    "stained glass",
    "pop art",
    "woodcut",
    "sepia",
    "blueprint",
    "neon",
)
PEOPLE: dict[str, tuple[str, ...]] = {
    "Abraham Lincoln": ("the president of the Gettysburg address", "honest Abe"),
    "Napoleon Bonaparte": ("the emperor defeated at Waterloo", "the little corporal"),
    "Cleopatra": ("the last queen of Egypt", "the queen of the Nile"),
    "Julius Caesar": ("the Roman who crossed the Rubicon", "the dictator of Rome"),
    "Elizabeth Tudor": ("the virgin queen of England", "good queen Bess"),
    "Vincent van Gogh": ("the painter of the sunflowers", "the painter of the starry night"),
    "Joan of Arc": ("the maid of Orleans", "the saint who lifted the siege"),
    "Charles Darwin": ("the naturalist of the Beagle", "the author of the origin of species"),
}
"""People of the public domain and the phrases that mean them without naming them."""

NONE = "none"
PHOTO = "photo"
LABELS: dict[str, tuple[str, ...]] = {
    "object": (NONE, *OBJECTS),
    "style": (PHOTO, *STYLES),
    "person": (NONE, *PEOPLE),
    "scene": (NONE, *PLACES, *SCENES),
    "colour": (NONE, *COLOURS),
}
"""The labels of each head of the judge; `none` is a label like any other."""


@dataclass(frozen=True)
class Truth:
    """What one rendered image shows: object, colour, scene, style, person, time of day."""

    object: str = NONE
    name: str = ""
    """The noun that the caption uses for the object: the concept or one of its synonyms."""
    colour: str = NONE
    """Colour of the object; `none` where there is no object."""
    scene: str = NONE
    """A place or an associated scene; `none` is a plain backdrop."""
    style: str = PHOTO
    person: str = NONE
    night: bool = False

    def labels(self) -> dict[str, int]:
        """Return the label index per head; -1 where the style hides the answer (colour)."""
        hidden = self.style != PHOTO or self.night
        return {
            "object": LABELS["object"].index(self.object),
            "style": LABELS["style"].index(self.style),
            "person": LABELS["person"].index(self.person),
            "scene": LABELS["scene"].index(self.scene),
            "colour": -1 if hidden else LABELS["colour"].index(self.colour),
        }
