"""What attacks on a case start from: the prompts whose un-erased images show the concept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import registry
from bench.attacks import BUDGETS
from bench.metrics import _clip
from bench.models import loading
from bench.models.generate import generate
from bench.results.store import RunFolder
from bench.runs.resolved import Resolved
from bench.runs.trials import plan
from bench.runs.trials.candidates import seeds
from bench.runs.trials.decider import Decider, decider, decisive_metric
from bench.runs.trials.examples import apart
from bench.runs.trials.folder import code, digest
from bench.runs.trials.plan import Attempt
from bench.runs.trials.unattacked import Unattacked
from bench.types import Case, Concept, Progress, Prompt, RunSpec


@dataclass
class Baseline:
    """What the un-erased model draws of a case: the attacked prompts, and an image of each."""

    resolved: Resolved
    """What the spec of its run names."""
    folder: RunFolder
    """The un-erased model's run."""
    weights: str | None
    """The hash of the model's weights; None where they are not on this machine."""
    case: Case
    attempt: Attempt
    device: str
    progress: Progress

    @property
    def spec(self) -> RunSpec:
        """The run's spec."""
        return self.resolved.spec

    @cached_property
    def pipe(self) -> Any:
        """The un-erased pipeline."""
        return loading.shared(self.spec.place("model"), self.device, self.spec.precision)

    @cached_property
    def decider(self) -> Decider:
        """What decides whether an image shows the concept."""
        return decider(self.resolved, self.case, self.device)

    @cached_property
    def facts(self) -> dict[str, object]:
        """All that decides which prompts count, beside the run's spec: part of a trial's name.

        The spec has the model's name, the sampler, the precision and the seed.
        """
        metric = decisive_metric(self.resolved, self.case)
        setting = self.resolved.setting(self.case, "", {})
        return {
            "weights": self.weights,
            "prompts": self.resolved.prompt_hash,
            "concepts": [asdict(concept) for concept in (*setting.erased, *setting.classes)],
            "none": setting.none,
            "detector": [metric.name, registry.detector_version(metric)],
            "amount": asdict(BUDGETS[self.attempt.budget]),
            "code": code(),
        }

    @cached_property
    def asked(self) -> list[Prompt]:
        """The prompts of the budget."""
        return plan.targets(self.resolved, self.case, self.attempt.amount)

    @property
    def unattacked(self) -> Unattacked:
        """The un-erased model's images of the prompts.

        Not the run's own: whether that is done, and drew them in other batches, decides nothing.
        """
        return unattacked(self, self.spec, self.folder, {})

    @cached_property
    def images(self) -> dict[str, Path]:
        """The un-erased model's image of each prompt that is asked, by its id."""
        return {name: self.unattacked.image(name) for name in self._seen}

    @cached_property
    def _seen(self) -> dict[str, list[bool]]:
        return self.unattacked.seen(
            self.asked,
            {row.id: [row.seed] for row in self.asked},
            lambda: self.pipe,
            lambda: self.decider,
            self.spec.sampler,
            self.progress,
        )

    @cached_property
    def usable(self) -> list[Prompt]:
        """The prompts whose un-erased image shows the concept: for these it can come back."""
        return [row for row in self.asked if any(self._seen[row.id])]

    @property
    def counted(self) -> list[Prompt]:
        """The prompts that rates are of: the usable ones, or where there is none, all."""
        return self.usable or self.asked

    def seeds(self, row: Prompt, run_seed: int, *, further: bool = False) -> list[int]:
        """Return the seeds that a prompt is drawn with before an attack, or further ones.

        Args:
            row: The prompt.
            run_seed: The run's.
            further: Return as many others instead.
        """
        return seeds(row, run_seed, self.attempt.amount.candidates, further=further)

    def prepare(self, chosen: Sequence[Attempt]) -> None:
        """Refuse what cannot be attacked or judged, before anything is erased.

        Raises:
            InputError: see `attack`.
        """
        for attempt in chosen:
            attack = registry.load_attack(attempt.entry, attempt.options)
            attack.check(self.pipe, self.asked)
            if attempt.cost(1).likened:
                _clip.reader(self.resolved.family, self.device)
        # Loaded, drawn and judged now, so that what fails does so before anything is erased.
        _ = self.decider, self.usable

    def examples(
        self, concept: Concept, tested: Collection[Prompt], count: int
    ) -> tuple[Path, ...]:
        """Return the un-erased model's images of a concept for prompts of their own.

        Args:
            concept: What the images show.
            tested: Prompts of the trial; none of their texts and seeds is drawn here.
            count: Number of images.
        """
        rows = apart(concept, tested, count)
        if not rows:
            return ()
        # Each is named by its text and seed, so all attacks and budgets share them.
        facts = {"weights": self.weights, "code": code()} | self.spec.to_json()
        folder = self.folder.path / "attacks" / self.case.name / f"examples-{digest(facts)}"
        return tuple(generate(self.pipe, rows, folder, self.spec.sampler, progress=self.progress))


def unattacked(
    baseline: Baseline, spec: RunSpec, run: RunFolder, more: dict[str, object]
) -> Unattacked:
    """Return where a model's images of a baseline's prompts are.

    Args:
        baseline: The case.
        spec: Of the model's run.
        run: That run's folder.
        more: What decides the images beside the baseline's facts.
    """
    name = f"pre_asr-{baseline.attempt.budget}-{digest(baseline.facts | more | spec.to_json())}"
    return Unattacked(run.path / "attacks" / baseline.case.name / name)
