"""A comparison as Markdown: the best in bold, the second underlined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.results.report.table import EMPTY, Cell, Table
from bench.terminal import visible

if TYPE_CHECKING:
    from bench.results.report.page import Page

LEGEND = (
    "↓ lower is better, ↑ higher is better; the best is bold, the second underlined. Brackets are "
    "95 % intervals. target, synonym, hyponym, related and adversarial images should no longer "
    "show the erased concept, near and far ones should still show their own; leak is the share of "
    "these that show the erased one."
)


_TAG = re.compile(r"<(?=[A-Za-z/!?])")
"""What begins a tag or an address, which readers of Markdown let act."""


def escaped(text: str) -> str:
    """Return a text of one line that no reader of Markdown takes for HTML, a link or a cell's end.

    Args:
        text: Of a suite, a prompt or a file; what is emphasis in it may be.
    """
    line = _TAG.sub("&lt;", visible(" ".join(text.split())))
    return line.replace("](", "]\\(").replace("\\|", "\\\\|").replace("|", "\\|")


def fenced(text: str) -> list[str]:
    """Return the lines of a block that shows a text as it is, whatever marks are in it."""
    runs = re.findall("`+", text)
    fence = "`" * max(3, *(len(run) + 1 for run in runs), 0)
    return [fence, visible(text), fence]


def document(pages: Sequence[Page], left_out: Sequence[str] = ()) -> str:
    """Return the pages as one Markdown document.

    Args:
        pages: One a protocol.
        left_out: Why runs are missing, one sentence each.
    """
    lines = ["# Comparison", "", LEGEND, ""]
    for problem in left_out:
        lines += [f"Left out: {escaped(problem)}.", ""]
    for page in pages:
        lines += [f"## {escaped(page.heading)}", ""]
        for table in page.tables:
            lines += markdown(table)
        for note in page.notes:
            lines += [escaped(note), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def markdown(table: Table) -> list[str]:
    """Return the lines of a table with its title above and its notes below."""
    marks = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [
        [*map(escaped, table.headings)],
        marks,
        *([_cell(each) for each in line] for line in table.lines),
    ]
    title = f"{escaped(table.title[:1].upper() + table.title[1:])}:"
    page = [f"{title} {EMPTY}", ""] if table.empty else [title, ""]
    if not table.empty:
        page += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    for note in table.notes:
        page += [escaped(note), ""]
    return page


def _cell(cell: Cell) -> str:
    text = escaped(cell.full)
    return {0: text, 1: f"**{text}**", 2: f"<ins>{text}</ins>"}[cell.rank]
