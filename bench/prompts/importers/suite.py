"""Writes imported prompts as a suite of their own: a folder with suite.toml and prompts.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import get_args

from bench import portable
from bench.families import of_world
from bench.files import folder_aside, write_bytes, write_rows
from bench.prompts import (
    OWN_ROLES,
    classes,
    seal,
    select,
    suite,
    written,
)
from bench.prompts.adversarial import slug
from bench.prompts.joint import JOINER
from bench.prompts.rows import as_rows
from bench.prompts.selection import available
from bench.types import Case, Concept, InputError, Kind, Prompt, Size, Suite

ANCHORS: Mapping[Kind, str] = {
    "object": "a plain backdrop",
    "style": "a photo",
    "person": "a person",
    "explicit": "a person wearing clothes",
}
"""What a concept that is new is mapped to, by its kind."""
SETS = "fidelity"
"""The metric that captions of everyday images are imported for."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Trusted = Callable[[Sequence[Concept], Sequence[Prompt]], Sequence[str]]
SIZES = {"smoke": 4, "quick": 50}
"""Images per role and case of the smaller sizes; `full` takes all."""


@dataclass(frozen=True)
class Draft:
    """What a suite is to hold, before it is written."""

    cases: Mapping[str, tuple[str, ...]]
    concepts: tuple[Concept, ...]
    """Those that the suite has to bring along."""
    images: Mapping[str, int]
    """By role, the rows of the case that has most."""
    kind: Kind
    metrics: tuple[str, ...]
    families: tuple[str, ...]
    summary: str

    @property
    def erased(self) -> tuple[str, ...]:
        """The names of the concepts that its cases erase."""
        return tuple(name for case in self.cases.values() for name in case)


def draft(
    prompts: Sequence[Prompt],
    kind: Kind | None,
    known: Mapping[str, Concept],
    suites: Mapping[str, Suite],
    *,
    asked: str,
    anchor: str,
    together: bool,
    source: str,
    trusted: Trusted,
) -> Draft:
    """Decide what a suite of these prompts erases, and how it is measured.

    Args:
        prompts: What was imported.
        kind: Of the concepts that are new; None where nothing says it.
        known: The package's concepts.
        suites: The package's suites; one that has all concepts lends its metrics.
        asked: The concept that the user named, or "".
        anchor: What new concepts are mapped to; "" for what their kind is.
        together: Whether the concepts are erased together.
        source: Where the prompts come from.
        trusted: Names the metrics that can tell whether images show what is erased.

    Raises:
        InputError: no prompt says what is to be erased, or nothing what kind of thing it is.
    """
    erased = _concepts(p for p in prompts if p.role in OWN_ROLES)
    alone = together or len(erased) < 2
    if not erased and asked:
        erased = [asked]
    if not erased:
        raise InputError(
            "these prompts do not say what is to be erased; name the erasure that they test with "
            "--concept"
        )
    kept = {p.concept for p in prompts if p.role in ("near", "far")}
    both = [name for name in erased if alone and name in kept]
    if both:
        raise InputError(f"{both[0]} is to be erased and to be kept in one erasure")
    shown = list(dict.fromkeys([*erased, *_concepts(prompts)]))
    near = tuple(_concepts(p for p in prompts if p.role == "near"))
    own = []
    for name in shown:
        looks = near if name in erased else ()
        if name not in known:
            if kind is None:
                raise InputError(
                    f"nothing says what kind of thing {name} is; say it with --kind: "
                    f"{', '.join(KINDS)}"
                )
            own.append(Concept(name, kind, anchor or ANCHORS[kind], (), looks))
        elif not set(looks) <= set(known[name].near):
            entry = known[name]
            alike = tuple(dict.fromkeys((*entry.near, *looks)))
            own.append(Concept(name, entry.kind, entry.anchor, entry.synonyms, alike))
    every = {**known, **{concept.name: concept for concept in own}}
    most = Counter(every[name].kind for name in erased).most_common(1)[0][0]
    model = next((s for s in suites.values() if set(shown) <= set(s.erased)), None)
    targets = [every[name] for name in erased if every[name].kind == most]
    cases = _joined(erased) if together and len(erased) > 1 else _cases(erased)
    return Draft(
        cases=cases,
        images=available(_listed(cases), prompts, every),
        concepts=tuple(own),
        kind=most,
        metrics=_metrics(model.metrics if model else (*trusted(targets, prompts), "clip"), prompts),
        families=tuple(sorted(of_world("photographs"))) if most == "explicit" else (),
        summary=f"Imported from {source}.",
    )


