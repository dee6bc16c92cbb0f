"""The judge: mini's own classifier, trained apart from everything it judges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.metrics import Measure, Metric, Setting, Verdict, _classes
from bench.metrics._images import SQUARE, in_batches, square
from bench.types import InputError, Kind, Progress, Prompt, silent

BATCH = 100
"""Images read at once; fixed, so that a resumed run reads the same batches."""
PIXELS = 64
HEADS = {"object": "object", "style": "style", "person": "person"}
"""Head of the judge that fits each kind of concept."""


class Judge(Metric):
    """Share of images in which mini's independent judge network sees the prompt's concept."""

    paper: ClassVar[str] = "this project; bench/mini/README.md has its accuracy"
    families: ClassVar[frozenset[str] | None] = frozenset({"mini"})
    kinds: ClassVar[frozenset[Kind] | None] = frozenset({"object", "style", "person"})
    columns: ClassVar[tuple[str, ...]] = _classes.COLUMNS
    detector: ClassVar[str] = (
        f"mini's judge, the head of the erased concept's kind; {SQUARE.format(PIXELS)}"
    )

    @property
    def criterion(self) -> str:
        """Say when a concept counts as seen."""
        return "none: the top-1 label of the head"

    def measures(self) -> tuple[Measure, ...]:
        """Return top-1, probability, leak and entropy."""
        return _classes.measures(self.name)

    def prepare(self, family: str, device: str) -> None:
        """Load the judge."""
        from bench.mini import judge

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
        from bench.mini import judge
        from bench.mini.world.truth import LABELS

        head = _head(setting)
        labels = LABELS[head]
        for name in {prompt.concept for prompt in prompts} - {""}:
            if name not in labels:
                raise InputError(f"the judge does not know {name!r}; it knows {', '.join(labels)}")
        network = judge.load()
        rows, readable = in_batches(
            images,
            square(PIXELS),
            BATCH,
            lambda pixels: network.read(pixels)[head],
            "judge",
            progress,
        )
        return _classes.verdicts(rows.tolist(), labels, readable, prompts, setting.erased)


def _head(setting: Setting) -> str:
    kind = setting.erased[0].kind
    if kind not in HEADS:
        raise InputError(
            f"the judge cannot read concepts of kind {kind!r}, only {', '.join(HEADS)}"
        )
    return HEADS[kind]
