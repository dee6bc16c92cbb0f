"""Reads CSV, JSON and text files row by row: what cannot be read is said, never mended."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.names import find
from bench.prompts.importers import shapes
from bench.prompts.importers.columns import AS_NAMED, FOUND, PROMPTS, Named, normal, same
from bench.prompts.importers.delimited import Line, Lines, look, prompt_lines
from bench.prompts.rows import LARGEST, check_length
from bench.types import InputError

MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
"""How files begin whose encoding is marked."""


@dataclass(frozen=True)
class Record:
    """One row of a foreign file."""

    place: int
    """Line where it ends, or its number among those of a JSON file."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Text by column; what the file leaves open is ""."""
    problem: str = ""
    """Why it cannot be read; "" if it can."""


@dataclass(frozen=True)
class Table:
    """The columns of a file, its rows, and how it was read."""

    columns: tuple[str, ...]
    records: tuple[Record, ...]
    guesses: tuple[str, ...] = ()
    """What was found out of how the file is written, in words."""

    def has(self, *groups: Collection[str]) -> bool:
        """Return whether each group has a column that is there.

        Args:
            *groups: Names that mean the same, of which one is enough.
        """
        return all(any(name in self.columns for name in group) for group in groups)

    def cells(self, name: str) -> list[str]:
        """Return the cells of a column; none if it is not there."""
        there = name in self.columns
        return [each.values[name] for each in self.records if not each.problem] if there else []

    def said(self, name: str, words: Mapping[str, str]) -> Table:
        """Return the table with some words of a column said by others.

        Args:
            name: The column.
            words: What is said in place of each, in small letters.
        """

        def translated(each: Record) -> Record:
            word = each.values.get(name, "")
            return replace(each, values={**each.values, name: words.get(normal(word), word)})

        return replace(self, records=tuple(map(translated, self.records)))

    def renamed(self, meanings: Mapping[str, str]) -> Table:
        """Return the table with columns called by what the user says that they mean.

        Other columns that would mean the same are set aside.

        Args:
            meanings: Columns by meaning.

        Raises:
            InputError: a column is not there.
        """
        names = {name: name for name in self.columns}
        for meaning, chosen in meanings.items():
            find(f"column of {meaning}", chosen, self.columns)
            for name in same(meaning) & set(names) - set(meanings.values()):
                names[name] = f"{name} (set aside)"
            if chosen not in same(meaning):
                names[chosen] = meaning
        if all(name == now for name, now in names.items()):
            return self
        records = (
            Record(each.place, {names[k]: v for k, v in each.values.items()}, each.problem)
            for each in self.records
        )
        return Table(tuple(names.values()), tuple(records), self.guesses)


def read(
    path: Path, *, named: Named = AS_NAMED, encoding: str = "", largest: int = LARGEST
) -> Table:
    """Read a file of prompts by its ending: csv, tsv, json, jsonl or txt.

    Args:
        path: The file.
        named: What the user says of its columns.
        encoding: Of its text; "" for UTF-8, or UTF-16 where a byte order mark says it.
        largest: Bytes that it may have.

    Raises:
        InputError: the file is too large, not there, or broken in a way that leaves its rows in
            doubt.
    """
    suffix = path.suffix.removeprefix(".").casefold()
    reader = READERS[find(f"ending of {path}", suffix, READERS)]
    try:
        check_length(path, largest)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    marked = MARKS.get(data[:2]) or MARKS.get(data[:3])
    text = _decoded(data, encoding or marked or "utf-8", path)
    try:
        table = reader(text, named)
    except InputError:
        raise
    except (ValueError, RecursionError, csv.Error) as error:
        raise InputError(f"{path}: {error}") from error
    guess = (f"encoding {marked}",) if marked == "utf-16" and not encoding else ()
    return Table(table.columns, table.records, (*guess, *table.guesses))


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    """Return a file's text, without a byte order mark.

    Raises:
        InputError: Python does not know the encoding, or the file is of another.
    """
    plain = encoding.casefold().replace("_", "-")
    try:
        return data.decode("utf-8-sig" if plain in ("utf-8", "utf8") else encoding)
    except UnicodeError as error:
        raise InputError(
            f"{path}: is not {encoding} text ({error}); name its own with --encoding, "
            "for example latin-1"
        ) from error
    except (LookupError, ValueError) as error:
        raise InputError(f"--encoding got '{encoding}', which Python does not know") from error


def _csv(text: str, named: Named) -> Table:
    return _of_lines(look(text, named, ",;\t|"))


def _tsv(text: str, named: Named) -> Table:
    return _of_lines(look(text, named, "\t,;|"))


def _of_lines(found: Lines) -> Table:
    def record(line: Line) -> Record:
        there, wanted = len(line.cells), len(found.columns)
        if there == wanted:
            return Record(line.number, dict(zip(found.columns, line.cells, strict=True)))
        why = f"an unquoted {found.word}?" if there > wanted else "a line break inside?"
        return Record(
            line.number,
            problem=f"has {there} fields where the header has {wanted}; {why}",
        )

    return Table(found.columns, tuple(map(record, found.rows)), found.guesses)


def _txt(text: str, named: Named) -> Table:
    """Read one prompt a line."""
    if named.header not in ((), ("prompt",)) or named.meanings:
        raise ValueError(
            "a txt file has a prompt in each line and no columns to name; call a table .csv"
        )
    rows = list(prompt_lines(text, quoted=False))
    first = re.split(r"[,;\t|]", rows[0].cells[0]) if rows and not named.header else []
    if len(first) > 1 and {*PROMPTS, *FOUND} & set(map(normal, first)):
        raise ValueError(
            f"line 1 names columns ({','.join(first)[:80]}): call a table .csv; if it is a prompt, "
            "--columns prompt"
        )
    if rows and not named.header and normal(rows[0].cells[0]) in PROMPTS:
        return _of_lines(Lines(("prompt",), rows[1:], guesses=("line 1 is a header",)))
    return _of_lines(Lines(("prompt",), rows))


def _json(text: str, named: Named) -> Table:
    """Read JSON in any shape that `shapes` knows, or one value a line."""
    try:
        data = shapes.loaded(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
        return _jsonl(text, named)
    return _items(shapes.rows(data, named))


def _jsonl(text: str, named: Named) -> Table:
    """Read one object or string a line."""
    found = []
    for line in prompt_lines(text, quoted=False):
        try:
            found.append(shapes.loaded(line.cells[0]))
        except ValueError as error:
            raise ValueError(f"line {line.number}: {error}") from None
    if len(found) == 1:
        return _items(shapes.rows(found[0], named))
    return _items(shapes.rows(found, named))


def _items(found: shapes.Rows) -> Table:
    if not found.rows:
        raise ValueError("is empty")
    columns = dict.fromkeys(name for row in found.rows if isinstance(row, dict) for name in row)
    records = (
        Record(number, problem=row)
        if isinstance(row, str)
        else Record(number, {name: row.get(name, "") for name in columns})
        for number, row in enumerate(found.rows, start=1)
    )
    return Table(tuple(columns), tuple(records), found.guesses)


READERS: Mapping[str, Callable[[str, Named], Table]] = {
    "csv": _csv,
    "tsv": _tsv,
    "json": _json,
    "jsonl": _jsonl,
    "txt": _txt,
}
