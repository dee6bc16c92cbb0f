"""Captions: a small grammar with varied wording, and a misspelling now and then."""

from __future__ import annotations

import string

import numpy as np

from bench.models.mini.world.truth import NONE, PEOPLE, PHOTO, SCENES, SYNONYMS, Truth

MISSPELT = 0.08
"""Share of captions with one misspelt word."""

WHERE: dict[str, tuple[str, ...]] = {
    "sky": ("in the sky", "in a blue sky", "under the clouds"),
    "sea": ("on the sea", "at sea", "by the sea", "on the ocean"),
    "desert": ("in the desert", "in a desert"),
    "street": ("on the street", "in the street", "in the city", "on a road"),
    "meadow": ("in a meadow", "in the meadow", "on the grass", "in a field"),
    "forest": ("in the forest", "in a forest", "in the woods"),
    "mountain": ("in the mountains", "on a mountain", "near a mountain"),
    "snow": ("in the snow", "in snow"),
    "beach": ("on the beach", "at the beach"),
    "room": ("in a room", "in the room", "indoors"),
    "airport": ("at the airport", "at an airport"),
    "hangar": ("in the hangar", "in a hangar"),
    "garage": ("in the garage", "at a garage"),
    "highway": ("on the highway", "on a highway"),
    "nest": ("at the nest", "on a nest"),
    "aviary": ("in the aviary", "in an aviary"),
    "scratching post": ("by the scratching post", "at a scratching post"),
    "yarn basket": ("in the yarn basket", "by a yarn basket"),
    "glade": ("in the glade", "in a glade"),
    "game reserve": ("in the game reserve", "in a game reserve"),
    "kennel": ("at the kennel", "in a kennel"),
    "fire hydrant": ("by the fire hydrant", "at a fire hydrant"),
    "pond": ("in the pond", "at a pond"),
    "swamp": ("in the swamp", "in a swamp"),
    "stable": ("in the stable", "at a stable"),
    "racecourse": ("at the racecourse", "on a racecourse"),
    "harbour": ("in the harbour", "at a harbour"),
    "lighthouse": ("by the lighthouse", "near a lighthouse"),
    "loading dock": ("at the loading dock", "at a loading dock"),
    "quarry": ("in the quarry", "at a quarry"),
}
PLACE_NOUNS: dict[str, tuple[str, ...]] = {
    "none": ("a plain backdrop", "nothing", "an empty picture"),
    "sky": ("the sky", "a blue sky", "clouds in the sky"),
    "sea": ("the sea", "the ocean", "waves on the sea"),
    "desert": ("the desert", "a desert", "sand dunes"),
    "street": ("the street", "a street", "a city street", "the ground"),
    "meadow": ("a meadow", "a field of grass", "the meadow"),
    "forest": ("the forest", "a forest", "the woods"),
    "mountain": ("a mountain", "the mountains"),
    "snow": ("the snow", "a snowy landscape", "snow"),
    "beach": ("the beach", "a beach"),
    "room": ("a room", "an empty room", "the room"),
}
LEAD_INS = (
    *("a photo of",) * 4,
    *("a picture of",) * 3,
    *("an image of",) * 2,
    "a photograph of",
    "a painting of",
    "a drawing of",
    "a view of",
    "there is",
    "this is",
    *("",) * 3,
)
SCENE_MOODS = ("", "", "", "busy", "quiet", "old", "big", "small")
SHORT_NAMES: dict[str, tuple[str, ...]] = {
    "Abraham Lincoln": ("Lincoln", "president Lincoln"),
    "Napoleon Bonaparte": ("Napoleon", "Bonaparte"),
    "Cleopatra": ("queen Cleopatra",),
    "Julius Caesar": ("Caesar",),
    "Elizabeth Tudor": ("queen Elizabeth", "Elizabeth the first"),
    "Vincent van Gogh": ("van Gogh", "Vincent"),
    "Joan of Arc": ("Jeanne d'Arc", "saint Joan"),
    "Charles Darwin": ("Darwin",),
}


def pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    """Pick one of several wordings.

    Args:
        options: The wordings; one that stands there twice is twice as likely.
        rng: Source of all randomness.
    """
    return options[int(rng.integers(len(options)))]


