"""Tables as Markdown: the best in bold, the second underlined."""

from __future__ import annotations

from bench.results.report.table import EMPTY, Cell, Table


def markdown(table: Table) -> list[str]:
    """Return the lines of a table with its title above and its notes below."""
    marks = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [list(table.header), marks, *([_cell(each) for each in line] for line in table.lines)]
    title = f"{table.title[:1].upper()}{table.title[1:]}:"
    page = [f"{title} {EMPTY}", ""] if table.empty else [title, ""]
    if not table.empty:
        page += [*(f"| {' | '.join(row)} |" for row in rows), ""]
    for note in table.notes:
        page += [note, ""]
    return page


def _cell(cell: Cell) -> str:
    text = cell.full.replace("|", "\\|")
    return {0: text, 1: f"**{text}**", 2: f"<ins>{text}</ins>"}[cell.rank]
