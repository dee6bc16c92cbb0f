"""Training prompts: templates in our own wording, anchors put in, tokens of both sides aligned.

An eraser knows a concept's name, kind and anchor. Synonyms and look-alikes stay out on purpose:
the evaluation prompts are made of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.models import prediction
from bench.models.prediction import Conditioning
from bench.types import Concept, InputError, Kind
from methods import _tokens

THINGS = (
    "a photo of {}",
    "{}",
    "a picture of {} in daylight",
    "{} on a plain background",
    "a snapshot with {} in it",
    "a close view of {}",
    "{} far away",
    "a big picture of {}",
    "here you can see {}",
    "a drawing of {}",
    "{} at the side of the picture",
    "a colourful image of {}",
    "{} in the morning",
    "somebody painted {}",
    "a postcard that shows {}",
    "{} and nothing else",
    "a quick sketch of {}",
    "a blurry shot of {}",
    "look at {}",
    "an old photo of {}",
    "{} under a cloudy sky",
    "a tiny picture of {}",
    "the front page shows {}",
    "{} seen from below",
    "a poster with {} on it",
    "a detailed view of {}",
    "{} in winter",
    "we found {} in the album",
    "a bright picture of {}",
    "{} on a quiet day",
)
STYLES = (
    "a picture in {} style",
    "a house in {} style",
    "{} style",
    "a {} picture",
    "a tree drawn as {}",
    "the whole scene looks like {}",
    "a room in the style of {}",
    "a garden, {}",
    "made to look like {}",
    "a {} of a town",
    "a boat on a lake in {} style",
    "people at a table, {} style",
    "a chair in {} style",
    "{} art",
    "an image turned into {}",
    "a mountain as {}",
    "a bowl of fruit in {} style",
    "a {} version of a photo",
    "a river in the style of {}",
    "an example of {}",
    "a street, shown as {}",
    "a horse in {} style",
    "a window in {} style",
    "a flower drawn in {} style",
    "the sun in {} style",
    "a large {} picture",
    "a {} picture of a face",
    "a bridge in the style of {}",
    "two birds in {} style",
    "a field as {}",
)
PEOPLE = (
    "a portrait of {}",
    "{}",
    "a photo of {}",
    "the face of {}",
    "{} looks into the camera",
    "a painting that shows {}",
    "{} on a stamp",
    "a drawing of {}",
    "{} in front of a wall",
    "a poster of {}",
    "{} standing in a room",
    "a picture of {} smiling",
    "{} at work",
    "the head of {}",
    "somebody drew {}",
    "a close view of {}",
    "{} outdoors",
    "an old picture of {}",
    "{} on the front page",
    "a statue of {}",
    "{} giving a talk",
    "a colourful image of {}",
    "{} in a crowd",
    "a snapshot of {}",
    "{} wearing a coat",
    "here you can see {}",
    "a quick sketch of {}",
    "{} by the sea",
    "a bright picture of {}",
    "{} and nobody else",
)
TEMPLATES: dict[Kind, tuple[str, ...]] = {
    "object": THINGS,
    "style": STYLES,
    "person": PEOPLE,
    "explicit": PEOPLE,
}

SCENES = (
    "",
    "a photo of the sky",
    "a photo of the sea",
    "an empty street",
    "a green meadow",
    "trees in a forest",
    "a sandy desert",
    "a mountain in the distance",
    "a field of snow",
    "a beach in summer",
    "a room with a table",
    "a red picture",
    "a blue picture",
    "a yellow and white pattern",
    "a plain black background",
    "a person",
    "a portrait of somebody",
    "a painting",
    "a drawing of a house",
    "a town at night",
)
"""Captions of places, colours and media, without a thing that a suite erases."""

NAMED_THINGS = (
    "a dog in a meadow",
    "a photo of a dog",
    "a cat in a room",
    "a photo of a cat",
    "a horse in the snow",
    "a photo of a horse",
    "a bird in a tree",
    "a photo of a bird",
    "a deer in the forest",
    "a photo of a deer",
    "a frog on a stone",
    "a photo of a frog",
    "a ship on the sea",
    "a photo of a ship",
    "a truck on the street",
    "a photo of a truck",
    "an automobile in a town",
    "a photo of an automobile",
    "an airplane in the sky",
    "a photo of an airplane",
    "a chair and a table",
    "a bowl of fruit",
    "a flower in a garden",
    "a group of people",
)
"""Captions of everyday things."""

EVERYDAY = (*SCENES, *NAMED_THINGS)
"""Both; captions that name the erased concept are left out."""

PRIORS = {"scenes": SCENES, "everyday": EVERYDAY}


ARTICLES = frozenset({"a", "an", "the", "of", "in"})


@dataclass(frozen=True)
class Pairs:
    """Embeddings of a concept's prompts beside those of its anchor's prompts."""

    asked: Conditioning
    """The concept's prompts."""
    wanted: Conditioning
    """The anchor's."""
    aligned: Tensor
    """(prompts, positions, dim), the anchor's row that each row of the concept's corresponds to."""

    @property
    def concept(self) -> Tensor:
        """The concept's embeddings, (prompts, positions, dim), fp32."""
        return self.asked.states

    @property
    def anchor(self) -> Tensor:
        """The anchor's, (prompts, positions, dim), as the text encoder gives them."""
        return self.wanted.states


