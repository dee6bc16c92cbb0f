"""Scores images that were made elsewhere: a folder of images and a prompt file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import prompts, registry
from bench.files import Row
from bench.images import read_image
from bench.models import recognition
from bench.models.generate import image_path
from bench.names import find
from bench.prompts.choice import Choice, choice
from bench.results import authority
from bench.results.stats import confirmation
from bench.results.stats.headlines import conclude
from bench.results.store import RunFolder
from bench.runs import record
from bench.runs.per_image import blank, fill, prompt_row
from bench.types import Concept, InputError, Progress, Prompt, RunSpec, Sampler, Score, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric

CASE = "given"
"""The case that these images are."""


@dataclass(frozen=True)
class Given:
    """A folder of images made elsewhere, the prompts of each, and the metrics to score them by."""

    folder: Path
    prompts: tuple[Prompt, ...]
    """What the file says of this erasure, in its roles there."""
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
    def unconfirmed(self) -> dict[str, str]:
        """The concepts that no independent metric could see, and why; none were drawn un-erased."""
        rows = [prompt_row(CASE, each, "") for each in self.prompts]
        return confirmation.unconfirmed(rows, (), self.metrics, self.family, prompts.concepts())


def given(
    folder: Path,
    prompt_file: Path,
    *,
    erased: Sequence[str],
    model: str,
    metrics: Sequence[str] = (),
    compared: bool = False,
) -> Given:
    """Check what is there and what is asked, without torch.

    Args:
        folder: `<id>.png` for each prompt; some may be missing, and are counted.
        prompt_file: CSV with the columns id, concept, role, text, seed and maybe tag.
        erased: Names of the concepts that were erased together, of one kind.
        model: Whose images these are, which decides who can read them.
        metrics: Names; empty for those that can tell whether images show what was erased.
        compared: Whether there are real images to compare with.

    Raises:
        InputError: nothing is there, or a name is unknown.
    """
    written = prompts.read(prompt_file, repeats=True)
    known = prompts.concepts()
    concepts = tuple(known[find("concept", name, known)] for name in dict.fromkeys(erased))
    kinds = dict.fromkeys(concept.kind for concept in concepts)
    if len(kinds) != 1:
        raise InputError(f"--erased names concepts of kinds {', '.join(kinds)}; must be of one")
    for name in dict.fromkeys(row.concept for row in written if row.concept):
        find(f"concept in {prompt_file}", name, known)
    rows = prompts.of_erasure(written, [concept.name for concept in concepts], known)
    if not rows:
        raise InputError(f"{prompt_file} has no row that an erasure of {', '.join(erased)} needs")
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    paths = [image_path(folder, row) for row in rows]
    missing = tuple(path.name for path in paths if not path.is_file())
    if len(missing) == len(rows):
        first = paths[0].name if paths else "any"
        raise InputError(
            f"{folder} has none of the {len(rows)} images that {prompt_file} names; the first "
            f"would be {first}"
        )
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
        tuple(row for row in written if row.id not in {each.id for each in rows}),
        missing,
        concepts,
        choice(shown, prompts.others(), closed=whole),
        family,
        _metrics(metrics, concepts, rows, family, model, compared),
        spec,
    )


def _metrics(
    names: Sequence[str],
    erased: Sequence[Concept],
    rows: Sequence[Prompt],
    family: str,
    model: str,
    compared: bool,
) -> tuple[Metric, ...]:
    def fits(metric: Metric) -> bool:
        """Say whether it reads single images or compares with real ones, but no un-erased ones."""
        single = bool(metric.columns) and not metric.relative
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


def score(
    work: Given,
    out: Path,
    *,
    device: str = "cpu",
    real: ReferenceImages | None = None,
    progress: Progress = silent,
) -> tuple[list[Score], tuple[str, ...]]:
    """Measure the images, and write per_image.csv and scores.csv to `out`.

    Args:
        work: The images, what they were drawn for, and the metrics.
        out: The folder for both files.
        device: Where the networks compute, as torch names it.
        real: Real images to compare with, if there are any.
        progress: Told what is under way.

    Returns:
        The scores, and the files that are there but cannot be opened.
    """
    from bench.metrics import Setting, View

    for metric in work.metrics:
        metric.prepare(work.family, device)
    classes, none = work.choice.classes, work.choice.none
    setting = Setting(work.erased, classes, work.family, device, none=none)
    rows: list[Row] = [
        prompt_row(CASE, each, str(work.folder)) | blank(work.metrics) for each in work.prompts
    ]
    images = [image_path(work.folder, each) for each in work.prompts]
    for metric in work.metrics:
        fill(rows, metric, images, work.prompts, setting, progress)
    by_role: dict[str, list[Path]] = {}
    for prompt, path in zip(work.prompts, images, strict=True):
        by_role.setdefault(prompt.role, []).append(path)
    view = View(by_role, {}, setting, reference=real)
    # Nothing is said of no images, as of pairs with un-erased ones, which are not there.
    whole = {
        metric.name: [each for each in metric.of_run(view, progress) if each.n]
        for metric in work.metrics
    }
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
        left_out=work.unconfirmed,
    )
    folder = RunFolder(out.parent, out.name)
    folder.write_per_image(rows)
    folder.write_scores(scores)
    there = (path for path in images if path.name not in work.missing)
    return scores, tuple(path.name for path in there if read_image(path) is None)
