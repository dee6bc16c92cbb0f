"""Rows of comma-separated files and their kin, and of files with one prompt a line; pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.prompts.importers.columns import FOUND, PROMPTS, Named, is_number, normal

WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
"""What may stand between fields, and its name."""
TRIED = 100
"""Rows that are enough to tell what stands between fields."""
_NOWHERE = "\x1f"
"""A delimiter that no text has: a line is one field."""
_ENDS = re.compile(r"\r\n|\n|\r")
_SAID = re.compile(r"sep=([,;\t|])(?=\r?\n)")
"""How a file for spreadsheets may say what stands between fields."""
_FEEDS = re.compile(r"\r?\n")
_LONE = re.compile(r"\r(?!\n)")
"""A carriage return that ends a line on an old Mac, and no line elsewhere."""
_ENCLOSED = re.compile(r'^"([^"]*)"$')
A_LINE = "if every line is a prompt, --columns prompt reads it so"


@dataclass(frozen=True)
class Line:
    """One row: the line where it ends, and its fields."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True)
class Lines:
    """The columns and rows of a file, what stands between fields, and what was guessed."""

    columns: tuple[str, ...]
    rows: Sequence[Line]
    word: str = "comma"
    guesses: tuple[str, ...] = ()


def look(text: str, named: Named, delimiters: str) -> Lines:
    """Return the rows of a table, and of a file in which each line is a prompt.

    Args:
        text: The file's.
        named: What the user says of its columns.
        delimiters: What may stand between fields, the usual one first.

    Raises:
        ValueError: it is empty, its header cannot be one, or a quotation mark leaves its rows in
            doubt.
    """
    if said := _SAID.match(text):
        # The line stays, so that those below keep their numbers.
        text, delimiters = text[said.end(1) :], said[1] + delimiters.replace(said[1], "")
    header = named.header
    delimiter = _delimiter(text, named, delimiters)
    guesses = [f"{WORDS[delimiter]}s between fields"] if delimiter != delimiters[0] else []
    first = next(iter(_some(text, delimiter, 1)), [])
    names = {normal(cell) for cell in first}
    if header and names & {*PROMPTS, *FOUND}:
        raise ValueError(
            f"line 1 is a header ({', '.join(first)[:80]}); --columns names columns in its place "
            "for a file that has none, and renames one as MEANING=NAME"
        )
    if len(header or first) == 1 and (header or names & set(named.prompts)):
        return _one_column(text, _names(header or first), 0 if header else 1)
    try:
        rows = list(_rows(text, delimiter))
        columns = _names(header or (rows[0].cells if rows else ()))
        if _LONE.search(text) and any(len(row.cells) != len(columns) for row in rows):
            rows = _with_returns(text, delimiter, len(columns), rows)
    except csv.Error as error:
        rows = _unquoted_rows(text, delimiter)
        cells = header or (rows[0].cells if rows else ())
        if len(cells) < 2 or any(len(row.cells) != len(cells) for row in rows):
            why = "a quotation mark is open or stands alone"
            raise ValueError(f"{error}; {why}; {A_LINE}") from None
        columns = _names(cells)
        guesses.append("quotation marks that enclose no field are text")
    rows = rows if header else rows[1:]
    whole = [_joined(row, columns, named.prompts, delimiter) for row in rows]
    joined = sum(old is not new for old, new in zip(rows, whole, strict=True))
    if joined:
        word = WORDS[delimiter]
        guesses.append(f"{joined} rows have an unquoted {word} in their prompt; read as one field")
    return Lines(columns, whole, WORDS[delimiter], tuple(guesses))


def _unquoted_rows(text: str, delimiter: str) -> list[Line]:
    """Return the rows of a file whose quotation marks are text; none if one is open in a line."""
    lines = list(prompt_lines(text, quoted=False))
    if '"' not in text or any(line.cells[0].count('"') % 2 for line in lines):
        return []
    return [
        Line(line.number, [_ENCLOSED.sub(r"\1", cell) for cell in line.cells[0].split(delimiter)])
        for line in lines
    ]


