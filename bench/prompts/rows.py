"""Reads a prompt file: one row is one image."""

from __future__ import annotations

import csv
import functools
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.drawing import Drawing
from bench.portable import folded
from bench.prompts.schema import Row, checked
from bench.types import InputError, Prompt

COLUMNS = ("id", "concept", "role", "text", "seed")
OWN = ("guidance", "width", "height", "negative_prompt")
"""Columns that say how an image is drawn; an empty cell leaves it to the run."""
OPTIONAL = ("tag", *OWN)
"""Columns that a prompt file may have besides, behind the others, in any order."""
LARGEST = 256 * 2**20
"""Bytes of the largest file that is read; the field's largest prompt files have a hundredth."""


def read(path: Path, *, repeats: bool = False) -> tuple[Prompt, ...]:
    """Read a prompt file: a CSV with the columns id, concept, role, text, seed and maybe more.

    Args:
        path: The file.
        repeats: Whether a row may say what another does under an id of its own, as it may where
            images are there already: several samples of one prompt and seed.

    Raises:
        InputError: naming the file and the line of the first row that cannot be used.
    """
    try:
        check_length(path)
        stamp = path.stat()
        return _read(path, stamp.st_mtime_ns, stamp.st_size, repeats)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a prompt file ({error})") from error


def is_ours(path: Path) -> bool:
    """Return whether a file begins as a prompt file does.

    Raises:
        InputError: it cannot be read.
    """
    try:
        check_length(path)
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = next(csv.reader([file.readline(4096)]), [])
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a prompt file ({error})") from error
    return tuple(header[: len(COLUMNS)]) == COLUMNS and set(header) <= {*COLUMNS, *OPTIONAL}


def read_all(paths: Iterable[Path]) -> tuple[Prompt, ...]:
    """Read several prompt files as one.

    Raises:
        InputError: as `read` does, or an id is in two of them.
    """
    return _all(*_stamped(paths)).rows


def concepts_of(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the concepts that the rows of several prompt files name, each once, in file order.

    Raises:
        InputError: as `read_all` does.
    """
    return _all(*_stamped(paths)).concepts


@dataclass(frozen=True)
class _All:
    rows: tuple[Prompt, ...]
    concepts: tuple[str, ...]


def _stamped(paths: Iterable[Path]) -> tuple[tuple[Path, ...], tuple[tuple[int, int], ...]]:
    """Return files, and when each was changed and its size."""
    found = tuple(paths)
    return found, tuple(map(_stamp, found))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        # Who reads it says why it cannot be read.
        return (0, 0)
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=32)
def _all(paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> _All:
    """Read files once as long as all of them stay as they are."""
    found: dict[str, Path] = {}
    rows: list[Prompt] = []
    for path in paths:
        for row in read(path):
            other = found.setdefault(folded(row.id), path)
            if other != path:
                raise InputError(f"{path}: id '{row.id}' is in {other} too")
            rows.append(row)
    return _All(tuple(rows), tuple(dict.fromkeys(row.concept for row in rows if row.concept)))


def check_length(path: Path, largest: int = LARGEST) -> None:
    """Refuse what is no file, and a file that is too large, before any of it is read.

    Args:
        path: The file.
        largest: Bytes that it may have.

    Raises:
        InputError: saying what it is, or naming its bytes and how many there may be.
    """
    found = path.stat()
    there = found.st_size
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise InputError(f"{path}: is a device or pipe, must be a file; write it to one first")
    if there > largest:
        raise InputError(f"{path} has {there:,} bytes, must have at most {largest:,}; split it")


@functools.lru_cache(maxsize=32)
def _read(path: Path, changed: int, size: int, repeats: bool) -> tuple[Prompt, ...]:
    """Read a file once as long as it stays as it is."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, strict=True)
        header = next(rows, [])
        own, rest = tuple(header[: len(COLUMNS)]), header[len(COLUMNS) :]
        if own != COLUMNS or len(set(rest)) < len(rest) or not set(rest) <= set(OPTIONAL):
            got = ",".join(header) or "missing"
            more = f"and maybe {', '.join(OPTIONAL)}"
            raise InputError(f"{path}: columns are {got}, must be {','.join(COLUMNS)} {more}")
        prompts: dict[str, Prompt] = {}
        lines: dict[tuple[str, ...], int] = {}
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            prompt = _prompt(row, header, where)
            # Images that are there already have names that their file system tells apart.
            name = prompt.id if repeats else folded(prompt.id)
            if name in prompts:
                same = f"'{prompts[name].id}' but for small letters"
                why = "is not unique" if prompts[name].id == prompt.id else f"is {same}"
                raise InputError(f"{where}: id '{prompt.id}' {why}")
            first = lines.setdefault(tuple(row[1:]), rows.line_num)
            if first != rows.line_num and not repeats:
                raise InputError(f"{where}: repeats line {first} under another id")
            prompts[name] = prompt
    return tuple(prompts.values())


def _prompt(row: Sequence[str], header: Sequence[str], where: str) -> Prompt:
    if len(row) != len(header):
        raise InputError(f"{where}: has {len(row)} fields, must have {len(header)}")
    found = checked(Row, dict(zip(header, row, strict=True)), where)
    own = Drawing(found.guidance, found.width, found.height, found.negative_prompt)
    return Prompt(found.id, found.text, found.seed, found.role, found.concept, found.tag, own)


def as_rows(prompts: Sequence[Prompt]) -> tuple[tuple[str, ...], list[Mapping[str, str]]]:
    """Return prompts as a prompt file has them: its columns, and its rows.

    Args:
        prompts: Columns that say how an image is drawn are left out where none of them needs it.
    """
    rows = [_cells(prompt) for prompt in prompts]
    own = [name for name in OWN if any(row[name] for row in rows)]
    columns = (*COLUMNS, "tag", *own)
    return columns, [{name: row[name] for name in columns} for row in rows]


def _cells(prompt: Prompt) -> Mapping[str, str]:
    own = {name: getattr(prompt.drawing, name) for name in OWN}
    some = {name: getattr(prompt, name) for name in (*COLUMNS, "tag")}
    return {name: "" if value is None else str(value) for name, value in (some | own).items()}