def _metrics(metrics: tuple[str, ...], prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """Return the metrics, and the one of sets of images where everyday ones are to stay."""
    everyday = any(prompt.role == "general" for prompt in prompts)
    return tuple(dict.fromkeys((*metrics, SETS) if everyday else metrics))


def write(folder: Path, draft: Draft, prompts: Sequence[Prompt]) -> None:
    """Write the suite; the folder is there with all its files, or not at all.

    Args:
        folder: A folder that does not exist yet.
        draft: What the suite is to be.
        prompts: Its rows.

    Raises:
        InputError: the folder exists or cannot be written, or the suite would not load.
    """
    check_new(folder)
    columns, cells = as_rows(prompts)
    try:
        with folder_aside(folder) as made:
            write_rows(made / "prompts.csv", columns, cells, exact=True)
            write_bytes(made / "suite.toml", written.toml(_suite(draft)).encode())
            seal.write(made, ("suite.toml", "prompts.csv"))
            _check(made)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    except RecursionError as error:
        raise InputError(f"cannot write {str(folder)[:80]}...: in too many folders") from error


def _check(folder: Path) -> None:
    """Read a suite as a run will: what it refuses is never left behind."""
    found = suite(str(folder.resolve()))
    classes(found)
    for size in found.sizes:
        select(found, found.cases[0], size)


def check_name(folder: Path, taken: Collection[str]) -> None:
    """Refuse a folder whose name cannot be a suite's.

    Args:
        folder: To be made.
        taken: Names of the suites that there are.

    Raises:
        InputError: saying why.
    """
    name = folder.name or folder.resolve().name
    why = portable.problem(name)
    if why:
        raise InputError(
            f"--out {str(folder)!r}: a suite is called by its folder, whose name {why}"
        )
    if name in taken:
        raise InputError(f"--out {folder}: suite {name} is there already; name it otherwise")


def check_new(folder: Path) -> None:
    """Refuse a folder that is there.

    Raises:
        InputError: naming it.
    """
    try:
        there = folder.exists() or folder.is_symlink()
    except OSError as error:
        raise InputError(f"--out {str(folder)[:80]}: {error.strerror}") from error
    if there:
        raise InputError(f"{folder} exists, and is not overwritten; choose another --out")


def _concepts(prompts: Iterable[Prompt]) -> list[str]:
    return list(dict.fromkeys(prompt.concept for prompt in prompts if prompt.concept))


def _joined(erased: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return one case of all concepts, called as `run --together` does where a file can be."""
    name = JOINER.join(_cases(erased))
    return {f"{len(erased)}-together" if portable.of_case(name) else name: tuple(erased)}


def _cases(erased: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return a case for each concept, by a name that can be a file's."""
    cases: dict[str, tuple[str, ...]] = {}
    for name in erased:
        stem = slug(name)[:80]
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        free = (each for each in names if each not in cases and not portable.of_case(each))
        cases[next(free)] = (name,)
    return cases


def _listed(cases: Mapping[str, tuple[str, ...]]) -> tuple[Case, ...]:
    return tuple(Case(name, erased) for name, erased in cases.items())


def _suite(draft: Draft) -> Suite:
    sizes = []
    for size, most in (*SIZES.items(), ("full", max(draft.images.values()))):
        images = {role: min(most, there) for role, there in draft.images.items()}
        chosen = tuple(draft.cases) if size == "full" else tuple(draft.cases)[:1]
        sizes.append(Size(size, images, chosen))
    return Suite(
        # Its name is its folder's.
        name="",
        version="1",
        kind=draft.kind,
        cases=_listed(draft.cases),
        sizes=tuple(sizes),
        prompt_files=("prompts.csv",),
        metrics=draft.metrics,
        summary=draft.summary,
        families=draft.families,
        concepts=draft.concepts,
    )
