"""One attack on one erasure: what is left of it as units, and what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.attacks import Attack
from bench.files import Row
from bench.models.generate import due_batches, image_path
from bench.runs.trials import candidates
from bench.runs.trials.baseline import Baseline
from bench.runs.trials.erasure import Erasure
from bench.runs.trials.folder import NOTHING, TrialFolder, digest
from bench.runs.trials.plan import Attempt
from bench.runs.trials.units import Candidates, Conclude, Search
from bench.runs.units import Batch, Unit
from bench.types import Prompt, RunSpec

PROMPTS = 3
"""Prompts of a trial whose images are shown."""

NO_TEXT = "(no text)"
"""How it is shown that nothing is said."""

Shown = tuple[str, str, tuple[Path | None, Path | None, Path | None]]
"""A role, what was found for a prompt, and the un-erased, the erased and the attacked image."""


@dataclass(eq=False)
class Trial:
    """A trial: one attack tried on one erasure, with all its prompts."""

    erasure: Erasure
    attempt: Attempt

    @property
    def spec(self) -> RunSpec:
        """The run's spec."""
        return self.erasure.spec

    @property
    def baseline(self) -> Baseline:
        """The un-erased model's side."""
        return self.erasure.baseline

    @cached_property
    def folder(self) -> TrialFolder:
        """The trial's files, under a name that changes with all that decides the result."""
        erasure, entry = self.erasure, self.attempt.entry
        facts = erasure.facts | {"attack": [entry.version, dict(self.attempt.options)]}
        name = f"{entry.name}-{self.attempt.budget}-{digest(facts)}"
        return TrialFolder(erasure.run_folder.path / "attacks" / erasure.case.name / name)

    @cached_property
    def attack(self) -> Attack:
        """The attack with its options."""
        return self.attempt.attack

    def finished(self) -> Row | None:
        """Return the finished trial's summary, None if something is left; loads no model."""
        return self.folder.summary() if self.erasure.looked else None

    @cached_property
    def batches(self) -> list[list[Prompt]]:
        """The prompts that are searched for together."""
        return self.baseline.batches(self.attack)

    def found(self, number: int) -> list[Row]:
        """Return what was found for a batch of prompts, nothing for one that is left."""
        return self.folder.found(number, [row.id for row in self.batches[number]])

    def candidates(self, row: Prompt, text: str) -> list[Prompt]:
        """Return the images to draw of what was found.

        Args:
            row: The prompt that is attacked.
            text: What was found for it.
        """
        return candidates.candidates(row, text, self._seeds(row))

    def _seeds(self, row: Prompt) -> list[int]:
        """Return the seeds that what is found for a prompt is drawn with."""
        return self.erasure.seeds(row, further=self.attack.further_seeds)

    def due(self) -> Sequence[Unit]:
        """Return the units that can be performed now; none for a trial that waits or is finished.

        Raises:
            InputError: what is there is damaged, or of other prompts.
        """
        if not self.erasure.begun or self.finished() is not None:
            return []
        parts = range(len(self.batches))
        left = [unit for number in parts for unit in self._part(number, self.found(number))]
        return left or ([self._conclusion()] if self.erasure.looked else [])

    def _part(self, number: int, found: Sequence[Row]) -> Sequence[Unit]:
        """Return what is left of a batch of prompts."""
        if not found:
            return self._search(number)
        first, folder = found[0], self.folder
        words = folder.embedding_path(number) if first["embedding"] else None
        latents = folder.starts_path(number) if first["step"] else None
        some = [
            candidate
            for row, each in zip(self.batches[number], found, strict=True)
            for candidate in self.candidates(row, each["found"])
        ]
        where, step = (*self.erasure.where, self.erasure.case), int(first["step"] or 0)
        return [
            Candidates(*where, tuple(batch), folder.images, words, latents, step)
            for batch in due_batches(some, folder.images, self.baseline.batch_size)
        ]

    def _search(self, number: int) -> Sequence[Unit]:
        """Return the images that a search learns from, and once they are there the search."""
        erasure, baseline, prompts = self.erasure, self.baseline, self.batches[number]
        count, examples = self.attempt.cost(len(prompts)).examples, baseline.examples
        learnt = baseline.learnt_from(prompts[0].concept, erasure.tested) if count else []
        where = (baseline.spec, baseline.out, baseline.device, None)
        return [
            Batch(*where, tuple(batch), examples)
            for batch in due_batches(learnt, examples, baseline.batch_size)
        ] or [
            Search(
                *erasure.where,
                erasure.case if self.attack.adaptive else None,
                self.attempt,
                self.folder.path,
                number,
                tuple(prompts),
                tuple(tuple(self._seeds(row)) for row in prompts),
                {row.id: baseline.unattacked.image(row.id) for row in prompts},
                tuple(image_path(examples, each) for each in learnt[:count]),
            )
        ]

    def _conclusion(self) -> Unit:
        """Return the unit that finishes the trial."""
        erasure, baseline = self.erasure, self.baseline
        found = {row["id"]: row for part in range(len(self.batches)) for row in self.found(part)}
        rows = [
            {"id": row.id, "concept": row.concept, "text": row.text, "seed": str(row.seed)}
            | {"before": candidates.written(erasure.before[row.id])}
            | found.get(row.id, {})
            for row in baseline.counted
        ]
        drawn = [
            candidate
            for row in baseline.usable
            for candidate in self.candidates(row, found[row.id]["found"])
        ]
        guards = {row.pop("guard", "") for row in rows}
        facts = {
            "method": self.spec.method_name,
            "model": self.spec.model,
            "suite": self.spec.suite,
            "case": erasure.case.name,
            "attack": self.attempt.entry.name,
            "kind": self.attempt.kind,
            "budget": self.attempt.budget,
            "convention": self.attempt.convention,
            "left_out": str(len(baseline.asked) - len(rows)),
            "note": "" if baseline.usable else NOTHING,
            "unattacked": erasure.unattacked.path.name,
            "erasure": erasure.hash,
            "origin": self.attempt.entry.origin,
            # Seen by one of its searches, it is attacked.
            "guard": guards.pop() if len(guards) == 1 else "",
        }
        matched = not self.attack.further_seeds
        return Conclude(
            *erasure.where,
            erasure.case,
            self.folder.path,
            tuple(rows),
            tuple(drawn),
            facts,
            matched,
        )

    def images(self) -> Iterator[Shown]:
        """Yield the first prompts, those that the attack brought back before others."""
        baseline, erasure = self.baseline, self.erasure
        after = {row["id"]: candidates.read(row["after"]) for row in self.folder.results()}
        rows = sorted(self.folder.results(), key=lambda row: not any(after[row["id"]]))
        for row in rows[:PROMPTS]:
            seen = after[row["id"]]
            first = seen.index(True) if any(seen) else 0
            attacked = self.folder.images / f"{row['id']}-{first}.png" if seen else None
            whole, erased = (
                model.image(row["id"]) for model in (baseline.unattacked, erasure.unattacked)
            )
            yield (
                self.attempt.entry.name,
                (row["found"] or NO_TEXT) if row["evaluations"] else row["text"],
                (whole, erased, attacked),
            )
