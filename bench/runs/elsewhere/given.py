"""What is to be scored of images made elsewhere: checked before anything is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import digests, prompts, registry
from bench.models import recognition
from bench.names import find
from bench.prompts.choice import Choice, choice
from bench.prompts.importers import there
from bench.prompts.importers.columns import AS_NAMED, Named
from bench.results import authority, elsewhere
from bench.runs import places
from bench.runs.elsewhere import matching
from bench.runs.elsewhere.matching import Matched, Row
from bench.runs.resolved import Resolved, cases_of
from bench.types import Concept, InputError, Prompt, RunSpec, Sampler, Suite

if TYPE_CHECKING:
    from bench.metrics import Metric

CASE = "given"
"""The case, and the size, of images whose prompts are of no suite."""
MARK = "\t"
"""What stands between parts that are hashed together."""


@dataclass(frozen=True)
class Asked:
    """What the user says of a folder of images, beside what their prompts are."""

    folder: Path
    erased: tuple[str, ...]
    """Names of the concepts that were erased together, of one kind."""
    model: str
    """Whose images these are, which decides who can read them."""
    metrics: tuple[str, ...] = ()
    """Names; empty for the suite's, or for those that can tell whether images show the erased."""
    original: Path | None = None
    """The un-erased model's images of the same prompts."""
    compared: bool = False
    """Whether there are real images to compare with."""
    name: str = ""
    """What stands for them in tables; empty for the folder's name."""


