"""Tables as LaTeX: what LaTeX would read as its own is escaped, and pdflatex takes all of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.results.report import group, narrowed, page, written
from bench.results.report.latex import check_label, escaped, latex, paper
from bench.results.report.table import Cell, Table
from bench.types import InputError

from .conftest import SPEC, UNERASED, Make

START = "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}\n"
EVIL = r"""\input{x} & % $ # _ { } ~ ^ ` < > | " ' -- ?` [a] *†‡·×±²≤≥Δ–—−…“”’↓↑→ é ß ł """
EVIL += "飛行機 🛩 عربي"
EVERY = "".join(map(chr, range(0x20, 0x250)))


def compiled(folder: Path, body: str) -> str:
    """Return what pdflatex says of a document, which it must take."""
    (folder / "x.tex").write_text(f"{START}{body}\\end{{document}}\n", encoding="utf-8")
    made = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "x.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert made.returncode == 0, made.stdout[-2000:]
    return made.stdout


def test_what_latex_reads_is_escaped() -> None:
    table = Table(
        "100 % of a_b & c", ("m", "x_1 ↓"), ((Cell("u"), Cell("50 %", "[1, 2]", rank=1)),)
    )
    text = "\n".join(latex(table, "h · 1", ("{note}",), label="tab:x"))
    assert r"100 \% of a\_b \& c" in text and r"x\_1 $\downarrow$" in text
    assert r"\textbf{50 \%} {\scriptsize [1, 2]}" in text and r"\{note\}" in text
    assert text.index(r"\caption") < text.index(r"\label{tab:x}") < text.index(r"\toprule")
    assert escaped("a\n\n b\\c") == r"a b\textbackslash{}c"
    assert escaped("--size 飛 ł") == r"-{-}size Fei l"
    # A bracket at the start of a line would be read as the argument of the line before.
    bracketed = latex(Table("t", ("m", "x"), ((Cell("[a]"), Cell("1")),)), "h")
    assert r"{}[a] & 1 \\" in bracketed


def test_a_paper_has_one_table_a_protocol(make: Make) -> None:
    runs = [make(), make(UNERASED, 0.95)]
    other = [make(replace(SPEC, size="full")), make(replace(UNERASED, size="full"))]
    pages = [page(group(runs)), page(group(other))]
    text = paper(pages, "tab:erased")
    assert len(pages[0].tables) > 3 and text.count(r"\begin{table}") == 2
    assert r"\label{tab:erased}" in text and r"\label{tab:erased-2}" in text
    # The detector is named once, in the caption.
    assert text.count("Judge: images") == 2 and "& judge" not in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "[" in line]
    assert rows[0].startswith("original &")


@pytest.mark.parametrize("label", ["", "a b", "tab:}", "x%", "é"])
def test_a_label_that_latex_would_not_take_is_refused(label: str) -> None:
    with pytest.raises(InputError, match=r"--label is '.*', must be of letters"):
        check_label(label)
    check_label("tab:erasure_1")


@pytest.mark.skipif(
    shutil.which("pdflatex") is None or sys.platform == "win32", reason="needs a LaTeX installation"
)
def test_it_compiles(make: Make, tmp_path: Path) -> None:
    """Every table of a page, columns of two metrics, each form of intervals, and every letter."""
    made = page(group([make(), make(UNERASED, 0.95)]))
    forms = [made, written(made, "half-width")]
    tables = [latex(table, each.heading, each.notes) for each in forms for table in each.tables]
    (chosen,) = narrowed([made], ["target", "clip:target", "clip:near", "H_o"])
    assert chosen.tables[0].over
    hard = Table(EVIL, (EVIL, "x ↓"), ((Cell("[1] *"), Cell(EVIL, "[0, 1]", rank=2)),), (EVERY,))
    tables += [latex(hard, EVIL, (EVIL,)), [paper([chosen], "tab:chosen")]]
    said = compiled(tmp_path, "\n".join(line for lines in tables for line in lines))
    assert "Missing character" not in said and "undefined" not in said
