"""Where a comparison goes, in which format; each has a file of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.files import sweep, write_bytes
from bench.results.report import axes, interference
from bench.results.report.latex import paper
from bench.results.report.markdown import document
from bench.results.report.page import Page
from bench.results.report.sheet import sheet
from bench.results.report.terminal import print_pages
from bench.results.report.wide import wide

WIDE = "comparison_wide.csv"
"""The comparison with a row a run, which is written where it is asked for."""


def write_comparison(pages: Sequence[Page], out: Path, left_out: Sequence[str] = ()) -> list[Path]:
    """Write the pages in three formats, their axes and interference, and return the files' paths.

    Args:
        pages: One a protocol.
        out: The folder for comparison.csv, .md and .tex, axes.csv and interference.csv.
        left_out: Why runs are missing, one sentence each; the page says so.
    """
    sweep(out)
    made = {
        "comparison.csv": sheet(pages),
        "comparison.md": document(pages, left_out),
        "comparison.tex": paper(pages),
        "axes.csv": axes.sheet(pages),
        "interference.csv": interference.sheet(pages),
    }
    for name, text in made.items():
        write_bytes(out / name, text.encode())
    return [out / name for name in made]


def write_wide(pages: Sequence[Page], out: Path) -> Path:
    """Write the pages as a CSV with a row a run, and return its path.

    Args:
        pages: One a protocol.
        out: The folder for comparison_wide.csv.
    """
    write_bytes(out / WIDE, wide(pages).encode())
    return out / WIDE


def show(pages: Sequence[Page], form: str, *, label: str = "", rows: bool = True) -> int:
    """Print pages as terminal, csv, markdown or latex, and return the status of success.

    Args:
        pages: One a protocol.
        form: `terminal`, `csv`, `markdown` or `latex`.
        label: What a LaTeX table is referred to by; "" for none.
        rows: Whether a CSV has a row a score, and not a row a run.
    """
    written: dict[str, Callable[[Sequence[Page]], str]] = {
        "csv": sheet if rows else wide,
        "markdown": document,
        "latex": lambda pages: paper(pages, label),
    }
    if form in written:
        sys.stdout.write(written[form](pages))
        return 0
    print_pages(pages)
    return 0
