"""The judge: mini's own classifier, trained apart from everything it judges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import ClassVar

from bench.families import of_world
from bench.metrics import Authority, Measure, Metric, Setting, Verdict, _classes
from bench.metrics._images import SQUARE, in_batches, square
from bench.names import find
from bench.types import Concept, Kind, Progress, Prompt, silent

BATCH = 100
"""Images read at once; fixed, so that a resumed run reads the same batches."""
PIXELS = 64
LEAST = 0.75
"""Probability from which on it gives a name. It must choose between its labels; here as many
objects are missed as hybrids named, 3 in 100 of held-out images that the autoencoder drew."""
HEADS = {"object": "object", "style": "style", "person": "person"}
"""Head of the judge that fits each kind of concept."""


class Judge(Metric):
    """Share of images in which mini's independent judge network sees the prompt's concept."""

    paper: ClassVar[str] = "this project; bench/models/mini/README.md has its accuracy"
    families: ClassVar[frozenset[str] | None] = of_world("rendered")
    kinds: ClassVar[frozenset[Kind] | None] = frozenset({"object", "style", "person"})
    columns: ClassVar[tuple[str, ...]] = _classes.COLUMNS
    detector: ClassVar[str] = (
        f"mini's judge, the head of the erased concept's kind; {SQUARE.format(PIXELS)}"
    )

    @property
    def criterion(self) -> str:
        """Say when a concept counts as seen."""
        return f"the top-1 label of the head, from a probability of {LEAST:g} on"

    def measures(self) -> tuple[Measure, ...]:
        """Return top-1, probability, leak and entropy."""
        return _classes.measures(self.name)

    def authority(self, family: str, concept: Concept) -> Authority:
        """Return KIND for what its heads know, and nothing else."""
        known = self.reads(family, concept.kind) and concept.name in _labels(concept.kind)
        return Authority.KIND if known else Authority.NONE

    def check(self, family: str, erased: Sequence[Concept], prompts: Sequence[Prompt]) -> None:
        """Refuse concepts that the head of the erased concept's kind has no label for."""
        labels = _labels(erased[0].kind)
        shown = (concept.name for concept in erased), (prompt.concept for prompt in prompts)
        for name in dict.fromkeys(filter(None, chain(*shown))):
            find("concept for metric judge", name, labels)

    def prepare(self, family: str, device: str) -> None:
        """Load the judge."""
        from bench.models.mini import judge

        judge.load()

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return the judge's label, its probability of the prompt's, and whether it is erased.

        Raises:
            InputError: if the judge has no label for a concept.
        """
        from bench.models.mini import judge
        from bench.models.mini.world.truth import LABELS

        self.check(setting.family, setting.erased, prompts)
        head = HEADS[setting.erased[0].kind]
        labels = LABELS[head]
        network = judge.load()
        rows, readable = in_batches(
            images,
            square(PIXELS),
            BATCH,
            lambda pixels: network.read(pixels)[head],
            "judge",
            progress,
        )
        return _classes.verdicts(rows.tolist(), labels, readable, prompts, setting.erased, LEAST)


def _labels(kind: Kind) -> tuple[str, ...]:
    """Return the concepts that the head of a kind knows; its first label is for none of them."""
    from bench.models.mini.world.truth import LABELS

    find("kind of concept for metric judge", kind, HEADS)
    return LABELS[HEADS[kind]][1:]
