"""Tables in the terminal, whatever its width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.box import HEAVY_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.style import Style

from bench import terminal
from bench.results.report.table import EMPTY, Cell, Table
from bench.terminal import visible
from bench.types import Score

if TYPE_CHECKING:
    from bench.results.report.page import Page

Lines = Sequence[Sequence[Cell]]
STYLES = {0: None, 1: Style(bold=True), 2: Style(underline=True)}


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
        console.print(_Drawn(part))
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


class _Drawn:
    """A table as rich draws it, of cells of one line: its own lays each out as a page."""

    def __init__(self, lines: Lines) -> None:
        self.lines = [[replace(each, text=_line(each.text)) for each in line] for line in lines]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        box = HEAVY_HEAD.substitute(options)
        columns = zip(*self.lines, strict=True)
        widths = [max(cell_len(each.full) for each in column) for column in columns]
        # Where two columns are too wide already, the name is what is cut.
        widths[0] = max(1, min(widths[0], options.max_width - _framed(widths) + widths[0]))
        ruled = [width + 2 for width in widths]
        header, *rest = self.lines
        heads = [replace(each, rank=1) for each in header]
        yield Segment(box.get_top(ruled) + "\n")
        yield from _row(heads, widths, box.head_left, box.head_vertical, box.head_right)
        yield Segment(box.get_row(ruled, "head") + "\n")
        for line in rest:
            yield from _row(line, widths, box.mid_left, box.mid_vertical, box.mid_right)
        yield Segment(box.get_bottom(ruled) + "\n")


def _row(
    line: Sequence[Cell], widths: Sequence[int], left: str, between: str, right: str
) -> Iterator[Segment]:
    plain = f"{left} "
    for number, (each, width) in enumerate(zip(line, widths, strict=True)):
        text = _sized(each.full, width, to_the_right=number > 0)
        end = f" {between} " if number < len(line) - 1 else f" {right}\n"
        if each.rank:
            yield Segment(plain)
            yield Segment(text, STYLES[each.rank])
            plain = end
        else:
            plain += text + end
    yield Segment(plain)


def _sized(text: str, width: int, *, to_the_right: bool) -> str:
    space = width - cell_len(text)
    if space < 0:
        return set_cell_size(text, width - 1) + "…"
    return " " * space + text if to_the_right else text + " " * space


def _line(text: str) -> str:
    """Return a text on one line, without tabs, whose width nobody knows."""
    return " ".join(text.expandtabs().splitlines())


def _framed(widths: Sequence[int]) -> int:
    """Return the columns of a terminal that columns of these widths take."""
    return sum(width + 3 for width in widths) + 1


def _width(lines: Lines) -> int:
    """Return the columns that a table of these lines takes."""
    columns = zip(*lines, strict=True)
    return _framed([max(cell_len(each.full) for each in column) for column in columns])
