"""A comparison as LaTeX with booktabs: the best in bold, the second underlined."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from anyascii import anyascii

from bench.results.report.table import EMPTY, Cell, Table
from bench.types import InputError

if TYPE_CHECKING:
    from bench.results.report.page import Page

HEAD = (
    "% needs \\usepackage{booktabs,graphicx}; letters that its fonts lack are written in Latin "
    "ones.\n% The first table of each protocol; `compare --format latex --columns` picks others."
)
LEGEND = "Brackets are 95 % intervals; the best is bold, the second underlined."
BEST = "The best is bold, the second underlined."
LABEL = re.compile(r"[A-Za-z0-9:._+/-]+")
"""What may be a label."""
_SPECIAL = {
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
    "`": r"{\textasciigrave}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "²": "$^2$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "Δ": r"$\Delta$",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "’": "'",
}
_ACCENTED = "".join(
    letter for letter in map(chr, range(0xC0, 0x100)) if letter.isalpha() and letter not in "ÐðÞþ"
)
"""Letters beyond ASCII that LaTeX's own fonts have."""


def check_label(label: str) -> None:
    """Refuse a label with characters that LaTeX would not take for themselves.

    Raises:
        InputError: it has some.
    """
    if not LABEL.fullmatch(label):
        raise InputError(f"--label is '{label}', must be of letters, digits and : . _ + / -")


def paper(pages: Sequence[Page], label: str = "") -> str:
    """Return the first table of each page as LaTeX that needs the packages booktabs and graphicx.

    Args:
        pages: One a protocol.
        label: What `ref` names the table by; further ones get -2, -3 behind it.
    """
    lines = [HEAD]
    for number, page in enumerate(pages, start=1):
        own = f"{label}-{number}" if label and number > 1 else label
        lines += latex(page.tables[0], page.heading, page.notes, label=own)
    return "\n".join(lines) + "\n"


def latex(table: Table, heading: str, notes: Sequence[str] = (), *, label: str = "") -> list[str]:
    """Return the lines of a table environment that needs the packages booktabs and graphicx.

    What must be known to read it stands below it, in small type. An empty table is a sentence.

    Args:
        table: The table.
        heading: The protocol in words, for the caption.
        notes: What holds for all tables of a page.
        label: What `ref` names it by; "" for none.
    """
    if table.empty:
        text = " ".join([f"{table.title}; {heading}: {EMPTY}", *table.notes, *notes])
        return [rf"\noindent {escaped(text[:1].upper() + text[1:])}\par"]
    brackets = any(each.interval.startswith("[") for line in table.lines for each in line)
    caption = f"{table.title}; {heading}. {LEGEND if brackets else BEST}"
    below = " ".join([*table.notes, *notes])
    return [
        r"\begin{table}",
        rf"\caption{{{escaped(caption[:1].upper() + caption[1:])}}}",
        *([rf"\label{{{label}}}"] if label else []),
        # Shrunk where it is wider than the text, and never enlarged.
        r"\centering\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
        r"\toprule",
        *_over(table.over),
        " & ".join(map(escaped, table.header)) + r" \\",
        r"\midrule",
        *(" & ".join(_line(line)) + r" \\" for line in table.lines),
        r"\bottomrule",
        r"\end{tabular}}",
        *([rf"\par\medskip\parbox{{\linewidth}}{{\footnotesize {escaped(below)}}}"] * bool(below)),
        r"\end{table}",
    ]


def escaped(text: str) -> str:
    """Return a text that LaTeX sets as it is read, on one line."""
    found = "".join(map(_letter, " ".join(text.split())))
    # Two hyphens would become a dash.
    return re.sub(r"(?<=-)-(?=\w)", "{-}", found) if "--" in text else found


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter.isascii():
        return letter if letter.isprintable() else ""
    if letter in _ACCENTED:
        return letter
    return "".join(_SPECIAL.get(each, each) for each in anyascii(letter) if each.isprintable())


def _over(names: Sequence[str]) -> Iterator[str]:
    """Yield the line above the header that names each table once, and the rules below it."""
    if names:
        cells, rules, place = [], [], 1
        for name, some in groupby(names):
            width = len(list(some))
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(name)}}}" if name else "")
            if name:
                rules.append(rf"\cmidrule(lr){{{place}-{place + width - 1}}}")
            place += width
        yield " & ".join(cells) + r" \\"
        yield "".join(rules)


def _line(line: Sequence[Cell]) -> Iterator[str]:
    first, *rest = map(_cell, line)
    # After a line break a bracket would be read as its optional argument, and a star too.
    yield "{}" + first if first.startswith(("[", "*")) else first
    yield from rest


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    marked = {0: text, 1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}[cell.rank]
    return marked + rf" {{\scriptsize {escaped(cell.interval)}}}" if cell.interval else marked
