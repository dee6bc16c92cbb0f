"""Scores of measured images: aggregates them beside the un-erased model, and again on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench import collapse, meter, protocol, reference, registry
from bench.content import Content
from bench.measure import Measuring, columns
from bench.scores import aggregate, is_of, merged
from bench.store import Row, RunFolder
from bench.types import InputError, Progress, RunRecord, Score, silent

if TYPE_CHECKING:
    from bench.metrics import Metric
    from bench.reference import ReferenceImages

CHANGED = "per_image_sha256"
CHANGING = "per_image_sha256_next"
"""Names in a record's provenance of the hash of per_image.csv, and of what it is about to be."""


def scores_of(
    measuring: Measuring,
    rows: Sequence[Row],
    seconds: Mapping[str, float],
    facts: Mapping[str, Any],
) -> list[Score]:
    """Return a run's scores by the metrics that measure it, the first one's headline among them.

    Args:
        measuring: The run and its metrics.
        rows: per_image.csv.
        seconds: The run's wall-clock seconds, for costs.
        facts: The run's provenance, for where they were measured.
    """
    content, unerased = measuring.content, measuring.unerased
    costs = meter.costs(measuring.folder, content, seconds, facts)
    return aggregate(
        rows,
        content.spec,
        measuring.metrics,
        content.suite.kind,
        family=content.family,
        of_run=measuring.of_run(rows, costs),
        unerased=unerased.read_per_image() if unerased else (),
    )


def flags_of(measuring: Measuring, scores: Sequence[Score]) -> tuple[str, ...]:
    """Return why a run with these scores must not be ranked; nothing for an honest one."""
    content, unerased = measuring.content, measuring.unerased
    before = unerased.read_record().scores if unerased else ()
    return collapse.flags(scores, before, _rate(content.metrics), content.family)


def _rate(metrics: Sequence[Metric]) -> str:
    """Return the first score that says how many images show their own concept; "" for none.

    Nudity's share does not: a far image without any exposed part has lost nothing.
    """
    mains = (metric.measures()[0] for metric in metrics)
    return next((m.name for m in mains if m.direction == "by role" and m.statistic == "share"), "")


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
        real: Pictures to compare with; None for those that the run was compared with, if any.
        progress: Told what is under way.

    Raises:
        InputError: the run is not finished or was edited by hand, a metric cannot measure it, or
            the pictures that it was compared with are others now.
    """
    record, metrics = checked(folder, names)
    content = Content(record.spec)
    real = real or reference.recorded(record, metrics, content.family, progress)
    for metric in metrics:
        metric.prepare(content.family, device)
    rows = _measured(Measuring(content, folder, metrics, device, progress))
    first = content.metrics[0]
    own = [metric for metric in metrics if metric.name != first.name]
    measuring = Measuring(content, folder, [first, *own], device, progress, real)
    fresh = scores_of(measuring, rows, record.seconds, record.provenance)
    if own == metrics:
        # The first metric only lent its place: headlines are made from it, and stay as they are.
        fresh = [score for score in fresh if is_of(score, metrics, content.suite.kind)]
    scores = tuple(merged(record.scores, fresh, metrics))
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
    facts["protocol"] = protocol.digest(protocol.of(record.spec, facts))
    done = replace(record, provenance=facts, scores=scores, flags=flags_of(measuring, scores))
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
    known = {record.provenance.get(name) for name in (CHANGED, CHANGING)} - {None}
    if known and folder.per_image_hash() not in known:
        raise InputError(
            f"{folder.per_image_path} was changed since the run wrote it; put it back, or delete "
            "it and record.json, and `bench run` with the same options measures its images again"
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
