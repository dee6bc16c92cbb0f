"""What is printed of texts from outside is shown, and nothing of it acts on the terminal."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from bench import terminal
from bench.cli import listing, main, output, progress
from bench.results.report.attacks import table as attacks_table
from bench.results.report.table import Cell, Table
from bench.results.report.terminal import print_table
from bench.terminal import visible

HOSTILE = "\x1b]0;mine\x07\x1b[2J\r\x9b1m\u202ecod\u2066\x00[bold]x[/bold]:bomb:[/"
ACTS = "\x1b\x07\r\x9b\u202e\u2066\x00"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("letter", [*ACTS, "\x7f", "\u2028", "\ud800"])
def test_what_acts_is_shown_as_json_writes_it(letter: str) -> None:
    assert letter not in visible(letter)
    assert json.loads(f'"a{visible(letter)}b"') == f"a{letter}b"
    assert json.loads(visible(json.dumps({letter: "é中文"}, ensure_ascii=False))) == {
        letter: "é中文"
    }


def test_what_people_write_stays() -> None:
    text = "é 中文 дракон عربي 🏴‍☠️ a\tb\nc \\ [x]"
    assert visible(text) == text


def test_an_error_and_a_list_show_what_was_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["show", "suite", HOSTILE]) == 2
    said = capsys.readouterr().err
    assert not set(ACTS) & set(said) and "\\u001b]0;mine\\u0007\\u001b[2J" in said
    monkeypatch.setitem(listing.LISTS, "methods", lambda *_: iter([HOSTILE]))
    assert main(["list", "methods"]) == 0
    assert "\\u001b[2J\\u000d\\u009b1m\\u202ecod" in capsys.readouterr().out


def test_a_table_on_a_terminal_shows_it_beside_its_own_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "400")
    with terminal.shown():
        out: Any = sys.stdout
        made = Table(
            HOSTILE, ("method", HOSTILE), ((Cell(HOSTILE), Cell("1", rank=1)),), (HOSTILE,)
        )
        print_table(terminal.console(), made)
    said = out.getvalue()
    assert "\x1b[1m" in said, "the best is bold"
    assert "\x1b]" not in said and "\x1b[2J" not in said and not set("\x07\x9b\u202e\0") & set(said)
    assert said.count("[bold]x[/bold]:bomb:[/") == 4


def lines_of(table: Table, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, table)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_columns_stand_below_each_other_whatever_the_width_of_letters() -> None:
    names = ("飞机", "avião", "a\nb\tc")
    rows = tuple((Cell(name), Cell(str(10**n))) for n, name in enumerate(names))
    _, top, *body = lines_of(Table("t", ("method", "n"), rows), 80)
    assert {cell_len(line) for line in body} == {len(top)}
    assert len(body) == 2 + len(names) + 1, "a cell is a line"
    assert [line.split("│")[2].strip() for line in body[2:-1]] == ["1", "10", "100"]


def test_numbers_stay_where_names_are_longer_than_the_terminal() -> None:
    rows = ((Cell("x" * 70), Cell("0.25")), (Cell("y"), Cell("0.75")))
    for line in lines_of(Table("t", ("method", "share"), rows), 40)[1:]:
        assert len(line) == 40
    said = "\n".join(lines_of(Table("t", ("method", "share"), rows), 40))
    assert "xxx… │  0.25 │" in said and "│  0.75 │" in said


def test_a_trial_of_an_attack_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    row = dict.fromkeys(("pre_asr", "asr", "matched_before", "matched_after"), "0.5")
    row |= {f"{name}{end}": "0.5" for name in list(row) for end in ("_low", "_high")}
    row |= dict.fromkeys(("n", "evaluations", "seconds", "matched_p", "images"), "1")
    row |= {"method": "[/x]", "case": HOSTILE, "attack": "p4d", "kind": "adaptive", "guard": ""}
    row |= {"convention": "", "budget": "quick", "note": "", "left_out": "0"}
    with terminal.shown():
        terminal.console().print(attacks_table([row], width=300))
    said = capsys.readouterr().out
    assert "[/x]" in said and not set(ACTS) & set(said)


def test_progress_draws_and_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.shown(), progress.shown(HOSTILE) as advance:
        err: Any = sys.stderr
        advance(f"draw {HOSTILE}", 1, 2)
    while hasattr(err, "rich_proxied_file"):
        err = err.rich_proxied_file
    said = err.getvalue()
    assert "\x1b[" in said, "bars are drawn over"
    assert "\x1b]" not in said and not set("\x07\x9b\u202e\0") & set(said)
    assert "\\u009b1m\\u202ecod" in said
    # The title, and the bar twice.
    assert said.count("[bold]x[/bold]:bomb:[/") == said.count("\\u009b1m") == 3


def test_a_document_for_programs_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    from argparse import Namespace

    with terminal.shown():
        output.answer(Namespace(json=True), {HOSTILE: [HOSTILE]})
    said = capsys.readouterr().out
    assert json.loads(said) == {HOSTILE: [HOSTILE]} and not set(ACTS) & set(said)
