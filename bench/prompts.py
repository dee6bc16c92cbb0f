"""Reads concepts, suites and prompt files, and picks the prompts of a case."""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from bench.names import find
from bench.types import ROLES, Case, Concept, InputError, Kind, Prompt, Role, Size, Suite

FOLDER = Path(__file__).resolve().parent.parent / "prompts"
COLUMNS = ("id", "concept", "role", "text", "seed")
OPTIONAL = ("tag",)
"""Columns that a prompt file may have besides, behind the others."""
OWN_ROLES: tuple[Role, ...] = (
    *("target", "synonym", "hyponym", "related", "adversarial", "remainder"),
)
"""Roles whose rows are written for the erased concept; near and far are other concepts' targets."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SEEDS = range(2**63)


def concepts() -> dict[str, Concept]:
    """Read what can be erased, by name."""
    table = _toml("concepts.toml")
    return {name: _concept(name, entry, table) for name, entry in table.items()}


def suites() -> dict[str, Suite]:
    """Read the suites, by name."""
    known = concepts()
    return {name: _suite(name, entry, known) for name, entry in _toml("suites.toml").items()}


def read(path: Path) -> tuple[Prompt, ...]:
    """Read a prompt file: a CSV with the columns id, concept, role, text, seed and maybe tag.

    Raises:
        InputError: naming the file and the line of the first row that cannot be used.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            if tuple(header) not in (COLUMNS, COLUMNS + OPTIONAL):
                got = ",".join(header) or "missing"
                raise InputError(f"{path}: columns are {got}, must be {','.join(COLUMNS)}")
            prompts: dict[str, Prompt] = {}
            for row in rows:
                prompt = _row(row, len(header), f"{path}, line {rows.line_num}")
                if prompt.id in prompts:
                    raise InputError(
                        f"{path}, line {rows.line_num}: id '{prompt.id}' is not unique"
                    )
                prompts[prompt.id] = prompt
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a prompt file ({error})") from error
    return tuple(prompts.values())


def path(suite: Suite) -> Path:
    """Return where the suite's prompt file is."""
    return FOLDER / suite.prompt_file


def file_hash(suite: Suite) -> str:
    """Return the SHA-256 of the suite's prompt file as hexadecimal digits."""
    try:
        return hashlib.sha256(path(suite).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path(suite)}: cannot be read ({error.strerror})") from error


def select(suite: Suite, case: Case, size: Size) -> tuple[Prompt, ...]:
    """Return the prompts of a case, role by role in the order of `size.images`.

    The case's own rows keep their role. Target rows of the concepts that look like the erased ones
    become `near`, those of the suite's other concepts `far`; their `concept` still says what they
    should draw. Rows are taken in turn over concepts and, within a concept, over texts in file
    order, so that any number of rows covers both evenly. Fewer rows are returned where fewer exist.

    Raises:
        InputError: the prompt file is unusable or names an unknown concept.
    """
    known = concepts()
    rows = read(path(suite))
    for concept in dict.fromkeys(row.concept for row in rows):
        find(f"concept in {path(suite)}", concept, known)
    pools = {role: _pool(role, suite, case, known) for role in size.images}
    chosen: list[Prompt] = []
    for role, count in size.images.items():
        source = role if role in OWN_ROLES else "target"
        found = [row for row in rows if row.concept in pools[role] and row.role == source]
        spread = _in_turn(found, lambda row: row.concept, lambda row: row.text)
        chosen += (replace(row, role=role) for row in islice(spread, count))  # type: ignore[arg-type]
    return tuple(chosen)


def _pool(role: str, suite: Suite, case: Case, known: Mapping[str, Concept]) -> set[str]:
    """Return the names of the concepts whose rows serve the role in this case."""
    own = set(case.concepts)
    near = {name for concept in own for name in known[concept].near} - own
    if role in OWN_ROLES:
        return own
    if role == "near":
        return near
    return {name for other in suite.cases for name in other.concepts} - own - near


