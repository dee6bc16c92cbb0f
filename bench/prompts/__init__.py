"""Concepts, suites and prompts: reads them and picks the prompts of a case."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path

from bench import data, plugins
from bench.families import FAMILIES
from bench.names import find
from bench.prompts import content, selection, tables
from bench.prompts.choice import Choice, choice
from bench.prompts.rows import COLUMNS, OPTIONAL, concepts_of, is_ours, read, read_all
from bench.prompts.selection import OWN_ROLES, of_erasure
from bench.types import Case, Concept, InputError, Kind, Prompt, Role, Size, Suite

__all__ = [
    "COLUMNS",
    "FOLDER",
    "OPTIONAL",
    "OWN_ROLES",
    "classes",
    "concepts",
    "file_hash",
    "files",
    "is_ours",
    "known_concepts",
    "named",
    "of_erasure",
    "origin",
    "others",
    "paths",
    "plugged",
    "read",
    "roles_of_other_families",
    "rows",
    "select",
    "suite",
    "suites",
]

FOLDER = data.PROMPTS
A_FOLDER = "a folder with a suite.toml"


def concepts() -> dict[str, Concept]:
    """Read what can be erased, by name."""
    path = FOLDER / "concepts.toml"
    return dict(_concepts(path, tables.text(path)))


@lru_cache(maxsize=4)
def _concepts(path: Path, text: str) -> Mapping[str, Concept]:
    """Read them once as long as the file stays as it is."""
    table = tables.parsed(path, text)
    return {
        name: tables.concept(name, entry, table, f"concepts.toml [{name}]")
        for name, entry in table.items()
    }


def known_concepts(suite: Suite) -> dict[str, Concept]:
    """Return what can be erased, and what the suite brings along, by name."""
    return concepts() | {concept.name: concept for concept in suite.concepts}


def suites() -> dict[str, Suite]:
    """Read the suites that come with the package, by name."""
    path, known = FOLDER / "suites.toml", FOLDER / "concepts.toml"
    return dict(_suites(path, tables.text(path), known, tables.text(known)))


@lru_cache(maxsize=4)
def _suites(path: Path, text: str, known: Path, concepts: str) -> Mapping[str, Suite]:
    """Read them once as long as both files stay as they are."""
    there = _concepts(known, concepts)
    return {
        name: tables.suite(name, entry, there, f"suites.toml [{name}]")
        for name, entry in tables.parsed(path, text).items()
    }


def plugged() -> plugins.Found[Suite]:
    """Return the suites that other packages bring, each a folder with a suite.toml."""

    def read(plugin: plugins.Plugin) -> Suite:
        folder = plugins.folder(plugin.value, "suite.toml")
        found = tables.outside(folder, concepts())
        if found.name != plugin.name:
            raise InputError(f"{folder / 'suite.toml'} calls it '{found.name}'")
        return found

    return plugins.found("suite", suites, read)


def origin(suite: Suite) -> str:
    """Return which distribution brings a suite, and its version; "" if none does.

    Args:
        suite: As it is, or as a run's copy of it is.
    """
    brought = plugged()
    same = suite.name in brought.known and (
        _with_content(brought.known[suite.name]).version == suite.version
    )
    return brought.origins[suite.name] if same else ""


def others() -> dict[Kind, tuple[Concept, ...]]:
    """Return what the package's suites erase, by kind: what other concepts are told from.

    Not every concept that there is of a kind, since some, a conversation or a bridge, are seen in
    images of anything.
    """
    known = concepts()
    found: dict[Kind, dict[str, Concept]] = {}
    for suite in suites().values():
        found.setdefault(suite.kind, {}).update((name, known[name]) for name in suite.erased)
    return {kind: tuple(some.values()) for kind, some in found.items()}


def classes(suite: Suite, family: str = "") -> Choice:
    """Return what a verdict on the suite's images chooses from, the same for every case and size.

    Args:
        suite: The suite.
        family: Of the model that draws; without one, files for all models alone count.

    Raises:
        InputError: a prompt file is unusable, or names an unknown concept.
    """
    known = known_concepts(suite)
    own = (known[name] for name in (*suite.erased, *_shown(suite, family, known)))
    return choice(own, others(), closed=suite.closed)


def suite(name: str) -> Suite:
    """Return a suite by its name, the package's own or a plug-in's, or by the folder it is in.

    Its version ends in digits of a hash of its content: its tables, the concepts that it names and
    its prompt files. What has changed makes another run; where it lies, and how its folder was
    typed, do not.

    Raises:
        InputError: there is none, or its tables or its prompt files cannot be used.
    """
    known = suites()
    if name in known:
        return _with_content(known[name])
    brought = plugged()
    brought.check(name)
    if name in brought.known:
        return _with_content(brought.known[name])
    folder = Path(name).expanduser()
    if not (folder / "suite.toml").is_file():
        if folder.exists():
            way = "; import-prompts makes one of a prompt file" if folder.is_file() else ""
            raise InputError(f"suite '{name}' has no suite.toml; must be {A_FOLDER}{way}")
        find("suite", name, (*known, *brought.known, A_FOLDER))
    return _with_content(tables.outside(folder, concepts()))


def _with_content(found: Suite) -> Suite:
    """Return the suite with its content's hash in its version, where a run's copy has it."""
    digits = f"-{content.digest(found, named(found), files(found))[:8]}"
    return replace(found, version=found.version.removesuffix(digits) + digits)


def named(suite: Suite) -> tuple[Concept, ...]:
    """Return the concepts that the suite's cases and prompt files name, and their look-alikes."""
    known = known_concepts(suite)
    families = ("", *suite.family_files)
    shown = chain.from_iterable(_shown(suite, family, known) for family in families)
    found = dict.fromkeys([*suite.erased, *shown])
    waiting = list(found)
    while waiting:
        fresh = [name for name in known[waiting.pop()].near if name not in found]
        found |= dict.fromkeys(fresh)
        waiting += fresh
    return tuple(known[name] for name in found)


