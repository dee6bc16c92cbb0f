"""The pieces of a run's work that measure its images: they come last, and finish it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.images import ReferenceImages
from bench.runs import provenance, reference
from bench.runs.per_image import PerImage
from bench.runs.resolved import Resolved
from bench.runs.units import Clock, Kept, Unit, now
from bench.types import Progress, RunRecord


@dataclass(frozen=True)
class Measure(Unit):
    """What a run's images say, and its record: the last unit of a run."""

    names: tuple[str, ...] | None
    """Of the suite's metrics that measure; None for all."""
    real: ReferenceImages | None
    """Real images to compare with."""
    seconds: Mapping[str, float]
    """What the run took so far, by step."""
    facts: Mapping[str, Any]
    """The run's provenance so far."""

    @property
    def name(self) -> str:
        """The record."""
        return f"the scores of {self.spec.run_id}"

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Measure, aggregate, and declare the run finished."""
        # Here, so that a plan needs no scipy.
        from bench.models.erasures import read
        from bench.runs import record

        begun = now()
        resolved = kept.resolved(self.spec)
        metrics = resolved.measuring(self.names)
        with clock.step("load"):
            for metric in metrics:
                metric.prepare(resolved.family, self.device)
        per_image = PerImage(resolved, self.folder, metrics, self.device, progress, self.real)
        headers = [read(self.folder.erasure_path(case.name)) for case in resolved.cases]
        seconds = {**self.seconds, "erase": sum(each.seconds for each in headers) / len(headers)}
        facts = {**self.facts, "classes": resolved.choice.to_json(), "form": headers[0].form}
        facts |= {"plugins": resolved.plugins, "detectors": resolved.detectors(self.names)}
        with clock.step("measure"):
            rows = per_image.measure(per_image.read() or per_image.blank())
            found = record.outcome(per_image, rows, seconds, facts)
        seconds["load"] += clock.seconds["load"]
        seconds["measure"] = clock.seconds["measure"]
        seconds["total"] += now() - begun
        record.finish(per_image, found, seconds, {**facts, "finished": provenance.now()})


@dataclass(frozen=True)
class Again(Unit):
    """A finished run, to be measured again by some metrics."""

    metrics: tuple[str, ...]
    real: ReferenceImages | None
    """Real images to compare with; None for those that it was compared with, if any."""

    @property
    def name(self) -> str:
        """The record."""
        return f"the scores of {self.spec.run_id}"

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Measure it again, without drawing."""
        from bench.runs import rescore

        some = {"device": self.device, "real": self.real, "progress": progress}
        rescore.score_again(self.folder, self.metrics, **some)  # type: ignore[arg-type]


def stale(
    resolved: Resolved,
    record: RunRecord,
    real: ReferenceImages | None,
    names: tuple[str, ...] | None = None,
) -> tuple[str, ...]:
    """Return the metrics by which a finished run is to be measured, again or for the first time.

    Those that have not measured it yet; those whose detector is another now, in code or networks:
    runs that two of them measured cannot stand in one table; and, where there are real images that
    it was not compared with, those that compare with them.

    Args:
        resolved: What the run's spec names.
        record: The run's.
        real: Real images that it is to be compared with, if any.
        names: Of the suite's metrics that are asked for; None for all.
    """
    measured = record.provenance.get("detectors", {})
    due = [name for name, text in resolved.detectors(names).items() if measured.get(name) != text]
    if real is not None and not reference.compared(record, real):
        some = resolved.measuring(names)
        due += [each.name for each in some if each.least_reference(resolved.family)]
    return tuple(dict.fromkeys(due))
