"""Long lines in a terminal, and none broken in a pipe."""

from __future__ import annotations

import sys

import pytest

from bench.cli import commands
from bench.cli.lines import wrapped

LINE = "uce  weights    UCE: edits cross-attention in closed form so that a concept goes."


def test_a_long_line_goes_on_below_its_last_column() -> None:
    assert wrapped(LINE, 50).splitlines() == [
        "uce  weights    UCE: edits cross-attention in",
        "                closed form so that a concept",
        "                goes.",
    ]
    assert wrapped(LINE, len(LINE)) == LINE


def test_a_column_that_leaves_no_room_is_no_place_to_go_on() -> None:
    assert wrapped(LINE, 30).splitlines()[1] == "     cross-attention in closed"


def test_a_line_of_one_column_goes_on_a_little_further_in() -> None:
    assert wrapped("    one two three four five six seven", 30).splitlines() == [
        "    one two three four five",
        "      six seven",
    ]


def test_paths_stay_whole() -> None:
    path = "/a/very-long/path" * 4
    assert path in wrapped(f"uce on mini: {path} (new)", 40).splitlines()[1]


@pytest.mark.parametrize(("terminal", "lines"), [(True, 3), (False, 1)])
def test_what_is_piped_is_not_broken(
    terminal: bool,
    lines: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert commands.print_lines([LINE]) == 0
    assert capsys.readouterr().out.count("\n") == lines
