"""Scores images that were made elsewhere: a folder of images and a prompt file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import prompts, registry
from bench.files import Row as Cells
from bench.images import read_image
from bench.models import recognition
from bench.names import find
from bench.prompts.choice import Choice, choice
from bench.prompts.importers import there
from bench.prompts.importers.columns import AS_NAMED, Named
from bench.results import authority
from bench.results.stats import confirmation
from bench.results.stats.headlines import conclude
from bench.results.store import RunFolder
from bench.runs import matching, record
from bench.runs.matching import Matched, Row
from bench.runs.per_image import blank, fill, prompt_row
from bench.types import Concept, InputError, Progress, Prompt, RunSpec, Sampler, Score, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric, Setting

CASE = "given"
"""The case that these images are."""


@dataclass(frozen=True)
class Given:
    """A folder of images made elsewhere, the prompts of each, and the metrics to score them by."""

    folder: Path
    prompts: tuple[Prompt, ...]
    """What the file says of this erasure, in its roles there."""
    images: Matched
    """Where the image of each is."""
    original: Matched | None
    """Where the un-erased model's image of each is, if they are given."""
    told: Mapping[str, str]
    """What was found out about the file and the folder, in words, by what it is about."""
    left_out: tuple[Prompt, ...]
    """Rows that are written for other concepts alone."""
    missing: tuple[str, ...]
    """Files that the prompts name and that are not there."""
    erased: tuple[Concept, ...]
    choice: Choice
    """What a verdict chooses from."""
    family: str
    metrics: tuple[Metric, ...]
    spec: RunSpec
    """What a run of this would be called: the folder is the method, the prompt file the suite."""

    @property
    def paths(self) -> dict[str, Path]:
        """The image of each prompt, by its id; what is missing is called as it would be."""
        return {
            each.id: self.images.path(each) or self.folder / f"{each.id}.png"
            for each in self.prompts
        }

    @property
    def unerased(self) -> dict[str, Path]:
        """The un-erased model's image of each prompt that has one, by its id."""
        found = self.original.paths if self.original else {}
        return {each.id: found[each.id] for each in self.prompts if each.id in found}


@dataclass(frozen=True)
class Scored:
    """The scores of some images, and what could not be scored."""

    scores: list[Score]
    damaged: tuple[str, ...]
    """Files that are there and cannot be opened."""
    unconfirmed: Mapping[str, str]
    """The concepts that no independent metric saw in the un-erased model's images, and why."""


def given(
    folder: Path,
    prompt_file: Path,
    *,
    erased: Sequence[str],
    model: str,
    metrics: Sequence[str] = (),
    compared: bool = False,
    original: Path | None = None,
    concept: str = "",
    named: Named = AS_NAMED,
) -> Given:
    """Check what is there and what is asked, without torch.

    Args:
        folder: Images, found as `bench.runs.matching` does; some may be missing, and are counted.
        prompt_file: Ours, or of any format that can be imported.
        erased: Names of the concepts that were erased together, of one kind.
        model: Whose images these are, which decides who can read them.
        metrics: Names; empty for those that can tell whether images show what was erased.
        compared: Whether there are real images to compare with.
        original: The un-erased model's images of the same prompts.
        concept: What the prompts show, where the file does not say.
        named: What the user says of the file's columns.

    Raises:
        InputError: nothing is there, or a name is unknown.
    """
    known = prompts.concepts()
    concepts = tuple(known[find("concept", name, known)] for name in dict.fromkeys(erased))
    kinds = dict.fromkeys(concept.kind for concept in concepts)
    if len(kinds) != 1:
        raise InputError(f"--erased names concepts of kinds {', '.join(kinds)}; must be of one")
    read = there.read(prompt_file, known, concept=concept, named=named)
    for name in dict.fromkeys(row.concept for row in read.prompts if row.concept):
        find(f"concept in {prompt_file}", name, known)
    lines = [Row(*each) for each in zip(read.prompts, read.numbers, read.files, strict=True)]
    images = matching.matched(folder, lines)
    written = images.prompts
    rows = prompts.of_erasure(written, [concept.name for concept in concepts], known)
    if not rows:
        raise InputError(f"{prompt_file} has no row that an erasure of {', '.join(erased)} needs")
    missing = tuple(f"{row.id}.png" for row in rows if images.path(row) is None)
    if len(missing) == len(rows):
        raise InputError(f"{folder} has none of the {len(rows)} images of this erasure")
    before = None if original is None else matching.matched(original, lines)
    recognition.check(model)
    family = recognition.family(model)
    names = dict.fromkeys([*erased, *(row.concept for row in written if row.concept)])
    shown = tuple(known[name] for name in names)
    # Images of all that a closed suite erases are its protocol's, whoever drew them.
    closed = [suite for suite in prompts.suites().values() if suite.closed]
    whole = any(names.keys() == set(suite.erased) for suite in closed)
    version = hashlib.sha256(prompt_file.read_bytes()).hexdigest()[:8]
    spec = RunSpec(
        method=folder.resolve().name,
        options={},
        model=model,
        suite=prompt_file.stem,
        suite_version=version,
        cases=(CASE,),
        size=CASE,
        sampler=Sampler(0, 0.0),
        seed=0,
    )
    return Given(
        folder,
        rows,
        images,
        before,
        {**read.told, "images": images.how, **_spare(images)},
        tuple(row for row in written if row.id not in {each.id for each in rows}),
        missing,
        concepts,
        choice(shown, prompts.others(), closed=whole),
        family,
        _metrics(metrics, concepts, rows, family, model, compared, paired=before is not None),
        spec,
    )


