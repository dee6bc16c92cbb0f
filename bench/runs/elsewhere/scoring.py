"""Scores images that were made elsewhere, and keeps what was found as a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.files import Row as Cells
from bench.images import read_image
from bench.results import authority, outcome
from bench.results.stats import confirmation
from bench.results.stats.headlines import conclude
from bench.results.store import RunFolder
from bench.runs import folders, provenance, record, reference
from bench.runs.elsewhere.given import Given
from bench.runs.per_image import blank, fill, prompt_row
from bench.types import InputError, Progress, Prompt, RunRecord, Score, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric, Setting, View


@dataclass(frozen=True)
class Scored:
    """The scores of some images, and what could not be scored."""

    record: RunRecord
    damaged: tuple[str, ...]
    """Files that are there and cannot be opened."""

    @property
    def scores(self) -> Sequence[Score]:
        """The scores of the images."""
        return self.record.scores


def check(out: Path) -> None:
    """Refuse a folder that scores of images made elsewhere must not be written to.

    Args:
        out: Where they are to go.

    Raises:
        InputError: it cannot be written, or it is that of a run whose images were drawn here.
    """
    folders.check_out(out)
    if RunFolder(out.parent, out.name).spec_path.exists():
        raise InputError(f"{out} is a run's folder, which would be lost; name another with --to")


def score(
    work: Given,
    out: Path,
    *,
    device: str = "cpu",
    real: ReferenceImages | None = None,
    progress: Progress = silent,
) -> Scored:
    """Measure the images, and write them down in `out` as a finished run that was made elsewhere.

    Args:
        work: The images, what they were drawn for, and the metrics.
        out: The folder for per_image.csv, scores.csv, record.json, and the suite if there is one.
        device: Where the networks compute, as torch names it.
        real: Real images to compare with, if there are any.
        progress: Told what is under way.

    Returns:
        The scores, and what could not be scored.
    """
    from bench.metrics import Setting, View

    started = provenance.now()
    folder = RunFolder(out.parent, out.name)
    for metric in work.metrics:
        metric.prepare(work.family, device)
    classes, none = work.choice.classes, work.choice.none
    alone = Setting(work.erased, classes, work.family, device, none=none)
    unerased = work.unerased
    beside = replace(alone, unerased=unerased)
    rows = _measured(work, work.paths, work.metrics, beside, out, progress)
    mine, theirs = _by_role(work.prompts, work.paths), _by_role(work.prompts, unerased)
    view = View(mine, theirs, beside, reference=real)
    scores = _aggregated(work, rows, work.metrics, view, progress)
    before: list[Cells] = []
    scores_before: list[Score] = []
    if unerased:
        # Verdicts that were brought are on the other images.
        single = [each for each in work.metrics if not (each.relative or each.repeats)]
        before = _measured(work, unerased, single, alone, out, progress)
        scores_before = _aggregated(work, before, single, View(theirs, {}, alone), progress)
    read = authority.having_read(work.metrics, rows)
    decides = authority.decisive(read, work.family, work.erased)
    left_out = confirmation.unconfirmed(rows, before, read, work.family, work.concepts)
    scores += conclude(
        rows,
        work.spec,
        read,
        work.erased[0].kind,
        decides=decides,
        unerased=before if decides and authority.is_filled(decides, before) else [],
        left_out=left_out,
    )
    facts = _facts(work, device) | reference.facts(real) | {"started": started}
    facts["decides"] = decides.name if decides else ""
    flags = outcome.flags(work.metrics, scores, scores_before, work.family, work.erased)
    folder.write_per_image(rows)
    if work.suite:
        folders.keep(work.suite, folder)
    facts = record.stamped(folder, work.spec, facts | {"finished": provenance.now()})
    made = RunRecord(work.spec, facts, {}, tuple(scores), flags, left_out)
    opened = [path for path in map(work.images.path, work.prompts) if path is not None]
    damaged = tuple(path.name for path in opened if read_image(path) is None)
    return Scored(record.write(folder, made), damaged)


def _aggregated(
    work: Given, rows: Sequence[Cells], metrics: Sequence[Metric], view: View, progress: Progress
) -> list[Score]:
    # Nothing is said of no images, as of pairs with un-erased ones, which are not there.
    whole = {
        metric.name: [each for each in metric.of_run(view, progress) if each.n]
        for metric in metrics
    }
    return outcome.aggregated(
        rows,
        work.spec,
        metrics,
        family=work.family,
        kind=work.erased[0].kind,
        of_run={work.case: whole},
        choices=work.choice.to_json(),
        detectors=_detectors(metrics),
    )


def _detectors(metrics: Sequence[Metric]) -> dict[str, str]:
    return {metric.name: registry.detector_version(metric) for metric in metrics}


def _facts(work: Given, device: str) -> dict[str, Any]:
    """Return the provenance of the scores; how the images were drawn is not known."""
    return provenance.machine(device) | {
        "prompts_sha256": work.prompt_hash,
        "kind": work.erased[0].kind,
        "classes": work.choice.to_json(),
        "detectors": _detectors(work.metrics),
        "images": dict(work.told),
        "missing": len(work.missing),
        "original": work.original is not None,
    }


def _measured(
    work: Given,
    paths: Mapping[str, Path],
    metrics: Sequence[Metric],
    setting: Setting,
    out: Path,
    progress: Progress,
) -> list[Cells]:
    """Return a row of per_image.csv for each prompt that has an image, with all verdicts."""
    some = [each for each in work.prompts if each.id in paths]
    images = [paths[each.id] for each in some]
    rows: list[Cells] = [
        prompt_row(work.case, each, "") | {"image": _seen_from(out, path)} | blank(metrics)
        for each, path in zip(some, images, strict=True)
    ]
    for metric in metrics:
        fill(rows, metric, images, some, setting, progress)
    return rows


def _seen_from(out: Path, path: Path) -> str:
    """Return where an image is: inside the folder of its scores, else from the root."""
    whole, folder = path.resolve(), out.resolve()
    inside = whole.is_relative_to(folder)
    return (whole.relative_to(folder) if inside else whole).as_posix()


def _by_role(some: Sequence[Prompt], paths: Mapping[str, Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for prompt in some:
        if prompt.id in paths:
            found.setdefault(prompt.role, []).append(paths[prompt.id])
    return found
