"""Columns that are asked for, in one table, and forms of their intervals."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from bench.results.glossary import named
from bench.results.report import group, narrowed, page, write_wide, written
from bench.results.report.markdown import markdown
from bench.results.report.page import Page
from bench.results.report.wide import RUN
from bench.types import InputError

from .conftest import UNERASED, Make


@pytest.fixture
def made(make: Make) -> Page:
    return page(group([make(), make(UNERASED, 0.95)]))


def test_columns_come_in_the_order_asked_and_keep_their_marks(made: Page) -> None:
    (found,) = narrowed([made], ["H_o", "target"])
    (table,) = found.tables
    whole = made.tables[0]
    assert table.header == ("method", "H_o ↑", "target ↓") and not table.over
    places = [whole.header.index(heading) for heading in table.header]
    assert table.lines == tuple(tuple(line[n] for n in places) for line in whole.lines)
    assert table.title == whole.title and table.lines[0][0].text == "original"


def test_columns_of_several_tables_are_told_apart_above_their_headings(made: Page) -> None:
    (found,) = narrowed([made], ["target", "clip:target", "judge difference:target"])
    (table,) = found.tables
    assert table.over == ("", "judge", "clip", "judge difference")
    assert table.headings[:3] == ("method", "judge: target ↓", "clip: target ↓")
    assert "| method | judge: target ↓ |" in "\n".join(markdown(table))
    # The un-erased model has no difference from itself.
    (differences,) = (each for each in made.tables if each.name == "judge difference")
    assert [line[-1].text for line in table.lines] == ["–", differences.lines[0][1].text]


def test_an_unknown_column_is_named_with_its_nearest(made: Page) -> None:
    with pytest.raises(InputError, match="unknown column: 'targt'; nearest: target; choices: "):
        narrowed([made], ["near", "targt"])


def test_intervals_are_brackets_half_widths_or_nothing(made: Page) -> None:
    texts = {form: written(made, form).tables[0].lines[1][1].full for form in ("brackets", "none")}
    assert texts == {"brackets": "0.05 [0.01, 0.95]", "none": "0.05"}
    half = written(made, "half-width")
    assert half.tables[0].lines[1][1].full == "0.05 ± 0.47"
    assert half.notes[-1].startswith("± is half the width") and half.notes[:-1] == made.notes
    with pytest.raises(InputError, match="unknown form of intervals: 'half'; nearest: half-width"):
        written(made, "half")


def test_the_wide_sheet_has_a_row_a_run(made: Page, tmp_path: Path) -> None:
    path = write_wide([made], tmp_path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert path.name == "comparison_wide.csv"
    assert [row["method"] for row in rows] == ["original", "realera"]
    assert list(rows[0])[: len(RUN)] == list(RUN) == list(named("comparison_wide.csv"))
    assert rows[1]["judge_share_target"] == "0.05" and rows[1]["judge_share_target_low"] == "0.01"
    scores = {tuple(s.key[1:]) for run in made.group.runs for s in run.record.scores}
    assert len(rows[0]) == len(RUN) + 3 * len(scores)
