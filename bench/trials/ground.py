"""What attacks on a case start from: the prompts whose un-erased pictures show the concept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import pipelines, registry
from bench.content import Content
from bench.generate import generate, image_path
from bench.metrics import _clip
from bench.store import UNEDITED, RunFolder, write_rows
from bench.trials import plan
from bench.trials.detector import Detector, detector
from bench.trials.examples import apart
from bench.trials.plan import Attempt
from bench.types import Case, Concept, InputError, Progress, Prompt, RunSpec, Suite


@dataclass
class Ground:
    """A case of the un-erased model: the prompts that draw the concept, and their pictures."""

    spec: RunSpec
    folder: RunFolder
    """The un-erased model's run."""
    suite: Suite
    case: Case
    attempt: Attempt
    device: str
    progress: Progress

    @cached_property
    def pipe(self) -> Any:
        """The un-erased pipeline."""
        return pipelines.shared(self.spec.place("model"), self.device, self.spec.precision)

    @cached_property
    def detector(self) -> Detector:
        """What decides whether a picture shows the concept."""
        return detector(Content(self.spec), self.case, self.device)

    @cached_property
    def asked(self) -> list[Prompt]:
        """The prompts of the budget."""
        return plan.targets(self.spec, self.suite, self.case, self.attempt.amount)

    @cached_property
    def pictures(self) -> dict[str, Path]:
        """The un-erased model's picture of each prompt that is asked, by its id."""
        paths = self.drawn(self.pipe, self.folder, UNEDITED)
        return {row.id: path for row, path in zip(self.asked, paths, strict=True)}

    @cached_property
    def usable(self) -> list[Prompt]:
        """The prompts whose un-erased picture shows the concept."""
        shown = self.detector.shows(list(self.pictures.values()), self.asked, self.progress)
        rows = [
            {"id": row.id, "text": row.text, "seed": row.seed, "shown": int(there)}
            for row, there in zip(self.asked, shown, strict=True)
        ]
        path = self.folder.path / "attacks" / self.case.name / f"{self.attempt.budget}.csv"
        write_rows(path, ("id", "text", "seed", "shown"), rows)
        return [row for row, there in zip(self.asked, shown, strict=True) if there]

    def prepare(self, chosen: Sequence[Attempt]) -> None:
        """Refuse what cannot be attacked, before anything is erased.

        Raises:
            InputError: see `attack`.
        """
        for attempt in chosen:
            attack = registry.load_attack(attempt.entry, attempt.options)
            attack.check(self.pipe, self.asked)
            if attack.cost(1).likened:
                _clip.reader(pipelines.family_of(self.spec), self.device)
        if not self.usable:
            raise InputError(
                f"the un-erased {self.spec.model} draws the concept of none of the "
                f"{len(self.asked)} prompts of case {self.case.name}, so nothing can come back"
            )

    def examples(
        self, concept: Concept, tested: Collection[Prompt], count: int
    ) -> tuple[Path, ...]:
        """Return the un-erased model's pictures of a concept for prompts of their own."""
        rows = apart(concept, tested, count)
        if not rows:
            return ()
        folder = self.folder.path / "attacks" / self.case.name / "examples"
        return tuple(generate(self.pipe, rows, folder, self.spec.sampler, progress=self.progress))

    def drawn(self, pipe: Any, run: RunFolder, name: str) -> list[Path]:
        """Return a model's pictures of the prompts: the run's own, or drawn beside the trials."""
        own = [image_path(run.images(name), row) for row in self.asked]
        if all(path.exists() for path in own):
            return own
        # Not among the run's images: drawn in other batches, theirs could differ in rounding.
        images = run.path / "attacks" / self.case.name / "unattacked"
        return generate(pipe, self.asked, images, self.spec.sampler, progress=self.progress)
