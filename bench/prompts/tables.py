"""Reads concepts and suites from TOML tables."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from bench import portable
from bench.families import FAMILIES
from bench.names import find
from bench.prompts import adversarial, seal
from bench.prompts.rows import check_length
from bench.prompts.schema import ConceptTable, OutsideTable, SuiteTable, checked
from bench.types import Case, Concept, InputError, Size, Suite

LARGEST = 16 * 2**20
"""Bytes of the largest table that is read: a suite of ten thousand concepts has a tenth."""


def toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: it is not there, too large or no TOML.
    """
    return parsed(path, text(path))


def text(path: Path) -> str:
    """Read what a TOML file says.

    Raises:
        InputError: it is not there, too large or no text.
    """
    try:
        check_length(path, LARGEST)
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not valid TOML ({error})") from error


def parsed(path: Path, text: str) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Args:
        path: The file, for messages.
        text: What it says.

    Raises:
        InputError: it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: is not valid TOML ({error})") from error


def concept(name: str, entry: Any, known: Mapping[str, Any], where: str) -> Concept:
    """Return a concept from its table.

    Args:
        name: Its name.
        entry: Its table.
        known: Those that it may name as its look-alikes, by name.
        where: File and table, for messages.

    Raises:
        InputError: the table is no concept's, or names an unknown one.
    """
    table = checked(ConceptTable, _table(entry, where), where)
    near = tuple(find(f"near concept in {where}", other, known) for other in table.near)
    return Concept(name, table.kind, table.anchor, tuple(table.synonyms), near)


def suite(name: str, entry: Any, known: Mapping[str, Concept], where: str) -> Suite:
    """Return one of the package's suites from its table.

    Args:
        name: Its name.
        entry: Its table.
        known: Concepts by name.
        where: File and table, for messages.

    Raises:
        InputError: the table is no suite's, or names what is unknown.
    """
    return _suite(name, checked(SuiteTable, _table(entry, where), where), known, where)


def outside(folder: Path, known: Mapping[str, Concept]) -> Suite:
    """Return the suite of a folder with a suite.toml; its own concepts come before `known`.

    Args:
        folder: Holds suite.toml and prompt files.
        known: The package's concepts by name.

    Raises:
        InputError: suite.toml is missing, is no suite's, or names what is unknown or a file
            outside the folder.
    """
    path = folder / "suite.toml"
    where = str(path)
    table = checked(OutsideTable, toml(path), where)
    names = {**known, **table.concepts}
    own = {
        each: concept(each, entry.model_dump(), names, f"{where} [concepts.{each}]")
        for each, entry in table.concepts.items()
    }
    place = folder.resolve()
    why = "" if table.name else portable.problem(place.name)
    if why:
        raise InputError(f"{where}: it is called by its folder, whose name {why}; give it a name")
    twice = Counter(map(portable.folded, table.cases)).most_common(1)
    if twice and twice[0][1] > 1:
        raise InputError(f"{where}: two cases are called '{twice[0][0]}', but for small letters")
    for name in (*table.prompt_files, *chain.from_iterable(table.family_files.values())):
        if not (place / name).resolve().is_relative_to(place):
            raise InputError(f"{where}: names {name}, which lies outside its folder; copy it there")
    found = _suite(table.name or place.name, table, {**known, **own}, where)
    seal.check(place, (path.name, *chain(found.prompt_files, *found.family_files.values())))
    return replace(found, concepts=tuple(own.values()), folder=str(place))


def _table(entry: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: is {entry!r}, must be a table")
    return entry


def _suite(name: str, table: SuiteTable, known: Mapping[str, Concept], where: str) -> Suite:
    cases = tuple(
        Case(case, tuple(find(f"concept in {where}", each, known) for each in erased))
        for case, erased in table.cases.items()
    )
    if not cases or not all(case.concepts for case in cases):
        raise InputError(f"{where}: every suite needs a case, and every case a concept")
    if table.closed and len({each for case in cases for each in case.concepts}) < 2:
        raise InputError(
            f"{where}: closed is true, but a verdict needs at least two concepts to choose from"
        )
    sizes = tuple(
        Size(
            size,
            dict(entry.images.items()),
            tuple(find(f"case in {where}", case, table.cases) for case in entry.cases),
        )
        for size, entry in table.sizes.items()
    )
    if not sizes or not all(size.cases and any(size.images.values()) for size in sizes):
        raise InputError(f"{where}: every suite needs a size, and every size a case and images")
    for family in (*table.families, *table.family_files):
        find(f"family in {where}", family, FAMILIES)
    for kind in table.adversarial:
        find(f"kind of adversarial prompt in {where}", kind, adversarial.KINDS)
    return Suite(
        name=name,
        version=table.version,
        kind=table.kind,
        cases=cases,
        sizes=sizes,
        prompt_files=tuple(table.prompt_files),
        metrics=tuple(table.metrics),
        summary=table.summary,
        family_files={key: tuple(names) for key, names in table.family_files.items()},
        families=tuple(table.families),
        adversarial=tuple(table.adversarial),
        closed=table.closed,
    )