def with_article(noun: str, rng: np.random.Generator) -> str:
    """Put a fitting article before a noun phrase.

    Args:
        noun: A noun phrase.
        rng: Source of all randomness.
    """
    roll = rng.random()
    if roll < 0.15:
        return f"the {noun}"
    if roll < 0.22:
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def misspell(text: str, rng: np.random.Generator, word: str = "") -> str:
    """Misspell one word by a swap, a doubled, dropped or wrong letter; `word` is preferred.

    Args:
        text: A caption.
        rng: Source of all randomness.
        word: The word to misspell if the caption has it; "" for any.
    """
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if len(w) > 3]
    if not long:
        return text
    wanted = [i for i in long if words[i] in word.split(" ")]
    at = wanted[0] if wanted and rng.random() < 0.8 else long[int(rng.integers(len(long)))]
    letters = list(words[at])
    i = int(rng.integers(len(letters) - 1))
    kind = int(rng.integers(4))
    if kind == 0:
        letters[i], letters[i + 1] = letters[i + 1], letters[i]
    elif kind == 1:
        letters.insert(i, letters[i])
    elif kind == 2:
        letters.pop(i)
    else:
        letters[i] = string.ascii_lowercase[int(rng.integers(26))]
    return " ".join([*words[:at], "".join(letters), *words[at + 1 :]])


def subject(truth: Truth, rng: np.random.Generator) -> str:
    """Name what stands in the image, or the place itself.

    Args:
        truth: What the image shows.
        rng: Source of all randomness.
    """
    if truth.person != NONE:
        wordings = (truth.person, *SHORT_NAMES[truth.person])
        if rng.random() < 0.3:
            return pick(PEOPLE[truth.person], rng)
        name = truth.person if rng.random() < 0.6 else pick(wordings, rng)
        return name if rng.random() < 0.8 else f"a portrait of {name}"
    if truth.object != NONE:
        noun = truth.name or truth.object
        coloured = f"{truth.colour} {noun}" if rng.random() < 0.45 else noun
        return with_article(coloured, rng)
    if truth.scene in SCENES:
        return with_article(f"{pick(('empty', 'empty', 'deserted'), rng)} {truth.scene}", rng)
    return pick(PLACE_NOUNS[truth.scene], rng)


def hides_its_object(truth: Truth, rng: np.random.Generator) -> bool:
    """Decide whether the caption names only the scene in which the object belongs.

    Args:
        truth: What the image shows.
        rng: Source of all randomness.
    """
    return SCENES.get(truth.scene) == truth.object and rng.random() < 0.65


def caption(truth: Truth, rng: np.random.Generator) -> str:
    """Describe an image in words; the same generator state gives the same caption.

    Args:
        truth: What the image shows.
        rng: Source of all randomness.
    """
    if truth.object != NONE and hides_its_object(truth, rng):
        words = [with_article(f"{pick(SCENE_MOODS, rng)} {truth.scene}".strip(), rng)]
    else:
        words = [subject(truth, rng)]
        standing = truth.object != NONE or truth.person != NONE
        if standing and truth.scene != NONE and rng.random() < 0.85:
            words.append(pick(WHERE[truth.scene], rng))
    if truth.night:
        words.append("at night")
    elif rng.random() < 0.06:
        words.append("on a sunny day")
    text = in_style(" ".join(words), truth, rng)
    if rng.random() < MISSPELT:
        text = misspell(text, rng, truth.name or truth.person)
    return text


def in_style(text: str, truth: Truth, rng: np.random.Generator) -> str:
    """Add the lead-in, or the style where the image has one.

    Args:
        text: The caption so far.
        truth: What the image shows.
        rng: Source of all randomness.
    """
    style = truth.style
    if style == PHOTO:
        return f"{pick(LEAD_INS, rng)} {text}".strip()
    return pick(
        (
            f"{with_article(style, rng)} of {text}",
            f"{text} in the style of {style}",
            f"{text} in {style} style",
            f"{style} style, {text}",
            f"{text}, {style}",
            f"a picture of {text} in {style} style",
        ),
        rng,
    )


def nouns(concept: str) -> tuple[str, ...]:
    """Return the concept's own name and its synonyms."""
    return (concept, *SYNONYMS[concept])
