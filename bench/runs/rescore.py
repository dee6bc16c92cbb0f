"""Scores of measured images: aggregates them beside the un-erased model, and again on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.files import Row
from bench.names import typed
from bench.results import authority, calibrations, protocol
from bench.results.stats import collapse, confirmation, headlines
from bench.results.stats.aggregate import ALL, aggregate, merged
from bench.results.stats.headlines import conclude
from bench.results.store import RunFolder
from bench.runs import costs, reference
from bench.runs.measure import Measuring, columns
from bench.runs.resolved import Content
from bench.types import ORIGINAL, InputError, Progress, RunRecord, Score, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric

CHANGED = "per_image_sha256"
CHANGING = "per_image_sha256_next"
"""Names in a record's provenance of the hash of per_image.csv, and of what it is about to be."""


@dataclass(frozen=True)
class Outcome:
    """What the images of a run say of it."""

    scores: list[Score]
    unconfirmed: Mapping[str, str]
    """The concepts of which nothing can be said, and why."""
    decides: str
    """The metric that headlines and effects come from; "" for none."""


def outcome(
    measuring: Measuring,
    rows: Sequence[Row],
    seconds: Mapping[str, float],
    facts: Mapping[str, Any],
) -> Outcome:
    """Return what a run's images say of it, by the metrics that measure it.

    Headlines and effects come from whichever of all metrics that have measured it decides.

    Args:
        measuring: The run and its metrics.
        rows: per_image.csv.
        seconds: The run's wall-clock seconds, for costs.
        facts: The run's provenance, for where they were measured, and by what before.
    """
    content, spec = measuring.content, measuring.content.spec
    before = measuring.unerased
    unerased = before.read_per_image() if before else []
    every = [each for each in _every(measuring, facts) if authority.has_measured(each, rows)]
    decides = authority.decisive(every, content.family, content.targets)
    left_out = confirmation.unconfirmed(
        rows,
        rows if spec.method == ORIGINAL else unerased,
        every,
        content.family,
        content.concepts,
    )
    scores = aggregate(
        rows,
        spec,
        measuring.metrics,
        family=content.family,
        of_run=measuring.of_run(rows, costs.costs(measuring.folder, content, seconds, facts)),
        readings=calibrations.readings(
            calibrations.Looked(
                family=content.family,
                kind=content.suite.kind,
                detectors={each.name: registry.detector(each) for each in measuring.metrics},
                concepts={row["concept"] for row in rows} - {""},
                choices=content.choice.to_json(),
            )
        ),
    )
    scores += conclude(
        rows,
        spec,
        every,
        content.suite.kind,
        decides=decides,
        unerased=unerased if decides and authority.has_measured(decides, unerased) else [],
        left_out=left_out,
    )
    order = [*spec.cases, ALL]
    scores.sort(key=lambda score: order.index(score.case))
    return Outcome(scores, left_out, decides.name if decides else "")