def _with_returns(text: str, delimiter: str, wanted: int, rows: list[Line]) -> list[Line]:
    """Return the rows with carriage returns inside fields, if that is what makes them even."""
    mark = next(filter(lambda each: each not in text, map(chr, range(0xE000, 0xF8FF))), "\r")
    marked = [
        Line(row.number, [cell.replace(mark, "\r") for cell in row.cells])
        for row in _rows(_LONE.sub(mark, text), delimiter)
    ]
    even = [sum(len(row.cells) == wanted for row in some) / len(some) for some in (rows, marked)]
    return marked if even[1] > even[0] else rows


def _joined(row: Line, columns: Sequence[str], prompts: Sequence[str], delimiter: str) -> Line:
    """Return a row with too many fields as one whose prompt has delimiters in it.

    Only where nothing else can be meant: all other fields are numbers, and no piece of the prompt
    is one.
    """
    more = len(row.cells) - len(columns)
    at = [number for number, name in enumerate(columns) if name in prompts]
    if more <= 0 or len(at) != 1:
        return row
    (first,) = at
    before, pieces = row.cells[:first], row.cells[first : first + more + 1]
    behind = row.cells[first + more + 1 :]
    if not all(map(is_number, filter(None, (*before, *behind)))) or any(map(is_number, pieces)):
        return row
    return Line(row.number, [*before, delimiter.join(pieces), *behind])


def prompt_lines(text: str, *, quoted: bool) -> Iterator[Line]:
    """Yield the lines of a file that are not blank, each as one field.

    Args:
        text: The file's.
        quoted: Whether a line in quotation marks is what stands between them.

    Raises:
        ValueError: a line begins with a quotation mark that it does not close.
    """
    # Carriage returns are fewer than line feeds only inside of lines.
    inside = len(_LONE.findall(text)) < text.count("\n")
    for number, line in enumerate((_FEEDS if inside else _ENDS).split(text), start=1):
        if line.strip():
            yield Line(number, [_unquoted(line, number) if quoted else line])


def _one_column(text: str, columns: tuple[str, ...], skipped: int) -> Lines:
    """Read a table of one column, whose lines may have commas and quotation marks as they like."""
    try:
        rows = list(_rows(text, ","))
        if all(len(row.cells) == 1 for row in rows) and not _LONE.search(text):
            return Lines(columns, rows[skipped:])
    except csv.Error:
        pass
    lines = list(prompt_lines(text, quoted=True))[skipped:]
    commas = sum("," in line.cells[0] for line in lines)
    return Lines(columns, lines, guesses=(f"every line is one {columns[0]}, {commas} have commas",))


def _unquoted(line: str, number: int) -> str:
    if not line.startswith('"'):
        return line
    try:
        (cells,) = csv.reader([line], delimiter=_NOWHERE, strict=True)
        return cells[0]
    except csv.Error:
        if line.count('"') % 2:
            raise ValueError(
                f"line {number}: a quotation mark is open; as a .txt file every line is a prompt "
                "as it stands"
            ) from None
        return line


def _delimiter(text: str, named: Named, delimiters: str) -> str:
    """Return what stands between fields: what makes a header of the first line, or even rows."""
    if named.header:
        wanted = len(named.header)
        fitting = {
            each: sum(len(row) == wanted for row in _some(text, each, TRIED)) for each in delimiters
        }
        return max(delimiters, key=lambda each: fitting[each]) if wanted > 1 else delimiters[0]
    samples = {each: _some(text, each, TRIED) for each in delimiters}
    for each, rows in samples.items():
        if rows and set(map(normal, rows[0])) & {*named.prompts, *named.meanings.values()}:
            return each
    for each, rows in samples.items():
        if len({len(row) for row in rows}) == 1 and len(rows[0]) > 1:
            return each
    return delimiters[0]


def _some(text: str, delimiter: str, count: int) -> list[list[str]]:
    """Return the first rows, as far as they can be read."""
    found: list[list[str]] = []
    try:
        for row in _rows(text, delimiter):
            found.append(list(row.cells))
            if len(found) == count:
                break
    except csv.Error:
        pass
    return found


def _rows(text: str, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:  # a line with nothing on it is no row
                yield Line(reader.line_num, row)
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from None


def _names(header: Iterable[str]) -> tuple[str, ...]:
    """Return the columns' names; those without one are numbered."""
    names = tuple(normal(name) or f"unnamed_{number}" for number, name in enumerate(header))
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"has two columns called '{twice[0]}'")
    if not names:
        raise ValueError("is empty")
    return names
