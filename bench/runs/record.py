"""What the images of a run say, and the one place that writes it down as a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.files import Row
from bench.results import outcome as outcomes
from bench.results import protocol
from bench.results.outcome import Measured, Outcome
from bench.results.store import RunFolder
from bench.results.verification import CHANGED, CHANGING
from bench.runs import costs, reference
from bench.types import RunRecord, RunSpec, Score

if TYPE_CHECKING:
    from bench.metrics import Metric
    from bench.runs.per_image import PerImage


def outcome(
    per_image: PerImage,
    rows: Sequence[Row],
    seconds: Mapping[str, float],
    facts: Mapping[str, Any],
) -> Outcome:
    """Return the scores of a run, from the verdicts on its images, and what none can confirm.

    Args:
        per_image: The run and its metrics.
        rows: per_image.csv.
        seconds: The run's wall-clock seconds, for costs.
        facts: The run's provenance, for where they were measured, and by what before.
    """
    resolved, before = per_image.resolved, per_image.unerased
    seen = Measured(
        spec=resolved.spec,
        rows=rows,
        unerased=before.read_per_image() if before else [],
        metrics=per_image.metrics,
        every=_every(per_image, facts),
        detectors={each.name: registry.detector_version(each) for each in per_image.metrics},
        of_run=per_image.of_run(rows, costs.costs(per_image.folder, resolved, seconds, facts)),
        family=resolved.family,
        kind=resolved.suite.kind,
        erased=resolved.targets,
        concepts=resolved.concepts,
        choices=resolved.choice.to_json(),
    )
    return outcomes.outcome(seen)


def flags_of(
    per_image: PerImage, scores: Sequence[Score], facts: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return why a run with these scores must not be ranked; nothing for an honest one.

    Args:
        per_image: The run and its metrics.
        scores: All that there are.
        facts: The run's provenance, for what has measured it before.
    """
    resolved, unerased = per_image.resolved, per_image.unerased
    before = unerased.read_record().scores if unerased else ()
    metrics = _every(per_image, facts)
    return outcomes.flags(metrics, scores, before, resolved.family, resolved.targets)


def finish(
    per_image: PerImage,
    found: Outcome,
    seconds: Mapping[str, float],
    facts: Mapping[str, Any],
) -> RunRecord:
    """Write scores.csv and then the record, which declares a measured run finished.

    Args:
        per_image: The run, whose per_image.csv is written.
        found: What its images say.
        seconds: The run's wall-clock seconds.
        facts: The run's provenance so far; what measuring decides of it is added here.
    """
    spec, folder = per_image.resolved.spec, per_image.folder
    whole = {**facts, **reference.facts(per_image.reference), "decides": found.decides}
    whole.pop(CHANGING, None)
    whole = stamped(folder, spec, whole)
    flags = flags_of(per_image, found.scores, whole)
    record = RunRecord(spec, whole, dict(seconds), tuple(found.scores), flags, found.unconfirmed)
    return write(folder, record)


def stamped(folder: RunFolder, spec: RunSpec, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's provenance with the hashes of its protocol and of its per_image.csv.

    Args:
        folder: The run's; per_image.csv is written.
        spec: The run's.
        facts: The rest of its provenance.
    """
    return {
        **facts,
        CHANGED: folder.per_image_hash(),
        "protocol": protocol.digest(protocol.of(spec, facts)),
    }


def write(folder: RunFolder, record: RunRecord) -> RunRecord:
    """Write a finished run's scores, to scores.csv and in its record; nothing else does.

    Args:
        folder: The run's.
        record: What is known of it now.

    Returns:
        The record.
    """
    folder.write_scores(record.scores)
    folder.write_record(record)
    folder.sums.settle()
    return record


def write_again(folder: RunFolder, record: RunRecord, rows: Sequence[Row]) -> None:
    """Write other rows to a finished run's per_image.csv, announced in its record beforehand.

    So whoever is stopped in between can tell that nobody else has edited them.

    Args:
        folder: The run's.
        record: What is known of it so far.
        rows: The new rows.
    """
    facts = dict(record.provenance) | {CHANGING: folder.per_image_digest(rows)}
    folder.write_record(replace(record, provenance=facts))
    folder.write_per_image(rows)


def _every(per_image: PerImage, facts: Mapping[str, Any]) -> list[Metric]:
    """Return the suite's metrics, those that measured the run since, and those that do now."""
    again = map(registry.metric, facts.get("scored_again", ()))
    found = (*per_image.resolved.metrics, *again, *per_image.metrics)
    return list({metric.name: metric for metric in found}.values())