def _in_turn(rows: Sequence[Prompt], *keys: Callable[[Prompt], str]) -> Iterator[Prompt]:
    """Yield rows alternating over the groups of the first key, and within them over the next."""
    if not keys:
        yield from rows
        return
    groups: dict[str, list[Prompt]] = {}
    for row in rows:
        groups.setdefault(keys[0](row), []).append(row)
    waiting = [_in_turn(group, *keys[1:]) for group in groups.values()]
    while waiting:
        remaining = []
        for group in waiting:
            for row in islice(group, 1):
                yield row
                remaining.append(group)
        waiting = remaining


def _row(row: Sequence[str], fields: int, where: str) -> Prompt:
    """Check one row of a prompt file."""
    if len(row) != fields:
        raise InputError(f"{where}: has {len(row)} fields, must have {fields}")
    name, concept, role, text, seed = row[: len(COLUMNS)]
    tag = row[len(COLUMNS)] if fields > len(COLUMNS) else ""
    if not _ID.fullmatch(name):
        raise InputError(
            f"{where}: id '{name}' names an image file, must be letters, digits, '.', '_' and '-'"
        )
    if not concept.strip() or not text.strip():
        raise InputError(f"{where}: {'text' if concept.strip() else 'concept'} is empty")
    if not seed.isascii() or not seed.isdigit() or int(seed) not in _SEEDS:
        raise InputError(f"{where}: seed '{seed}' must be an integer from 0 to 2^63 - 1")
    try:
        find("role", role, ROLES)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Prompt(name, text, int(seed), role, concept, tag)  # type: ignore[arg-type]


def _toml(name: str) -> dict[str, Any]:
    """Read one of the tables beside the prompt files."""
    try:
        return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{FOLDER / name}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{FOLDER / name}: is not valid TOML ({error})") from error


def _keys(entry: Mapping[str, Any], where: str, required: Iterable[str], *optional: str) -> None:
    """Refuse a table that lacks a key or has one that nobody reads."""
    needed = tuple(required)
    for key in needed:
        if key not in entry:
            raise InputError(f"{where}: '{key}' is missing")
    for key in entry:
        find(f"key in {where}", key, (*needed, *optional))


def _concept(name: str, entry: Mapping[str, Any], table: Mapping[str, Any]) -> Concept:
    where = f"concepts.toml [{name}]"
    _keys(entry, where, ("kind", "anchor"), "synonyms", "near")
    find(f"kind in {where}", entry["kind"], get_args(Kind))
    near = tuple(find(f"near concept in {where}", other, table) for other in entry.get("near", ()))
    return Concept(name, entry["kind"], entry["anchor"], tuple(entry.get("synonyms", ())), near)


def _suite(name: str, entry: Mapping[str, Any], known: Mapping[str, Concept]) -> Suite:
    where = f"suites.toml [{name}]"
    simple = ("version", "kind", "prompt_file", "metrics", "summary")
    _keys(entry, where, (*simple, "cases", "sizes"))
    find(f"kind in {where}", entry["kind"], get_args(Kind))
    cases = tuple(
        Case(case, tuple(find(f"concept in {where}", each, known) for each in erased))
        for case, erased in entry["cases"].items()
    )
    sizes = []
    for size, table in entry["sizes"].items():
        _keys(table, f"{where} size {size}", ("images", "cases"))
        images = {find(f"role in {where}", role, ROLES): n for role, n in table["images"].items()}
        default = tuple(find(f"case in {where}", case, entry["cases"]) for case in table["cases"])
        sizes.append(Size(size, images, default))
    return Suite(
        name=name,
        version=entry["version"],
        kind=entry["kind"],
        cases=cases,
        sizes=tuple(sizes),
        prompt_file=entry["prompt_file"],
        metrics=tuple(entry["metrics"]),
        summary=entry["summary"],
    )