@dataclass(frozen=True)
class Given:
    """A folder of images made elsewhere, the prompts of each, and the metrics to score them by."""

    folder: Path
    prompts: tuple[Prompt, ...]
    """What was drawn for this erasure, each in its role there."""
    images: Matched
    """Where the image of each is."""
    original: Matched | None
    """Where the un-erased model's image of each is, if they are given."""
    told: Mapping[str, str]
    """What was found out about the prompts and the folder, in words, by what it is about."""
    left_out: tuple[Prompt, ...]
    """Rows that are written for other concepts alone."""
    erased: tuple[Concept, ...]
    concepts: Mapping[str, Concept]
    """What the prompts may show, by name."""
    choice: Choice
    """What a verdict chooses from."""
    metrics: tuple[Metric, ...]
    spec: RunSpec
    """What a run of this would be called: the folder is the method."""
    suite: Suite | None
    """Where the prompts are from; None for a prompt file."""
    prompt_hash: str
    """The SHA-256 of the prompt files."""

    @property
    def family(self) -> str:
        """The family of the model that drew them."""
        return self.spec.family

    @property
    def case(self) -> str:
        """The name of the erasure."""
        return self.spec.cases[0]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the images that the prompts ask for and that are not there."""
        return tuple(f"{each.id}.png" for each in self.prompts if self.images.path(each) is None)

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


def of_file(
    asked: Asked,
    prompt_file: Path,
    *,
    suite: str = "",
    concept: str = "",
    named: Named = AS_NAMED,
) -> Given:
    """Check images whose prompts are in a file, without torch.

    Args:
        asked: The images, and what was erased.
        prompt_file: Ours, or of any format that can be imported.
        suite: Name or folder of the suite whose concepts the file names; empty for the package's.
        concept: What the prompts show, where the file does not say.
        named: What the user says of the file's columns.

    Raises:
        InputError: nothing is there, or a name is unknown.
    """
    recognition.check(asked.model)
    owner = prompts.suite(suite) if suite else None
    known = prompts.known_concepts(owner) if owner else prompts.concepts()
    concepts = tuple(known[find("concept", name, known)] for name in dict.fromkeys(asked.erased))
    kinds = dict.fromkeys(concept.kind for concept in concepts)
    if len(kinds) != 1:
        raise InputError(f"--erased names concepts of kinds {', '.join(kinds)}; must be of one")
    read = there.read(prompt_file, known, concept=concept, named=named)
    for name in dict.fromkeys(row.concept for row in read.prompts if row.concept):
        find(f"concept in {prompt_file}", name, known)
    lines = [Row(*each) for each in zip(read.prompts, read.numbers, read.files, strict=True)]
    images = matching.matched(asked.folder, lines)
    rows = prompts.of_erasure(images.prompts, [concept.name for concept in concepts], known)
    if not rows:
        wanted = ", ".join(asked.erased)
        raise InputError(f"{prompt_file} has no row that an erasure of {wanted} needs")
    if not any(images.path(row) for row in rows):
        raise InputError(f"{asked.folder} has none of the {len(rows)} images of this erasure")
    names = dict.fromkeys([concept.name for concept in concepts])
    names |= dict.fromkeys(row.concept for row in images.prompts if row.concept)
    # Images of all that a closed suite erases are its protocol's, whoever drew them.
    closed = [each for each in prompts.suites().values() if each.closed]
    whole = any(names.keys() == set(each.erased) for each in closed)
    digest = hashlib.sha256(prompt_file.read_bytes()).hexdigest()
    spec = _spec(asked, prompt_file.stem, digest[:8], CASE, CASE, {})
    mine = {each.id for each in rows}
    return Given(
        folder=asked.folder,
        prompts=rows,
        images=images,
        original=None if asked.original is None else matching.matched(asked.original, lines),
        told={**read.told, "images": images.how, **_spare(images)},
        left_out=tuple(row for row in images.prompts if row.id not in mine),
        erased=concepts,
        concepts=known,
        choice=choice([known[name] for name in names], prompts.others(), closed=whole),
        metrics=_chosen(asked, concepts, rows, spec.family),
        spec=_with_content(spec, images),
        suite=None,
        prompt_hash=digest,
    )


def of_suite(asked: Asked, suite: str, size: str = "") -> Given:
    """Check images that were drawn for a suite's prompts, without torch.

    Args:
        asked: The images, and what was erased: a case of the suite, or concepts of it.
        suite: Its name, or its folder.
        size: One of its sizes; empty for the largest whose images are all there, or else the
            largest.

    Raises:
        InputError: nothing is there, or a name is unknown.
    """
    recognition.check(asked.model)
    owner = prompts.suite(suite)
    if size:
        return _of_size(asked, owner, size)
    sizes = sorted(owner.sizes, key=lambda each: sum(each.images.values()), reverse=True)
    whole = (found for each in sizes if (found := _whole(asked, owner, each.name)) is not None)
    found = next(whole, None) or _of_size(asked, owner, sizes[0].name)
    return replace(found, told={"size": found.spec.size, **found.told})


def _whole(asked: Asked, suite: Suite, size: str) -> Given | None:
    """Return images that are all there in a size of a suite; else None, whatever the reason."""
    try:
        found = _of_size(asked, suite, size)
    except InputError:
        return None
    return None if found.missing else found


def _of_size(asked: Asked, suite: Suite, size: str) -> Given:
    (case,) = cases_of(suite, size, asked.erased, together=len(asked.erased) > 1)
    spec = _spec(asked, suite.name, suite.version, case, size, places.suite(suite))
    resolved = Resolved(spec)
    (erased,) = map(resolved.erased, resolved.cases)
    rows = resolved.prompts[case]
    lines = [Row(each) for each in rows]
    images = matching.matched(asked.folder, lines)
    return Given(
        folder=asked.folder,
        prompts=images.prompts,
        images=images,
        original=None if asked.original is None else matching.matched(asked.original, lines),
        told={"images": images.how, **_spare(images)},
        left_out=(),
        erased=erased,
        concepts=resolved.concepts,
        choice=resolved.choice,
        metrics=_of_suite(asked, resolved) or _chosen(asked, erased, rows, spec.family),
        spec=_with_content(spec, images),
        suite=suite,
        prompt_hash=resolved.prompt_hash,
    )


def _spec(
    asked: Asked, suite: str, version: str, case: str, size: str, suite_place: Mapping[str, str]
) -> RunSpec:
    name, model_place = places.model(asked.model)
    # Before it is resolved, which a link to itself cannot be.
    if not asked.folder.is_dir():
        raise InputError(f"there is no folder {asked.folder}")
    return RunSpec(
        method=elsewhere.method(asked.name or asked.folder.resolve().name),
        options={},
        model=name,
        suite=suite,
        suite_version=version,
        cases=(case,),
        size=size,
        # Neither is known.
        sampler=Sampler(0, 0.0),
        seed=0,
        family=recognition.family(asked.model),
        places={**suite_place, **model_place},
    )


def _with_content(spec: RunSpec, images: Matched) -> RunSpec:
    """Return the spec with a hash of the images as the version of what made them."""
    lines = (f"{name}{MARK}{digests.file(path)}\n" for name, path in sorted(images.paths.items()))
    return replace(spec, method_version=hashlib.sha256("".join(lines).encode()).hexdigest()[:12])


def _of_suite(asked: Asked, resolved: Resolved) -> tuple[Metric, ...]:
    """Return the suite's metrics that can measure these images, nothing where others are named."""
    if asked.metrics:
        return ()
    able = (each for each in resolved.metrics if asked.original or not each.relative)
    found = tuple(each for each in able if each.columns or each.least_reference(resolved.family))
    resolved.check(found)
    return found


def _chosen(
    asked: Asked, erased: Sequence[Concept], rows: Sequence[Prompt], family: str
) -> tuple[Metric, ...]:
    """Return the metrics that are named, or all that tell what such images show."""
    kind = erased[0].kind

    def fits(metric: Metric) -> bool:
        """Say whether it reads single images, compares with real ones, or with un-erased ones."""
        single = bool(metric.columns) and (asked.original is not None or not metric.relative)
        alone = single or (asked.compared and metric.least_reference(family) > 0)
        return alone and metric.reads(family, kind)

    what = f"metric for single images of {asked.model} and concepts of kind {kind}"
    found = registry.chosen_metrics(asked.metrics, fits, what)
    if not found:
        every = list(registry.usable_metrics().values())
        found = authority.trusted(every, [family], erased, rows)
        found += [each for each in every if each.least_reference(family) and fits(each)]
    if not found:
        names = ", ".join(concept.name for concept in erased)
        raise InputError(
            f"no metric tells whether images of {asked.model} show {names}; name what is to be "
            "measured with --metric"
        )
    for metric in found:
        metric.check(family, erased, rows)
    return tuple(found)


def _spare(images: Matched) -> Mapping[str, str]:
    """Say how many images belong to no prompt; nothing where each does."""
    return {"spare": f"{images.spare} images belong to no prompt"} if images.spare else {}