def files(suite: Suite) -> dict[str, Path]:
    """Return the prompt files for every family by the names that the suite's tables give them."""
    names = [*suite.prompt_files, *chain.from_iterable(suite.family_files.values())]
    return {name: _folder(suite) / name for name in dict.fromkeys(names)}


def _folder(suite: Suite) -> Path:
    return Path(suite.folder) if suite.folder else FOLDER


def paths(suite: Suite, family: str = "") -> list[Path]:
    """Return the suite's prompt files: those for every model, and those for the family alone.

    Args:
        suite: The suite.
        family: Of the model that draws; without one, files for all models alone count.
    """
    names = (*suite.prompt_files, *suite.family_files.get(family, ()))
    return [_folder(suite) / name for name in names]


def rows(suite: Suite, family: str = "") -> tuple[Prompt, ...]:
    """Read every row of the suite's prompt files.

    Args:
        suite: The suite.
        family: As in `paths`.

    Raises:
        InputError: a prompt file is unusable, or names an unknown concept.
    """
    _shown(suite, family, known_concepts(suite))
    return read_all(paths(suite, family))


def _shown(suite: Suite, family: str, known: Mapping[str, Concept]) -> tuple[str, ...]:
    """Return the concepts that the suite's rows name, all of which must be known."""
    files = paths(suite, family)
    found = concepts_of(files)
    for concept in found:
        find(f"concept in {', '.join(map(str, files))}", concept, known)
    return found


def roles_of_other_families(suite: Suite, family: str) -> set[Role]:
    """Return the roles that models of other families have rows for, and this one need not.

    Args:
        suite: The suite.
        family: Of the model that draws.
    """
    others = {other for other in suite.family_files if other != family}
    return {row.role for other in others for row in rows(suite, other)} - {
        row.role for row in rows(suite, family)
    }


def file_hash(suite: Suite, family: str = "") -> str:
    """Return the SHA-256 of the suite's prompt files, one after the other, as hexadecimal.

    Args:
        suite: The suite.
        family: As in `paths`.
    """
    return _hash(paths(suite, family))


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def select(suite: Suite, case: Case, size: Size, family: str = "") -> tuple[Prompt, ...]:
    """Return the prompts of a case, role by role in the order of `size.images`.

    The case's own rows keep their role. Target rows of the concepts that look like the erased ones
    become `near`, those of the suite's other concepts `far`; their `concept` still says what they
    should draw. `adversarial` rows are derived from the target rows, and `general` ones serve every
    case. Rows are taken in turn over concepts, within a concept over tags, and within these over
    texts in file order, so that any number of rows covers all evenly. Fewer rows are returned where
    fewer exist.

    Args:
        suite: The suite.
        case: One of its cases.
        size: One of its sizes; says how many rows of each role.
        family: Of the model that is to draw them; without one, only what every model can read.

    Raises:
        InputError: a prompt file is unusable or names an unknown concept.
    """
    # For no family in particular, what all can read.
    able = [FAMILIES[family]] if family else FAMILIES.values()
    window = min(each.words for each in able)
    return selection.choose(suite, case, size, rows(suite, family), known_concepts(suite), window)
