"""What is to be tuned, and by what: the same for every method, and checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench import registry
from bench.results.stats.axes import OVERALL
from bench.results.stats.headlines import HEADLINES
from bench.runs import grid
from bench.runs.resolved import Resolved
from bench.runs.tuning import space
from bench.types import InputError, Option, Precision, RunSpec

MODEL = "mini"
CASES: Mapping[str, tuple[str, ...]] = {
    "objects": ("ship", "deer"),
    "styles": ("sepia",),
    "people": ("darwin",),
}
"""The development cases by suite: two objects, a style and a person. No reported table has them."""
PER_TRIAL = 12_000
"""U-Net evaluations that one erasure may take: what the dearest of mini's presets takes, and some
more."""


@dataclass(frozen=True)
class Task:
    """The tuning of one method."""

    method: str
    trials: int = 20
    """Settings that are tried, the preset's first."""
    size: str = "smoke"
    """Of the suites, which decides the images a trial draws."""
    objective: str = OVERALL
    """`H_all`, or another headline that all suites have; its mean over the cases is maximised."""
    budget: int = PER_TRIAL
    """U-Net evaluations that the erasure of one case may take; a trial beyond it does not count."""
    seed: int = 0
    """Of the erasures and of what is tried."""
    precision: Precision = "fp32"
    """What the model computes in."""

    @cached_property
    def entry(self) -> registry.Entry:
        """The method."""
        return registry.method(self.method)

    @property
    def preset(self) -> dict[str, Option]:
        """The options that are searched, as mini's preset has them."""
        values = registry.options(self.entry, MODEL)
        return {name: values[name] for name in self.entry.space}

    @property
    def facts(self) -> dict[str, object]:
        """All that decides what a trial comes to; the number of trials does not."""
        return {
            "method": self.method,
            "version": self.entry.version,
            "size": self.size,
            "objective": self.objective,
            "budget": self.budget,
            "seed": self.seed,
            "precision": self.precision,
            "space": space.described(self.entry.space),
            "suites": [specs[0].suite_version for specs in self.of_preset],
        }

    @cached_property
    def of_preset(self) -> list[list[RunSpec]]:
        """The runs of the preset, the un-erased model's first, suite by suite."""
        return [
            grid.specs(
                [self.method],
                model=MODEL,
                suite=suite,
                size=self.size,
                concepts=cases,
                seeds=[self.seed],
                settings=[],
                precision=self.precision,
            )
            for suite, cases in CASES.items()
        ]

    def runs(self, values: Mapping[str, Option]) -> list[list[RunSpec]]:
        """Return the runs of a trial, the un-erased model's first, suite by suite.

        Args:
            values: Options by name; those left out are the preset's.

        Raises:
            InputError: a value is none that its option takes.
        """
        settings = [f"{name}={registry.written(value)}" for name, value in values.items()]
        options = registry.options(self.entry, MODEL, settings)
        return [[*first, replace(last, options=options)] for *first, last in self.of_preset]

    def check(self) -> None:
        """Refuse what cannot be tuned; needs no torch.

        Raises:
            InputError: the method, its space, the size or the objective is not there.
        """
        space.check(self.entry)
        kinds = [Resolved(specs[0]).suite.kind for specs in self.of_preset]
        shared = [
            {name for each in HEADLINES.get(kind, ()) for name in each.measures.values()}
            for kind in kinds
        ]
        every = set.intersection(*shared)
        if self.objective not in {OVERALL, *every}:
            raise InputError(
                f"unknown objective '{self.objective}'; choices: "
                f"{', '.join([OVERALL, *sorted(every)])}, which all of {', '.join(CASES)} have"
            )

    def describe(self, log: Path, done: int) -> list[str]:
        """Return in words what would be done.

        Args:
            log: The file that keeps the trials.
            done: Trials that it holds.
        """
        runs = [Resolved(specs[0]) for specs in self.of_preset]
        images = sum(len(some) for each in runs for some in each.prompts.values())
        cases = ", ".join(case for some in CASES.values() for case in some)
        searched = space.described(self.entry.space)
        return [
            f"{self.method}: {max(0, self.trials - done)} of {self.trials} trials left, in {log}",
            f"  cases      {cases}; {images} images a trial, size {self.size}, {self.precision}",
            f"  objective  {self.objective}, the mean over the cases; at most {self.budget} U-Net "
            "evaluations an erasure",
            *(f"  {'space' * (not i):<9}  {line}" for i, line in enumerate(searched)),
        ]
