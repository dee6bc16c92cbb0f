"""Concepts that training leaves out: what an image must not show, and its captions not say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.models.mini.world.captions import SHORT_NAMES, nouns
from bench.models.mini.world.truth import OBJECTS, PEOPLE, STYLES, Truth

CONCEPTS: tuple[str, ...] = (*OBJECTS, *STYLES, *PEOPLE)
"""What training can leave out."""


def wordings(concept: str) -> tuple[str, ...]:
    """Return all that captions call a concept: its name, its synonyms, and phrases that mean it.

    Args:
        concept: One of `CONCEPTS`.
    """
    if concept in OBJECTS:
        return nouns(concept)
    if concept in PEOPLE:
        return (concept, *SHORT_NAMES[concept], *PEOPLE[concept])
    return (concept,)


def holds(concept: str, truth: Truth, captions: Iterable[str]) -> bool:
    """Say whether an image shows a concept, in whatever scene, or one of its captions names it.

    Args:
        concept: One of `CONCEPTS`.
        truth: What the image shows.
        captions: What it is called in training.
    """
    words = "|".join(map(re.escape, wordings(concept)))
    named = re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    return concept in (truth.object, truth.style, truth.person) or any(
        named.search(caption) for caption in captions
    )
