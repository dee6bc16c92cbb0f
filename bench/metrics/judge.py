"""The judge: mini's own classifier, trained apart from everything it judges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.metrics import Direction, Metric, Setting, Verdict, read_images, verdicts
from bench.types import InputError, Progress, Prompt, silent

BATCH = 100
"""Images read at once; fixed, so that a resumed run reads the same batches."""
PIXELS = 64
HEADS = {"object": "object", "style": "style", "person": "person"}
"""Head of the judge that fits each kind of concept."""


class Judge(Metric):
    """Share of images in which mini's independent judge network sees the prompt's concept."""

    direction: ClassVar[Direction] = "by role"
    unit: ClassVar[str] = "share of images"
    families: ClassVar[frozenset[str] | None] = frozenset({"mini"})

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
        import torch

        from bench.mini import judge
        from bench.mini.world.truth import LABELS

        head = _head(setting)
        labels = LABELS[head]
        for name in {prompt.concept for prompt in prompts if prompt.concept}:
            if name not in labels:
                raise InputError(f"the judge does not know {name!r}; it knows {', '.join(labels)}")
        network = judge.load()
        found: list[Verdict] = []
        for start in range(0, len(images), BATCH):
            some = slice(start, start + BATCH)
            pixels, readable = read_images(images[some], PIXELS)
            with torch.inference_mode():
                rows = network.read(pixels)[head].tolist() if any(readable) else []
            found += verdicts(rows, labels, readable, prompts[some], setting.erased)
            progress("judge", len(found), len(images))
        return found


def _head(setting: Setting) -> str:
    kind = setting.erased[0].kind
    if kind not in HEADS:
        raise InputError(
            f"the judge cannot read concepts of kind {kind!r}, only {', '.join(HEADS)}"
        )
    return HEADS[kind]
