"""What a verdict on an image chooses from; pure.

The answer of one that has to choose says something only if there is something else to choose.
MACE's classifier has ten objects, and its figures compare with no other choice: that suite is
closed. Anything else is chosen from the suite's concepts, from others of their kind, which take
what merely looks alike, and from none of them, which takes an image of no such thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.types import Concept, Kind


@dataclass(frozen=True)
class Choice:
    """The concepts between which a metric chooses what an image shows."""

    classes: tuple[Concept, ...]
    """The concepts: one's own, then others of their kind."""
    none: bool
    """Whether it may also be none of them."""

    def to_json(self) -> list[str]:
        """Return the names of all that it may be, as a record has them."""
        return [*(concept.name for concept in self.classes), *["(none)"] * self.none]


def choice(
    own: Iterable[Concept], others: Mapping[Kind, Sequence[Concept]], *, closed: bool
) -> Choice:
    """Return what a verdict on images of some concepts chooses from.

    Args:
        own: What is erased, and what else the images should show.
        others: What one's own may be told from, by kind; what goes by one of their names is not.
        closed: Whether it chooses between its own alone.
    """
    named = tuple(dict.fromkeys(own))
    if closed:
        return Choice(named, none=False)
    meant = {word for concept in named for word in _words(concept)}
    beside = (
        other
        for kind in dict.fromkeys(concept.kind for concept in named)
        for other in others.get(kind, ())
        if meant.isdisjoint(_words(other))
    )
    return Choice((*named, *beside), none=True)


def _words(concept: Concept) -> set[str]:
    return {word.casefold() for word in (concept.name, *concept.synonyms)}
