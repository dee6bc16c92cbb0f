"""Which columns of a page's tables are shown, in one table, and how their intervals are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.names import find
from bench.results.report.groups import ARROWS
from bench.results.report.table import Cell, Table

if TYPE_CHECKING:
    from bench.results.report.page import Page

INTERVALS = ("brackets", "half-width", "none")
"""How intervals are written: `0.10 [0.04, 0.21]`, `0.10 ± 0.09`, or not at all."""
HALF = (
    "± is half the width of the 95 % interval, which need not lie evenly about the value; in a "
    "line of several seeds it is their standard deviation."
)
Key = tuple[str, int]


def narrowed(pages: Sequence[Page], names: Sequence[str]) -> list[Page]:
    """Return the pages with one table each, of the columns that are named.

    A column is named by its heading without the arrow, `target` or `H_o`, and is that of the first
    table which has it; `clip:target` is that of the table of clip.

    Args:
        pages: One a protocol.
        names: The columns, in order.

    Raises:
        InputError: no page has a column of a name; the message says which there are.
    """
    known = {name: None for page in pages for name in _columns(page)}
    for name in names:
        find("column", name, known)
    return [replace(page, tables=(_chosen(page, names),)) for page in pages]


def written(page: Page, form: str) -> Page:
    """Return the page with its intervals in brackets, as half their width, or without them.

    Args:
        page: What is shown.
        form: One of `INTERVALS`.

    Raises:
        InputError: it is another word.
    """
    find("form of intervals", form, INTERVALS)
    change: dict[str, Callable[[Cell], Cell]] = {
        "brackets": lambda cell: cell,
        "half-width": lambda cell: replace(cell, interval=cell.half),
        "none": lambda cell: replace(cell, interval=""),
    }
    tables = tuple(
        replace(table, lines=tuple(tuple(map(change[form], line)) for line in table.lines))
        for table in page.tables
    )
    return replace(page, tables=tables, notes=(*page.notes, *[HALF] * (form == "half-width")))


def _columns(page: Page) -> dict[str, tuple[Table, int]]:
    """Return what each name stands for: a table and the number of its column."""
    plain: dict[str, tuple[Table, int]] = {}
    whole: dict[str, tuple[Table, int]] = {}
    for table in page.tables:
        if table.name:
            for place, heading in enumerate(table.header[1:], start=1):
                name = heading.removeprefix("Δ ").rstrip("".join(ARROWS.values())).strip()
                plain.setdefault(name, (table, place))
                whole.setdefault(f"{table.name}:{name}", (table, place))
    return plain | whole


def _chosen(page: Page, names: Sequence[str]) -> Table:
    known = _columns(page)
    found = {name: known[name] for name in names if name in known}
    tables = list({table.name: table for table, _ in found.values()}.values())
    lines = {table.name: dict(_lines(table)) for table in page.tables if table.name}
    keys = dict.fromkeys(key for some in lines.values() for key in some)
    return Table(
        title="; ".join(table.title for table in tables) or "scores",
        header=("method", *(table.header[place] for table, place in found.values())),
        lines=tuple(
            (
                Cell(key[0]),
                *(
                    lines[table.name][key][place] if key in lines[table.name] else Cell("–")
                    for table, place in found.values()
                ),
            )
            for key in keys
        ),
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
        over=("", *(t.name for t, _ in found.values())) if len(tables) > 1 else (),
    )


def _lines(table: Table) -> Iterator[tuple[Key, Sequence[Cell]]]:
    """Yield each line by its first cell, and by how many before it are called the same."""
    seen: dict[str, int] = {}
    for line in table.lines:
        text = line[0].text
        seen[text] = seen.get(text, -1) + 1
        yield (text, seen[text]), line
