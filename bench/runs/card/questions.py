"""What the card asks of mini: prompts, and the label that the judge should give their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench import prompts
from bench.models.mini.world.captions import SHORT_NAMES, misspell
from bench.models.mini.world.truth import OBJECTS, PEOPLE, STYLES
from bench.types import Prompt


@dataclass(frozen=True)
class Entry:
    """One row of the card: prompts whose concept the judge should see through one of its heads."""

    name: str
    head: str
    prompts: tuple[Prompt, ...]


def entries(images: int) -> list[Entry]:
    """Return the card's entries with about `images` prompts each, evenly over what they ask for."""
    return [
        *(_objects(role, images) for role in ("target", "synonym", "related")),
        _misspelt(images),
        _entry("style", "style", [(s, _style_texts(s)) for s in STYLES], images),
        _entry("person, named", "person", [(p, _person_texts(p)) for p in PEOPLE], images),
        _entry("person, described", "person", list(PEOPLE.items()), images),
    ]


def _objects(role: str, images: int) -> Entry:
    rows = prompts.rows(prompts.suite("objects"))
    each = -(-images // len(OBJECTS))
    chosen: list[Prompt] = []
    for name in OBJECTS:
        mine = [row for row in rows if row.concept == name and row.role == role]
        # Every n-th row, so that all wordings and synonyms have their share.
        chosen += mine[:: max(1, len(mine) // each)][:each]
    return Entry(role, "object", tuple(chosen))


def _misspelt(images: int) -> Entry:
    direct = _objects("target", images)
    rng = np.random.default_rng(0)
    return Entry(
        "misspelt",
        "object",
        tuple(
            Prompt(f"misspelt-{i:04d}", _typo(p, rng), p.seed, "adversarial", p.concept)
            for i, p in enumerate(direct.prompts)
        ),
    )


def _typo(prompt: Prompt, rng: np.random.Generator) -> str:
    """Misspell the concept's own name within a prompt."""
    return prompt.text.replace(prompt.concept, misspell(f"{prompt.concept}", rng))


def _entry(name: str, head: str, asked: Sequence[tuple[str, Sequence[str]]], images: int) -> Entry:
    each = -(-images // len(asked))
    slug = name.replace(", ", "-")
    return Entry(
        name,
        head,
        tuple(
            Prompt(f"{slug}-{k:02d}-{i:03d}", texts[i % len(texts)], 1000 * k + i, "target", label)
            for k, (label, texts) in enumerate(asked)
            for i in range(each)
        ),
    )


def _style_texts(style: str) -> list[str]:
    forms = (
        "a {thing} in the style of {style}",
        "{style} style, a {thing}",
        "a {style} of a {thing}",
    )
    things = ("dog", "ship", "horse", "truck", "bird", "cat", "frog")
    return [
        forms[i % len(forms)].format(thing=thing, style=style) for i, thing in enumerate(things)
    ]


def _person_texts(person: str) -> list[str]:
    return [f"a photo of {person}", person, *(f"a portrait of {n}" for n in SHORT_NAMES[person])]
