"""Verdicts of raters from elsewhere on images that are there: which are meant, and who agrees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.files import check_kind
from bench.metrics import _raters
from bench.metrics.identity import Identity, read_verdicts
from bench.metrics.raters import MARK, Raters
from bench.results import agreement, authority
from bench.results.agreement import Agreement
from bench.results.store import RunFolder
from bench.types import Concept, InputError

if TYPE_CHECKING:
    from bench.metrics import Metric
    from bench.runs.elsewhere.given import Given

SHOWN = 3
"""Names of images that a message shows."""


def names(files: Iterable[Path]) -> list[str]:
    """Return the metrics that read files of verdicts, one for each question that a file answers.

    Args:
        files: CSV files, see `bench.metrics._raters.read`.

    Raises:
        InputError: one cannot be read, or two have one name.
    """
    found = []
    for file in files:
        check_kind(file)
        for question in _raters.questions(file):
            found.append(f"raters@{file}{MARK}{question}" if question else f"raters@{file}")
    twice = [registry.metric(each).name for each in found]
    for name in twice:
        if twice.count(name) > 1:
            raise InputError(f"two files of verdicts make metric {name}; rename one")
    return found


def told(
    metrics: Iterable[Metric], images: Sequence[tuple[Path, str]], cases: Sequence[str] = ()
) -> dict[str, str]:
    """Say how many images were rated, in words, by metric.

    Args:
        metrics: Those that read verdicts, and others.
        images: Each image and its prompt's id.
        cases: Those of a run, whose images of one prompt are called alike.

    Raises:
        InputError: a file is about none of the images, or does not say of which case.
    """
    found = {}
    for metric in metrics:
        known = _said(metric)
        if known is None:
            continue
        used = [set(_raters.keys(*image)) & known.keys() for image in images]
        rated = sum(map(bool, used))
        file = getattr(metric, metric.files[0])
        if not rated:
            some = ", ".join(list(known)[:SHOWN])
            raise InputError(
                f"{file} names none of the {len(images)} images: it rates {some}; the "
                f"images are {', '.join(path.name for path, _ in images[:SHOWN])}"
            )
        whole = {key for keys in used for key in keys}
        column = "a column case, or " if isinstance(metric, Raters) else ""
        if len(cases) > 1 and any("/" not in key for key in whole):
            raise InputError(
                f"{file} does not say of which case its images are, and the run has "
                f"{', '.join(cases)}; must have {column}images as case/file"
            )
        spare = len(known.keys() - whole)
        others = f"; {spare} of its images are not here" if spare else ""
        found[metric.name] = f"{rated} of {len(images)} images are rated{others}"
    return found


def _said(metric: Metric) -> Mapping[str, object] | None:
    """Return what was said elsewhere, by image; None of a metric that looks for itself."""
    if isinstance(metric, Raters):
        return _raters.read(Path(metric.verdicts), metric.question)
    if isinstance(metric, Identity) and metric.verdicts:
        return read_verdicts(Path(metric.verdicts))
    return None


def of_given(work: Given, files: Sequence[Path]) -> Given:
    """Return images made elsewhere with the verdicts on them as further metrics.

    Args:
        work: The images and their metrics.
        files: Of verdicts.

    Raises:
        InputError: see `names` and `told`.
    """
    read = [registry.metric(name) for name in names(files)]
    paths = work.paths
    said = told([*work.metrics, *read], [(paths[each.id], each.id) for each in work.prompts])
    known = {metric.name: metric for metric in (*work.metrics, *read)}
    return replace(work, metrics=tuple(known.values()), told={**work.told, **said})


def agree(
    folder: RunFolder, metrics: Sequence[Metric], family: str, concepts: Sequence[Concept]
) -> list[Agreement]:
    """Return how far raters agree, and with the detectors that looked; kept in agreement.csv.

    Args:
        folder: Where per_image.csv is.
        metrics: Those that read verdicts, and others.
        family: Model family that drew the images.
        concepts: What was erased.
    """
    rows = folder.read_per_image()
    raters = [metric for metric in metrics if isinstance(metric, Raters)]
    seen = [
        each
        for each in metrics
        if authority.is_filled(each, rows) and all(each.authority(family, one) for one in concepts)
    ]
    found = [row for each in raters for row in agreement.agreements(rows, each, seen, folder.path)]
    if found:
        agreement.write(folder.path, found)
    return found


def lines(found: Sequence[Agreement]) -> Mapping[str, str]:
    """Return agreements in words, by whose they are."""
    return {f"{each.metric}, {each.other}": each.words for each in found}