def _metrics(
    names: Sequence[str],
    erased: Sequence[Concept],
    rows: Sequence[Prompt],
    family: str,
    model: str,
    compared: bool,
    *,
    paired: bool,
) -> tuple[Metric, ...]:
    def fits(metric: Metric) -> bool:
        """Say whether it reads single images, compares with real ones, or with un-erased ones."""
        single = bool(metric.columns) and (paired or not metric.relative)
        alone = single or (compared and metric.least_reference(family) > 0)
        return alone and metric.reads(family, kind)

    kind = erased[0].kind
    what = f"metric for single images of {model} and concepts of kind {kind}"
    found = registry.chosen_metrics(names, fits, what)
    if not found:
        every = list(registry.usable_metrics().values())
        found = authority.trusted(every, [family], erased, rows)
        found += [each for each in every if each.least_reference(family) and fits(each)]
    if not found:
        raise InputError(
            f"no metric tells whether images of {model} show "
            f"{', '.join(concept.name for concept in erased)}; name what is to be measured with "
            "--metric"
        )
    for metric in found:
        metric.check(family, erased, rows)
    return tuple(found)


def _spare(images: Matched) -> Mapping[str, str]:
    """Say how many images belong to no prompt; nothing where each does."""
    return {"spare": f"{images.spare} images belong to no prompt"} if images.spare else {}


def score(
    work: Given,
    out: Path,
    *,
    device: str = "cpu",
    real: ReferenceImages | None = None,
    progress: Progress = silent,
) -> Scored:
    """Measure the images, and write per_image.csv and scores.csv to `out`.

    Args:
        work: The images, what they were drawn for, and the metrics.
        out: The folder for both files.
        device: Where the networks compute, as torch names it.
        real: Real images to compare with, if there are any.
        progress: Told what is under way.

    Returns:
        The scores, and what could not be scored.
    """
    from bench.metrics import Setting, View

    for metric in work.metrics:
        metric.prepare(work.family, device)
    classes, none = work.choice.classes, work.choice.none
    setting = Setting(work.erased, classes, work.family, device, none=none)
    unerased = work.unerased
    single = [metric for metric in work.metrics if not metric.relative]
    before = _measured(work, unerased, single, setting, progress) if unerased else []
    setting = replace(setting, unerased=unerased)
    rows = _measured(work, work.paths, work.metrics, setting, progress)
    mine, theirs = _by_role(work.prompts, work.paths), _by_role(work.prompts, unerased)
    view = View(mine, theirs, setting, reference=real)
    # Nothing is said of no images, as of pairs with un-erased ones, which are not there.
    whole = {
        metric.name: [each for each in metric.of_run(view, progress) if each.n]
        for metric in work.metrics
    }
    left_out = confirmation.unconfirmed(rows, before, work.metrics, work.family, prompts.concepts())
    scores = record.aggregated(
        rows,
        work.spec,
        work.metrics,
        family=work.family,
        kind=work.erased[0].kind,
        of_run={CASE: whole},
        choices=work.choice.to_json(),
    )
    scores += conclude(
        rows,
        work.spec,
        work.metrics,
        work.erased[0].kind,
        decides=authority.decisive(work.metrics, work.family, work.erased),
        unerased=before,
        left_out=left_out,
    )
    folder = RunFolder(out.parent, out.name)
    folder.write_per_image(rows)
    folder.write_scores(scores)
    opened = [path for path in map(work.images.path, work.prompts) if path is not None]
    damaged = tuple(path.name for path in opened if read_image(path) is None)
    return Scored(scores, damaged, left_out)


def _measured(
    work: Given,
    paths: Mapping[str, Path],
    metrics: Sequence[Metric],
    setting: Setting,
    progress: Progress,
) -> list[Cells]:
    """Return a row of per_image.csv for each prompt that has an image, with all verdicts."""
    some = [each for each in work.prompts if each.id in paths]
    images = [paths[each.id] for each in some]
    rows: list[Cells] = [
        prompt_row(CASE, each, "") | {"image": path.as_posix()} | blank(metrics)
        for each, path in zip(some, images, strict=True)
    ]
    for metric in metrics:
        fill(rows, metric, images, some, setting, progress)
    return rows


def _by_role(some: Sequence[Prompt], paths: Mapping[str, Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for prompt in some:
        if prompt.id in paths:
            found.setdefault(prompt.role, []).append(paths[prompt.id])
    return found
