"""What attacks on a case start from: the prompts whose un-erased images show the concept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from bench import registry
from bench.attacks import Attack, Budget
from bench.drawing import BATCH
from bench.metrics import _clip
from bench.models import loading
from bench.runs.resolved import Resolved
from bench.runs.trials import plan
from bench.runs.trials.candidates import candidates
from bench.runs.trials.decider import decider, decisive_metric
from bench.runs.trials.examples import apart
from bench.runs.trials.folder import code, digest
from bench.runs.trials.plan import Attempt
from bench.runs.trials.unattacked import Unattacked
from bench.runs.trials.units import Look, looks
from bench.runs.units import Unit
from bench.types import Case, Prompt, RunSpec


@dataclass
class Baseline:
    """What the un-erased model draws of a case: the attacked prompts, and an image of each."""

    resolved: Resolved
    """What the spec of its run names."""
    out: Path
    """Holds the run folders."""
    weights: str | None
    """The hash of the model's weights; None where they are not on this machine."""
    case: Case
    chosen: Sequence[Attempt]
    """The attacks, all of one budget."""
    device: str
    batch_size: int = BATCH
    """Images drawn at once."""

    @property
    def spec(self) -> RunSpec:
        """The run's spec."""
        return self.resolved.spec

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
            "amount": asdict(self.amount),
            "code": code(),
        }

    @property
    def amount(self) -> Budget:
        """The budget's prompts and images."""
        return self.chosen[0].amount

    @cached_property
    def asked(self) -> list[Prompt]:
        """The prompts of the budget."""
        return plan.targets(self.resolved, self.case, self.amount)

    @cached_property
    def unattacked(self) -> Unattacked:
        """The un-erased model's images of the prompts.

        Not the run's own: whether that is done, and drew them in other batches, decides nothing.
        """
        return unattacked(self, self.spec, {})

    @property
    def looked(self) -> bool:
        """Whether it is known which prompts are usable."""
        return self.unattacked.file.exists()

    @cached_property
    def _seen(self) -> dict[str, list[bool]]:
        return self.unattacked.seen(self.asked, 1)

    @cached_property
    def usable(self) -> list[Prompt]:
        """The prompts whose un-erased image shows the concept: for these it can come back."""
        return [row for row in self.asked if any(self._seen[row.id])]

    @property
    def counted(self) -> list[Prompt]:
        """The prompts that rates are of: the usable ones, or where there is none, all."""
        return self.usable or self.asked

    def prepare(self, here: str) -> None:
        """Load what judges, and refuse what cannot be attacked, before anything is drawn or erased.

        Args:
            here: Where this process computes, as torch names it.

        Raises:
            InputError: no image can be judged, or a prompt does not fit.
        """
        decider(self.resolved, self.case, here)
        pipe = loading.shared(self.spec.place("model"), here, self.spec.precision)
        for attempt in self.chosen:
            attempt.attack.check(pipe, self.asked)
            if attempt.cost(1).likened:
                _clip.reader(self.resolved.family, here)

    def due(self) -> Sequence[Unit]:
        """Return the units that are left until it is known which prompts are usable."""
        some = [each for row in self.asked for each in candidates(row, row.text, [row.seed])]
        where = (self.spec, self.out, self.device)
        look = Look(*where, self.case, self.unattacked, tuple(self.asked), tuple(some))
        return looks(look, None, self.batch_size)

    def batches(self, attack: Attack) -> list[list[Prompt]]:
        """Return the prompts that an attack searches for together, of one concept each.

        None where the un-erased model shows the concept for no prompt: none can come back.

        Args:
            attack: The attack.
        """
        size = len(self.usable) if attack.together else self.amount.batch
        by_concept: dict[str, list[Prompt]] = {}
        for row in self.usable:
            by_concept.setdefault(row.concept, []).append(row)
        return [
            rows[start : start + size]
            for rows in by_concept.values()
            for start in range(0, len(rows), size)
        ]

    @property
    def examples(self) -> Path:
        """The folder of the images of the concept that attacks learn from.

        Each is named by its text and seed, so all attacks and budgets share them.
        """
        facts = {"weights": self.weights, "code": code()} | self.spec.to_json()
        folder = self.out / self.spec.run_id / "attacks" / self.case.name
        return folder / f"examples-{digest(facts)}"

    def learnt_from(self, concept: str, tested: Collection[Prompt]) -> list[Prompt]:
        """Return the prompts of those images, as many as the attack needs that needs the most.

        Args:
            concept: What the images show.
            tested: Prompts of the trials; the texts and seeds are none of theirs.
        """
        counts = [
            attempt.cost(len(batch)).examples
            for attempt in self.chosen
            for batch in self.batches(attempt.attack)
        ]
        return apart(self.resolved.concepts[concept], tested, max(counts))


def unattacked(baseline: Baseline, spec: RunSpec, more: dict[str, object]) -> Unattacked:
    """Return where a model's images of a baseline's prompts are.

    Args:
        baseline: The case.
        spec: Of the model's run.
        more: What decides the images beside the baseline's facts.
    """
    facts = baseline.facts | more | spec.to_json()
    name = f"pre_asr-{baseline.chosen[0].budget}-{digest(facts)}"
    return Unattacked(baseline.out / spec.run_id / "attacks" / baseline.case.name / name)
