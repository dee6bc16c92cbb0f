"""What the images of a run say, and the one place that writes it down as a finished run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.files import Row
from bench.results import authority, calibrations, protocol
from bench.results.stats import collapse, confirmation
from bench.results.stats.aggregate import aggregate
from bench.results.stats.headlines import conclude
from bench.results.store import RunFolder
from bench.results.verification import CHANGED, CHANGING
from bench.runs import costs, reference
from bench.types import ALL, ORIGINAL, Concept, Kind, RunRecord, RunSpec, Score

if TYPE_CHECKING:
    from bench.metrics import Metric, SetScore
    from bench.runs.per_image import PerImage


@dataclass(frozen=True)
class Outcome:
    """The scores of a run, the concepts that could not be judged, and the metric that decides."""

    scores: list[Score]
    unconfirmed: Mapping[str, str]
    """The concepts of which nothing can be said, and why."""
    decides: str
    """The metric that headlines and effects come from; "" for none."""


def outcome(
    per_image: PerImage,
    rows: Sequence[Row],
    seconds: Mapping[str, float],
    facts: Mapping[str, Any],
) -> Outcome:
    """Return the scores of a run, from the verdicts on its images, and what none can confirm.

    Headlines and effects come from whichever of all metrics that have measured it decides.

    Args:
        per_image: The run and its metrics.
        rows: per_image.csv.
        seconds: The run's wall-clock seconds, for costs.
        facts: The run's provenance, for where they were measured, and by what before.
    """
    resolved, spec = per_image.resolved, per_image.resolved.spec
    before = per_image.unerased
    unerased = before.read_per_image() if before else []
    every = authority.having_read(_every(per_image, facts), rows)
    decides = authority.decisive(every, resolved.family, resolved.targets)
    left_out = {}
    # Of images that nothing has looked at yet there is nothing to confirm.
    if per_image.metrics:
        left_out = confirmation.unconfirmed(
            rows,
            rows if spec.method == ORIGINAL else unerased,
            every,
            resolved.family,
            resolved.concepts,
        )
    scores = aggregated(
        rows,
        spec,
        per_image.metrics,
        family=resolved.family,
        kind=resolved.suite.kind,
        of_run=per_image.of_run(rows, costs.costs(per_image.folder, resolved, seconds, facts)),
        choices=resolved.choice.to_json(),
    )
    scores += conclude(
        rows,
        spec,
        every,
        resolved.suite.kind,
        decides=decides,
        unerased=unerased if decides and authority.is_filled(decides, unerased) else [],
        left_out=left_out,
    )
    order = [*spec.cases, ALL]
    scores.sort(key=lambda score: order.index(score.case))
    return Outcome(scores, left_out, decides.name if decides else "")


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
    return flags_by(metrics, scores, before, resolved.family, resolved.targets)


def flags_by(
    metrics: Iterable[Metric],
    scores: Sequence[Score],
    before: Sequence[Score],
    family: str,
    erased: Sequence[Concept],
) -> tuple[str, ...]:
    """Return why images with these scores must not be ranked; nothing for honest ones.

    Args:
        metrics: All that have measured.
        scores: All that there are.
        before: Those of the un-erased model's images; empty where there are none.
        family: Model family that drew the images.
        erased: What was erased.
    """
    there = {(each.metric, each.measure) for each in before or scores}
    trusted = [
        each
        for each in metrics
        if authority.tells_loss(each)
        and family not in each.kin
        and (each.name, each.measures()[0].name) in there
    ]
    # Of equals, and of those that say nothing of what was erased, the suite's first.
    decider = authority.decisive(trusted, family, erased) or next(iter(trusted), None)
    rate = (decider.name, decider.measures()[0].name) if decider else ("", "")
    return collapse.flags(scores, before, rate, family)


def aggregated(
    rows: Sequence[Row],
    spec: RunSpec,
    metrics: Sequence[Metric],
    *,
    family: str,
    kind: Kind,
    of_run: Mapping[str, Mapping[str, Sequence[SetScore]]],
    choices: Collection[str],
) -> list[Score]:
    """Return the scores of images by metrics, corrected where the detectors' errors are known.

    Args:
        rows: per_image.csv.
        spec: The run's spec.
        metrics: The metrics that measured.
        family: Model family that drew the images.
        kind: Kind of the concepts that were erased.
        of_run: By case and metric, what is said of it as a whole.
        choices: What metrics that choose may say, see `bench.prompts.choice.Choice.to_json`.
    """
    looked = calibrations.Looked(
        family=family,
        kind=kind,
        detectors={metric.name: registry.detector_version(metric) for metric in metrics},
        concepts={row["concept"] for row in rows} - {""},
        choices=choices,
    )
    readings = calibrations.readings(looked)
    return aggregate(rows, spec, metrics, family=family, of_run=of_run, readings=readings)


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
