"""An erasure under attack: the erased model of one case of a run, and what it draws before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import digests
from bench.attacks import guard
from bench.results.store import RunFolder
from bench.runs import erasing
from bench.runs.resolved import Resolved
from bench.runs.trials.baseline import Baseline, unattacked
from bench.runs.trials.unattacked import Unattacked
from bench.types import RunSpec

LOOKED_AT = 2
"""Prompts by which it is found out whether a search sees an erasure."""


@dataclass(eq=False)
class Erasure:
    """The erasure of one case of a run, which all attacks on it share."""

    spec: RunSpec
    run_folder: RunFolder
    baseline: Baseline

    @cached_property
    def path(self) -> Path:
        """The erasure's file."""
        return self.run_folder.erasure_path(self.baseline.case.name)

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
        return unattacked(self.baseline, self.spec, self.run_folder, {"erasure": self.hash})

    @cached_property
    def pipe(self) -> Any:
        """The erased pipeline."""
        return erasing.apply(Resolved(self.spec), self.baseline.case, self.baseline.pipe, self.path)

    @cached_property
    def before(self) -> dict[str, list[bool]]:
        """In which images the concept is seen before any attack, by prompt id."""
        baseline = self.baseline
        return self.unattacked.seen(
            baseline.counted,
            {row.id: baseline.seeds(row, self.spec.seed) for row in baseline.counted},
            lambda: self.pipe,
            lambda: baseline.decider,
            self.spec.sampler,
            baseline.progress,
        )

    @cached_property
    def unseen(self) -> bool:
        """Whether a search that predicts for prompts alone sees nothing of the erasure."""
        baseline = self.baseline
        rows = baseline.usable[:LOOKED_AT]
        images = [baseline.images[row.id] for row in rows]
        return guard.unseen(baseline.pipe, self.pipe, [row.text for row in rows], images)

    def release(self) -> None:
        """Forget the erased pipeline, so that only one is in memory at a time."""
        self.__dict__.pop("pipe", None)
