"""What MACE's configuration files set for each kind of concept, and for three objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.types import Concept, InputError, Kind
from methods import _options

COCO = 616_767
"""Captions behind the published prior; ours are fewer and weigh as much together."""


@dataclass(frozen=True)
class Published:
    """What a configuration file of the official code sets for a kind of concept."""

    learning_rate: float
    steps: int
    preserve_scale: float
    preserve_weight: float
    lamb: float
    importance_sampling: bool


# lamb: objects have 10 to 1000, by concept; the others 0, which is singular without the downloaded
# caches, so 10 here.
PUBLISHED: dict[Kind, Published] = {
    "object": Published(1e-5, 50, 0.0, 0.0, 100.0, True),
    "person": Published(1e-4, 50, 1e-4, 8e3, 10.0, True),
    "style": Published(1e-4, 50, 1e-4, 8e4, 10.0, True),
    "explicit": Published(1e-5, 120, 7e-7, 0.0, 10.0, False),
}

OFFICIAL = {"automobile": ("sky", 100.0), "bird": ("street", 10.0), "ship": ("ground", 1000.0)}
"""Anchor and lamb of the objects that have a configuration file, each erased alone; the other seven
of the paper's table have none."""


EXPLICIT = ("nudity", "naked", "erotic", "sexual")
"""What the configuration of explicit content erases together."""


def configured(options: Any, concepts: Sequence[Concept]) -> tuple[list[Concept], Published]:
    """Return the concepts with their anchors and words, and what was published for open options.

    Args:
        options: MACE's.
        concepts: Erased together; the first one's kind decides.

    Raises:
        InputError: `mapping` is official and no configuration file is for these concepts.
    """
    given, base = list(concepts), PUBLISHED[concepts[0].kind if concepts else "object"]
    if options.mapping == "official" and given:
        if len(given) > 1 or given[0].name not in OFFICIAL:
            got = ", ".join(concept.name for concept in given)[:100]
            raise InputError(
                f"mapping official is for one of {', '.join(OFFICIAL)} at a time, got {got}; "
                "mapping suite takes the suite's anchors"
            )
        anchor, lamb = OFFICIAL[given[0].name]
        given, base = [replace(given[0], anchor=anchor)], replace(base, lamb=lamb)
    if options.words == "published":
        words = {word: each for each in given for word in _words(each)}
        given = [replace(each, name=word) for word, each in words.items()]
    return given, _options.completed(base, options)


def _words(concept: Concept) -> tuple[str, ...]:
    return EXPLICIT if concept.kind == "explicit" and concept.name in EXPLICIT else (concept.name,)
