"""Measures a finished run's images again, by metrics that had measured them or had not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import registry
from bench.files import Row
from bench.names import typed
from bench.results import elsewhere
from bench.results.stats import headlines
from bench.results.stats.aggregate import merged
from bench.results.store import RunFolder
from bench.results.verification import check_table
from bench.runs import record, reference
from bench.runs.per_image import PerImage, columns
from bench.runs.resolved import Resolved
from bench.types import InputError, Progress, RunRecord, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric


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
    before, metrics = checked(folder, names)
    resolved = Resolved(before.spec)
    real = real or reference.recorded(before, metrics, resolved.family, progress)
    for metric in metrics:
        metric.prepare(resolved.family, device)
    per_image = PerImage(resolved, folder, metrics, device, progress, real)
    rows = _measured_again(per_image)
    found = record.outcome(per_image, rows, before.seconds, before.provenance)
    versions = {metric.name: registry.detector_version(metric) for metric in metrics}
    scores = merged(before.scores, found.scores, (*versions, *headlines.NAMES))
    record.write_again(folder, before, rows)
    facts = dict(before.provenance)
    facts["scored_again"] = dict(facts.get("scored_again", {})) | versions
    # The suite's own metrics belong to the protocol, in the version that measured last.
    detectors = dict(facts.get("detectors", {})) | versions
    own = [metric.name for metric in resolved.metrics if metric.name in detectors]
    facts["detectors"] = {name: detectors[name] for name in own}
    return record.finish(per_image, replace(found, scores=scores), before.seconds, facts)


def checked(folder: RunFolder, names: Sequence[str]) -> tuple[RunRecord, list[Metric]]:
    """Return a finished run's record and the named metrics, all of which can read its images.

    Args:
        folder: The run's.
        names: Of metrics; empty for all that fit.

    Raises:
        InputError: the run is not finished, was changed, or has images that a metric cannot read.
    """
    if not folder.is_done():
        raise InputError(f"{folder.path} is no finished run: it has no record.json")
    found = folder.read_record()
    if elsewhere.made(found.spec):
        raise InputError(
            f"{folder.path} holds scores of images that were made elsewhere; `{typed('score')} "
            "--images` measures them again, by --metric"
        )
    resolved = Resolved(found.spec)
    kind = resolved.suite.kind
    metrics = registry.chosen_metrics(
        names,
        lambda metric: metric.reads(resolved.family, kind),
        f"metric for concepts of kind {kind} in images of {resolved.spec.model}",
    )
    resolved.check(metrics)
    check_table(folder, found)
    return found, metrics


def _measured_again(per_image: PerImage) -> list[Row]:
    """Return per_image.csv with the metrics' columns measured anew; nothing is written."""
    fresh = columns(per_image.metrics)
    rows = [row | dict.fromkeys(fresh, "") for row in per_image.folder.read_per_image()]
    for case, prompts in per_image.resolved.prompts.items():
        ids = [row["id"] for row in rows if row["case"] == case]
        if ids != [prompt.id for prompt in prompts]:
            raise InputError(
                f"{per_image.folder.path} lists other prompts for case {case} than suite "
                f"{per_image.resolved.suite.name} has now, so its images cannot be measured again"
            )
    return per_image.measure(rows, keep=False)
