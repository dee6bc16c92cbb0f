"""Damage to the log of a tuning and to its table: named with the way, or made again."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.runs.tuning import study
from bench.runs.tuning.study import Trial, tune
from bench.types import InputError

from ...damage import cut, empty
from .test_study import TASK, Made, heard, planned_once

assert planned_once
FEW = replace(TASK, trials=3)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log and the table of three trials."""
    folder = tmp_path_factory.mktemp("tuning")
    tune(FEW, folder, Made(), heard)
    return folder


@pytest.fixture
def out(kept: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(kept, tmp_path / "out"))


def gone_on(out: Path) -> Sequence[Trial]:
    return tune(FEW, out, Made(), heard)


def null(path: Path) -> None:
    path.write_text("null")


def list_of_nulls(path: Path) -> None:
    path.write_text("null\nnull\n")


def foreign(path: Path) -> None:
    path.write_text('{"a": 1}\n')


def deep(path: Path) -> None:
    path.write_text("[" * 100_000 + "\n")


def text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00 no log\n")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def line_gone(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]))


def line_cut(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1][:-9] + b"\n", *lines[2:]]))


@pytest.mark.parametrize("damage", [null, list_of_nulls, foreign, deep, text, folder, line_cut])
def test_what_is_no_log_is_refused_with_the_way(out: Path, damage: Callable[[Path], None]) -> None:
    log = study.log_of(out, TASK.method)
    whole = gone_on(out)
    damage(log)
    for ask in (study.trials, lambda task, out: gone_on(out)):
        with pytest.raises(InputError) as said:
            ask(FEW, out)
        assert str(said.value).startswith(f"{log} ") and "\n" not in str(said.value)
    assert "move it away" in str(said.value)
    log.rename(out / "away")
    assert gone_on(out) == whole


@pytest.mark.parametrize("damage", [cut, empty, line_gone])
def test_what_a_log_has_lost_is_tried_again(
    out: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    log, table = study.log_of(out, TASK.method), out / "uce.csv"
    whole, rows = gone_on(out), table.read_text()
    damage(log)
    before = log.read_bytes()
    assert len(study.trials(FEW, out)) < 3
    assert log.read_bytes() == before, "a plan changes nothing"
    with caplog.at_level(logging.WARNING):
        assert gone_on(out) == whole
    assert ("ended in half a line" in caplog.text) == (damage is cut)
    assert f"of the 3 trials of {table}; the others are tried again" in caplog.text
    assert table.read_text() == rows


def flipped(log: Path) -> None:
    """Change the objective of a trial, which stays a number."""
    lines = log.read_text().splitlines(keepends=True)
    for number, line in enumerate(lines):
        event = json.loads(line)
        if event.get("values"):
            event["values"] = [event["values"][0] / 2]
            lines[number] = json.dumps(event) + "\n"
            break
    log.write_text("".join(lines))


def test_what_is_done_about_a_log_is_what_is_said(out: Path, tmp_path: Path) -> None:
    log, table = study.log_of(out, TASK.method), out / "uce.csv"
    whole, events = gone_on(out), log.read_bytes()
    flipped(log)
    with pytest.raises(InputError, match=r"differ in trial 0 \(objective .*\), so one was changed"):
        study.trials(FEW, out)
    # Both, and all is tried again; the log alone is right, and the table is written again.
    for path in (log, table):
        path.unlink()
    assert gone_on(out) == whole
    log.write_bytes(events)
    good = table.read_text()
    table.write_text(good.replace("0.5", "0.6"))
    with pytest.raises(InputError, match=rf"; delete {table} where the log is right, or both"):
        gone_on(out)
    table.unlink()
    assert gone_on(out) == whole and table.read_text() == good
    cut(table)
    with pytest.raises(InputError, match=rf"{table} is damaged .*; delete it and the same command"):
        gone_on(out)
    table.unlink()
    assert gone_on(out) == whole and table.read_text() == good
    other = replace(FEW, size="quick")
    with pytest.raises(InputError, match="name another --out, or ask for what it holds"):
        study.trials(other, out)
    assert study.trials(other, tmp_path / "another") == []
    assert study.trials(FEW, out) == whole
    log.write_text("null")
    with pytest.raises(InputError, match="put it back, or move it away and the same command"):
        study.trials(FEW, out)
    log.write_bytes(events)
    assert study.trials(FEW, out) == whole
