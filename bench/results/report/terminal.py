"""Tables in the terminal, whatever its width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich import table as rich_table
from rich.console import Console
from rich.text import Text

from bench import terminal
from bench.results.report.table import EMPTY, Cell, Table
from bench.terminal import visible
from bench.types import Score

if TYPE_CHECKING:
    from bench.results.report.page import Page

Lines = Sequence[Sequence[Cell]]
STYLES = {0: "", 1: "bold", 2: "underline"}


def print_pages(pages: Sequence[Page]) -> None:
    """Print each page's heading, tables and notes."""
    console = terminal.console()
    for page in pages:
        console.print(page.heading, style="bold")
        for table in page.tables:
            print_table(console, table)
        for note in page.notes:
            console.print(note)
        console.print()


def show_scores(scores: Sequence[Score]) -> None:
    """Print scores as they stand in scores.csv, one a line, those not measured left out."""
    lines = tuple(
        (
            *map(Cell, (s.metric, s.measure, s.role, s.tag)),
            Cell(f"{s.value:.3g}", "" if math.isnan(s.low) else f"[{s.low:.3g}, {s.high:.3g}]"),
            Cell(str(s.n)),
        )
        for s in scores
        if s.case == scores[-1].case and not math.isnan(s.value)
    )
    title = f"case {scores[-1].case}" if scores else "scores"
    print_table(
        terminal.console(), Table(title, ("metric", "measure", "role", "tag", "value", "n"), lines)
    )


def print_table(console: Console, table: Table) -> None:
    """Print a table that fits: on its side if need be, then without intervals, then in parts.

    Args:
        console: Where it is printed; its width decides.
        table: The table.
    """
    if table.empty:
        for text in (f"{table.title}: {EMPTY}", *table.notes):
            console.print(text)
        return
    lines = [[Cell(text) for text in table.headings], *(list(line) for line in table.lines)]
    # Before it is laid out, so that what is shown of a control character has its room.
    lines = [[replace(each, text=visible(each.text)) for each in line] for line in lines]
    notes = list(table.notes)
    turned = [list(column) for column in zip(*lines, strict=True)]
    if _width(lines) > console.width and _width(turned) < _width(lines):
        lines = turned
    if _width(lines) > console.width and any(each.interval for line in lines for each in line):
        lines = [[replace(each, interval="") for each in line] for line in lines]
        notes.append("A wider terminal, or comparison.md, has the 95 % intervals.")
    console.print(table.title)
    for part in _parts(lines, console.width):
        console.print(_drawn(part))
    for note in notes:
        console.print(note)


def _parts(lines: Lines, width: int) -> Iterator[Lines]:
    """Yield the table, or if it is still too wide tables of some columns, each with the first."""
    columns = list(zip(*lines, strict=True))
    first, rest = columns[0], columns[1:]
    while rest:
        count = len(rest)
        while count > 1 and _width(list(zip(first, *rest[:count], strict=True))) > width:
            count -= 1
        yield list(zip(first, *rest[:count], strict=True))
        rest = rest[count:]


def _drawn(lines: Lines) -> rich_table.Table:
    made = rich_table.Table()
    for number, name in enumerate(lines[0]):
        made.add_column(Text(name.full), justify="right" if number else "left", no_wrap=True)
    for line in lines[1:]:
        made.add_row(*(Text(each.full, style=STYLES[each.rank]) for each in line))
    return made


def _width(lines: Lines) -> int:
    """Return the columns that a table of these lines takes."""
    columns = zip(*lines, strict=True)
    return sum(max(len(each.full) for each in column) + 3 for column in columns) + 1
