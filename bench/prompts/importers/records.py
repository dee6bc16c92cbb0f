"""Reads CSV, JSON and text files row by row: what cannot be read is said, never mended."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bench.names import find
from bench.prompts.rows import LARGEST, check_length
from bench.types import InputError


@dataclass(frozen=True)
class Record:
    """One row of a foreign file."""

    place: int
    """Line where it ends, or its number in a JSON list."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Text by column; what the file leaves open is ""."""
    problem: str = ""
    """Why it cannot be read; "" if it can."""


@dataclass(frozen=True)
class Table:
    """The columns of a file, and its rows."""

    columns: tuple[str, ...]
    records: tuple[Record, ...]


def read(
    path: Path, *, columns: Sequence[str] = (), encoding: str = "utf-8", largest: int = LARGEST
) -> Table:
    """Read a file of prompts by its ending: csv, tsv, json, jsonl or txt.

    Args:
        path: The file.
        columns: Names of the columns, for a file without a header.
        encoding: Of its text; a byte order mark is no part of it.
        largest: Bytes that it may have.

    Raises:
        InputError: the file is too large, not there, or broken in a way that leaves its rows in
            doubt.
    """
    suffix = path.suffix.removeprefix(".").casefold()
    reader = READERS[find(f"ending of {path}", suffix, READERS)]
    name = "utf-8-sig" if encoding.casefold().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        check_length(path, largest)
        with path.open(newline="", encoding=name) as file:
            return reader(file, tuple(columns))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except LookupError as error:
        raise InputError(f"--encoding got '{encoding}', which Python does not know") from error
    except UnicodeError as error:
        raise InputError(
            f"{path}: is not {encoding} text ({error}); name its own with --encoding, for example "
            "latin-1"
        ) from error
    except (ValueError, RecursionError, csv.Error) as error:
        raise InputError(f"{path}: {error}") from error


def column(name: str) -> str:
    """Return a column's name in small letters and underscores: `Evaluation Seed` is one too."""
    return "_".join(name.strip().casefold().replace("-", " ").split())


def _csv(file: IO[str], columns: tuple[str, ...]) -> Table:
    return _table(csv.reader(file, strict=True), columns)


def _tsv(file: IO[str], columns: tuple[str, ...]) -> Table:
    return _table(csv.reader(file, dialect="excel-tab", strict=True), columns)


def _table(rows: Any, columns: tuple[str, ...]) -> Table:
    header: list[str] = []
    found: list[Record] = []
    try:
        header = list(columns) or next(rows, [])
        names = _names(header)
        for row in rows:
            if not row:
                continue  # a line with nothing on it is no row
            if len(row) == len(names):
                found.append(Record(rows.line_num, dict(zip(names, row, strict=True))))
            else:
                found.append(Record(rows.line_num, problem=_ragged(len(row), len(names))))
    except csv.Error as error:
        raise ValueError(
            f"line {rows.line_num}: {error}; a quotation mark is open or stands alone"
        ) from None
    return Table(names, tuple(found))


def _ragged(there: int, wanted: int) -> str:
    why = "an unquoted comma?" if there > wanted else "a line break inside?"
    return f"has {there} fields where the header has {wanted}; {why}"


def _names(header: Sequence[str]) -> tuple[str, ...]:
    """Return the columns' names; those without one are numbered."""
    names = tuple(column(name) or f"unnamed_{number}" for number, name in enumerate(header))
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"has two columns called '{twice[0]}'")
    if not names:
        raise ValueError("is empty")
    return names


def _txt(file: IO[str], columns: tuple[str, ...]) -> Table:
    """Read one prompt a line."""
    lines = enumerate((line.rstrip("\r\n") for line in file), start=1)
    rows = (Record(number, {"prompt": line}) for number, line in lines if line.strip())
    return Table(("prompt",), tuple(rows))


def _json(file: IO[str], columns: tuple[str, ...]) -> Table:
    """Read a list of objects or strings, which may be the only value of an object."""
    data = json.load(file)
    if isinstance(data, dict) and len(data) == 1:
        (data,) = data.values()
    if not isinstance(data, list):
        raise ValueError("must be a list of objects or strings, or an object with one such list")
    return _items(enumerate(data, start=1))


def _jsonl(file: IO[str], columns: tuple[str, ...]) -> Table:
    """Read one object or string a line."""
    lines = enumerate(file, start=1)
    return _items((number, json.loads(line)) for number, line in lines if line.strip())


def _items(items: Iterable[tuple[int, Any]]) -> Table:
    found = list(_objects(items))
    columns = dict.fromkeys(name for record in found for name in record.values)
    rows = (
        Record(each.place, {name: each.values.get(name, "") for name in columns}, each.problem)
        for each in found
    )
    return Table(tuple(columns), tuple(rows))


def _objects(items: Iterable[tuple[int, Any]]) -> Iterator[Record]:
    for number, item in items:
        if isinstance(item, str):
            yield Record(number, {"prompt": item})
        elif isinstance(item, dict):
            names = [column(name) or "unnamed" for name in item]
            if len(set(names)) < len(names):
                yield Record(number, problem="has two keys of one name")
            else:
                yield Record(number, dict(zip(names, map(_cell, item.values()), strict=True)))
        else:
            yield Record(number, problem=f"is {json.dumps(item)[:40]}, must be an object or text")


def _cell(value: Any) -> str:
    """Return a value as a CSV would have it; null and NaN say nothing, the text "null" does."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


READERS: dict[str, Callable[[IO[str], tuple[str, ...]], Table]] = {
    "csv": _csv,
    "tsv": _tsv,
    "json": _json,
    "jsonl": _jsonl,
    "txt": _txt,
}