def noun_phrase(concept: Concept, number: int) -> str:
    """Return the concept as it stands in a sentence, an object with an article or without.

    Args:
        concept: What is named.
        number: Which of the three forms of an object, modulo 3: a, none, the.
    """
    if concept.kind != "object" or concept.name.split(" ")[0] in ("a", "an", "the"):
        return concept.name
    article = "an" if concept.name[:1].lower() in "aeiou" else "a"
    return (f"{article} {concept.name}", concept.name, f"the {concept.name}")[number % 3]


def texts(
    concept: Concept, count: int, templates: Sequence[str] | None = None
) -> tuple[list[str], list[str]]:
    """Return training prompts of a concept, and the same with its anchor in its place.

    Args:
        concept: What stands in the prompts.
        count: Number of prompts.
        templates: With `{}` for the concept; those of its kind if not given.

    Raises:
        InputError: there are not as many templates.
    """
    templates = templates or TEMPLATES[concept.kind]
    if not 1 <= count <= len(templates):
        raise InputError(f"prompts is {count}, allowed is 1 to {len(templates)}")
    chosen = list(enumerate(templates[:count]))
    return (
        [template.format(noun_phrase(concept, i)) for i, template in chosen],
        [template.format(concept.anchor) for _, template in chosen],
    )


def pairs(pipe: Any, concept: Concept, count: int) -> Pairs:
    """Encode a concept's training prompts and its anchor's, with their rows aligned.

    Args:
        pipe: The un-erased diffusers pipeline.
        concept: What is erased, with its anchor.
        count: Number of prompts.
    """
    old, new = texts(concept, count)
    asked, wanted = prediction.condition(pipe, old), prediction.condition(pipe, new)
    return Pairs(asked, wanted, _tokens.aligned(pipe, old, new, wanted.states))


def prior(name: str, concepts: Sequence[Concept]) -> list[str]:
    """Return the prior prompts of that name that share no word with the erased concepts.

    Args:
        name: Which prior, a key of `PRIORS`.
        concepts: What is erased.
    """
    return without(PRIORS[name], concepts)


def without(texts: Sequence[str], concepts: Sequence[Concept]) -> list[str]:
    """Return those of some texts that share no word with the erased concepts.

    Args:
        texts: Captions.
        concepts: What is erased.
    """
    erased = {word for concept in concepts for word in words(concept.name)}
    return [text for text in texts if not erased & set(words(text))]


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without articles."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in ARTICLES]
