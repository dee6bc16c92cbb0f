"""An erasure under attack: one case of a run, and what its model draws before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench import digests
from bench.results.store import RunFolder
from bench.runs.trials.baseline import Baseline, unattacked
from bench.runs.trials.candidates import candidates, seeds
from bench.runs.trials.unattacked import Unattacked
from bench.runs.trials.units import Look, looks
from bench.runs.units import Fit, Unit
from bench.types import Case, Prompt, RunSpec


@dataclass(eq=False)
class Erasure:
    """The erasure of one case of a run, which all attacks on it share."""

    spec: RunSpec
    baseline: Baseline

    @property
    def case(self) -> Case:
        """What is erased."""
        return self.baseline.case

    @cached_property
    def where(self) -> tuple[RunSpec, Path, str]:
        """The run, the folder that holds it, and where it is computed."""
        return self.spec, self.baseline.out, self.baseline.device

    @cached_property
    def run_folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.baseline.out, self.spec.run_id)

    @cached_property
    def path(self) -> Path:
        """The erasure's file."""
        return self.run_folder.erasure_path(self.case.name)

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the erasure."""
        return digests.file(self.path)

    @cached_property
    def facts(self) -> dict[str, object]:
        """All that decides what is seen before an attack: part of a trial's name."""
        return self.baseline.facts | self.spec.to_json() | {"erasure": self.hash}

    @cached_property
    def unattacked(self) -> Unattacked:
        """The erased model's images of the prompts as they are."""
        return unattacked(self.baseline, self.spec, {"erasure": self.hash})

    @cached_property
    def before(self) -> dict[str, list[bool]]:
        """In which images the concept is seen before any attack, by prompt id."""
        baseline = self.baseline
        return self.unattacked.seen(baseline.counted, baseline.amount.candidates)

    def seeds(self, row: Prompt, *, further: bool = False) -> list[int]:
        """Return the seeds that a prompt is drawn with before an attack, or further ones.

        Args:
            row: The prompt.
            further: Return as many others instead.
        """
        count = self.baseline.amount.candidates
        return seeds(row, self.spec.seed, count, further=further)

    @cached_property
    def tested(self) -> list[Prompt]:
        """All that success is measured on, of any attack."""
        return [
            each
            for row in self.baseline.asked
            for further in (False, True)
            for each in candidates(row, row.text, self.seeds(row, further=further))
        ]

    def fits(self) -> Sequence[Unit]:
        """Return the unit that makes the erasure, unless it is there."""
        return [] if self.path.exists() else [Fit(*self.where, self.case)]

    @property
    def begun(self) -> bool:
        """Whether it is there and known which prompts are usable."""
        return self.path.exists() and self.baseline.looked

    @property
    def looked(self) -> bool:
        """Whether it is known what its model draws before any attack."""
        return self.begun and self.unattacked.file.exists()

    def due(self) -> Sequence[Unit]:
        """Return the units that are left until it is known what the model draws before."""
        if not self.begun:
            return []
        rows = self.baseline.counted
        some = [each for row in rows for each in candidates(row, row.text, self.seeds(row))]
        look = Look(*self.where, self.case, self.unattacked, tuple(rows), tuple(some))
        return looks(look, self.case, self.baseline.batch_size)