def flags_of(
    measuring: Measuring, scores: Sequence[Score], facts: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return why a run with these scores must not be ranked; nothing for an honest one.

    Args:
        measuring: The run and its metrics.
        scores: All that there are.
        facts: The run's provenance, for what has measured it before.
    """
    content, unerased = measuring.content, measuring.unerased
    before = unerased.read_record().scores if unerased else ()
    there = {score.metric for score in before} or {score.metric for score in scores}
    eyes = [
        each
        for each in _every(measuring, facts)
        if authority.tells_loss(each)
        and content.family not in each.kin
        and each.measures()[0].name in there
    ]
    # Of equals, and of those that say nothing of what was erased, the suite's first.
    eye = authority.decisive(eyes, content.family, content.targets) or next(iter(eyes), None)
    name = eye.measures()[0].name if eye else ""
    return collapse.flags(scores, before, name, content.family)


def _every(measuring: Measuring, facts: Mapping[str, Any]) -> list[Metric]:
    """Return the suite's metrics, those that measured the run since, and those that do now."""
    again = map(registry.metric, facts.get("scored_again", ()))
    found = (*measuring.content.metrics, *again, *measuring.metrics)
    return list({metric.name: metric for metric in found}.values())


def score_again(
    folder: RunFolder,
    names: Sequence[str],
    *,
    device: str = "cpu",
    real: ReferenceImages | None = None,
    progress: Progress = silent,
) -> RunRecord:
    """Measure a finished run's images by some metrics, anew or for the first time.

    The numbers of other metrics stay. Stopped at any time, the same call ends with the same files.

    Args:
        folder: The run's.
        names: Metrics.
        device: Where to compute.
        real: Images to compare with; None for those that the run was compared with, if any.
        progress: Told what is under way.

    Raises:
        InputError: the run is not finished or was edited by hand, a metric cannot measure it, or
            the images that it was compared with are others now.
    """
    record, metrics = checked(folder, names)
    content = Content(record.spec)
    real = real or reference.recorded(record, metrics, content.family, progress)
    for metric in metrics:
        metric.prepare(content.family, device)
    measuring = Measuring(content, folder, metrics, device, progress, real)
    rows = _measured(measuring)
    found = outcome(measuring, rows, record.seconds, record.provenance)
    names = [metric.name for metric in metrics]
    scores = tuple(merged(record.scores, found.scores, (*names, *headlines.NAMES)))
    facts = dict(record.provenance) | {CHANGING: folder.per_image_digest(rows)}
    facts |= reference.facts(real)
    folder.write_record(replace(record, provenance=facts))
    folder.write_per_image(rows)
    folder.write_scores(scores)
    facts |= {CHANGED: facts.pop(CHANGING)}
    versions = {metric.name: registry.detector(metric) for metric in metrics}
    facts["scored_again"] = dict(facts.get("scored_again", {})) | versions
    # The suite's own metrics belong to the protocol, in the version that measured last.
    detectors = facts.get("detectors", {})
    facts["detectors"] = {name: versions.get(name, text) for name, text in detectors.items()}
    facts["decides"] = found.decides
    facts["protocol"] = protocol.digest(protocol.of(record.spec, facts))
    done = replace(
        record,
        provenance=facts,
        scores=scores,
        flags=flags_of(measuring, scores, facts),
        unconfirmed=found.unconfirmed,
    )
    folder.write_record(done)
    return done


def checked(folder: RunFolder, names: Sequence[str]) -> tuple[RunRecord, list[Metric]]:
    """Return a finished run's record and the metrics by name, or refuse as `score_again` does."""
    if not folder.is_done():
        raise InputError(f"{folder.path} is no finished run: it has no record.json")
    record = folder.read_record()
    content = Content(record.spec)
    kind = content.suite.kind
    metrics = registry.chosen_metrics(
        names,
        lambda metric: metric.reads(content.family, kind),
        f"metric for concepts of kind {kind} in images of {content.spec.model}",
    )
    content.check(metrics)
    known = {record.provenance.get(name) for name in (CHANGED, CHANGING)} - {None}
    if known and folder.per_image_hash() not in known:
        raise InputError(
            f"{folder.per_image_path} was changed since the run wrote it; put it back, or delete "
            f"it and record.json, and `{typed('run')}` with the same options measures its images "
            "again"
        )
    return record, metrics


def _measured(measuring: Measuring) -> list[Row]:
    """Return per_image.csv with the metrics' columns measured anew; nothing is written."""
    fresh = columns(measuring.metrics)
    rows = [row | dict.fromkeys(fresh, "") for row in measuring.folder.read_per_image()]
    for case, prompts in measuring.content.prompts.items():
        ids = [row["id"] for row in rows if row["case"] == case]
        if ids != [prompt.id for prompt in prompts]:
            raise InputError(
                f"{measuring.folder.path} lists other prompts for case {case} than suite "
                f"{measuring.content.suite.name} has now, so its images cannot be measured again"
            )
    return measuring.measure(rows, keep=False)
