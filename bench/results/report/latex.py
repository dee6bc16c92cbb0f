"""A comparison as LaTeX with booktabs: the best in bold, the second underlined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.results.report.table import EMPTY, Cell, Table

if TYPE_CHECKING:
    from bench.results.report.page import Page

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "†": r"$^\dagger$",
        "·": r"$\cdot$",
        "Δ": r"$\Delta$",
        "–": "--",
        "−": "$-$",
        "<": "$<$",
    }
)


def paper(pages: Sequence[Page]) -> str:
    """Return the pages as LaTeX that needs the packages booktabs and graphicx."""
    lines = ["% needs \\usepackage{booktabs,graphicx}"]
    for page in pages:
        for table in page.tables:
            lines += latex(table, page.heading, page.notes)
    return "\n".join(lines) + "\n"


def latex(table: Table, heading: str, notes: Sequence[str] = ()) -> list[str]:
    """Return the lines of a table environment that needs the packages booktabs and graphicx.

    An empty table is a sentence.

    Args:
        table: The table.
        heading: The protocol in words, for the caption.
        notes: What holds for all tables of a page, for the caption too.
    """
    if table.empty:
        text = " ".join([f"{table.title}; {heading}: {EMPTY}", *table.notes, *notes])
        return [rf"\noindent {_escaped(text[:1].upper() + text[1:])}\par"]
    lines = [[_cell(each) for each in line] for line in table.lines]
    columns = "l" + "r" * (len(table.header) - 1)
    caption = " ".join([f"{table.title}; {heading}.", *table.notes, *notes])
    return [
        r"\begin{table}",
        rf"\caption{{{_escaped(caption[:1].upper() + caption[1:])}}}",
        r"\centering\resizebox{\linewidth}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(_escaped, table.header)) + r" \\",
        r"\midrule",
        *(" & ".join(line) + r" \\" for line in lines),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]


def _escaped(text: str) -> str:
    return text.translate(_SPECIAL)


def _cell(cell: Cell) -> str:
    text = _escaped(cell.text)
    marked = {0: text, 1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}[cell.rank]
    # In braces: a bracket after a line break would be read as its optional argument.
    return marked + rf" {{\scriptsize {_escaped(cell.interval)}}}" if cell.interval else marked
