"""Texts from outside, in each format that results go out in: they are shown, and nothing acts."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.results import again
from bench.results.report import plots, strip
from bench.results.report.figures.shapes import Profile, Series
from bench.results.report.latex import latex
from bench.results.report.markdown import document, escaped, fenced, markdown
from bench.results.report.table import Cell, Table

from .conftest import SPEC

HOSTILE = (
    'a|b\n<img src=x onerror="x()"> [l](javascript:x) <!-- \\| \x1b[2J\u202e $\\frac{ & % _ ~ ^'
)
TEX = r"\input{/etc/passwd} \write18{x} & % _ ~ ^ # $ { } \\"


def rows(lines: list[str]) -> list[list[str]]:
    """Cells as GitHub splits them: at each bar that no backslash takes."""
    found = [line for line in lines if line.startswith("|")]
    return [re.findall(r"(?:\\.|[^|\\])+", line) for line in found]


def test_markdown_holds_no_tag_link_or_further_cell() -> None:
    table = Table(HOSTILE, ("m", HOSTILE), ((Cell(HOSTILE), Cell("0.1", "[0.0, 0.2]", rank=1)),))
    lines = markdown(replace(table, notes=(HOSTILE,)))
    assert {len(cells) for cells in rows(lines)} == {2}
    text = document([], [HOSTILE]) + "\n".join(lines)
    assert not re.search(r"<(?!ins>|/ins>)[A-Za-z/!?]", text) and "](" not in text
    assert "\x1b" not in text and "\u202e" not in text and "\\u001b[2J" in text
    assert "**0.1 [0.0, 0.2]**" in text, "what is ours stays as it was"
    assert escaped("p < 0.05, 1 <2, [0, 1] a_b *") == "p < 0.05, 1 <2, [0, 1] a_b *"


def test_a_block_ends_where_it_should() -> None:
    first, text, last = fenced("a\n```\n<img>````")
    assert first == last == "`" * 5 and text.startswith("a\n")
    assert fenced("a")[0] == "```"


def test_a_command_to_type_again_is_one_command() -> None:
    spec = replace(SPEC, size="q; touch x", model="o/$(x y)", cases=("`x y`",), method="m$x")
    words = shlex.split(again.command(spec), posix=True)
    assert {"q; touch x", "o/$(x y)", "`x y`", "m$x"} <= set(words)


def test_latex_reads_no_file_and_runs_nothing() -> None:
    table = Table(TEX, ("m", TEX), ((Cell(TEX), Cell(TEX, TEX, rank=1)),), (TEX,))
    text = "\n".join(latex(table, TEX, (TEX,)))
    assert r"\input" not in text and r"\write" not in text
    assert text.count(r"\textbackslash{}input\{/etc/passwd\}") == 8
    assert not re.search(r"(?<!\\)[_#$~^](?!<|>)", text), "each is escaped"


@pytest.mark.filterwarnings("ignore:Glyph", "ignore:constrained_layout")
@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_a_figure_takes_names_for_no_formulas(tmp_path: Path, form: str) -> None:
    # Two dollar signs, between which matplotlib reads a formula.
    name = f"{HOSTILE}$"
    series = Series(name, "m", "id", False, False)
    figure = Profile(name, name, (name,), ((series, ((0.5, 0.4, 0.6),)),))
    path = plots.write(tmp_path / f"a.{form}", figure)
    if form == "svg":
        said = "".join(ElementTree.parse(path).getroot().itertext())
        assert said.count("<img src=x") >= 3 and r"$\frac{" in said and "\\u001b[2J" in said


def test_a_strip_is_drawn_whatever_its_rows_are_called() -> None:
    panel = strip.Panel("target", HOSTILE, (None,))
    assert strip.draw([panel], [HOSTILE]).height == strip.draw([panel], ["a"]).height
    assert strip.draw([panel], ["a\nb\x1b"]) == strip.draw([panel], ["a b\\u001b"])
