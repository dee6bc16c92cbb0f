from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.report import table, write_comparison
from bench.report.comparison import groups
from bench.types import RunRecord, RunSpec, Sampler, Score

ROLES = ("target", "synonym", "related", "near", "far")
SPEC = RunSpec(
    "realera", {"ridge": 1.0}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0
)
UNERASED = replace(SPEC, method="original", options={})


def record(spec: RunSpec, target: float, finished: str = "2024-01-01", case: str = "") -> RunRecord:
    place = (spec.method, spec.model, spec.suite, case or spec.cases[0])
    scores = [
        Score(*place, metric, role, target if role == "target" else 0.9, 0.01, 0.95, 50)
        for metric in ("judge", "judge_probability", "clip")
        for role in ROLES
    ]
    scores.append(Score(*place, "judge_leak", "far", 0.02, 0.0, 0.1, 90))
    scores.append(Score(*place, "judge_unread", "all", 0.0, 0.0, 0.1, 90))
    scores.append(Score(*place, "H_o", "all", 0.62, 0.5, 0.7, 190))
    return RunRecord(spec, {"finished": finished}, {"erase": 12.34}, tuple(scores))


RECORDS = [record(SPEC, 0.04), record(UNERASED, 0.96)]


def sheet(records: list[RunRecord], out: Path) -> list[dict[str, str]]:
    path, _ = write_comparison(records, out)
    return list(csv.DictReader(io.StringIO(path.read_text())))


def printed(records: list[RunRecord], spec: RunSpec | None = None, width: int = 240) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(records, spec, width=width))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_the_sheet_has_a_row_a_run_with_the_un_erased_first(tmp_path: Path) -> None:
    rows = sheet(RECORDS, tmp_path)
    assert [row["method"] for row in rows] == ["original", "realera"]
    assert rows[1]["run_id"] == SPEC.run_id
    assert rows[1]["seconds_to_erase"] == "12.34"
    keys = [f"{metric}_{role}" for metric in ("judge", "clip") for role in ROLES]
    for key in [*keys, "leak_far", "H_o"]:
        assert {key, f"{key}_low", f"{key}_high"} <= set(rows[1])
    assert [float(rows[1][f"judge_target{end}"]) for end in ("", "_low", "_high")] == [
        0.04,
        0.01,
        0.95,
    ]
    assert float(rows[1]["leak_far"]) == 0.02
    assert list(rows[1])[:5] == ["method", "model", "suite", "size", "case"]
    assert list(rows[1])[-2:] == ["seconds_to_erase", "run_id"]


def test_several_cases_are_compared_by_their_pool(tmp_path: Path) -> None:
    spec = replace(SPEC, cases=("airplane", "bird"))
    rows = sheet([record(spec, 0.2, case="all")], tmp_path)
    assert (rows[0]["case"], float(rows[0]["judge_target"])) == ("all", 0.2)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "sd14"},
        {"size": "full"},
        {"seed": 1},
        {"cases": ("bird",)},
        {"sampler": Sampler(20, 5.0)},
        {"suite_version": "2"},
    ],
)
def test_runs_of_another_protocol_are_another_group(change: dict[str, object]) -> None:
    other = record(replace(SPEC, **change), 0.5)  # type: ignore[arg-type]
    assert [len(group.records) for group in groups([*RECORDS, other])] == [2, 1]


def test_the_latest_protocol_comes_first_unless_a_spec_asks_for_its_own() -> None:
    later = record(replace(SPEC, seed=1), 0.77, finished="2024-02-02")
    assert "0.77" in printed([*RECORDS, later])
    assert "0.77" not in printed([*RECORDS, later], UNERASED)


def test_the_table_shows_rates_with_intervals_and_directions() -> None:
    text = printed(RECORDS)
    assert "0.04 [0.01, 0.95]" in text
    assert "0.62 [0.50, 0.70]" in text
    for heading in ("target ↓", "synonym ↓", "related ↓", "near ↑", "far ↑", "H_o ↑"):
        assert heading in text
    assert text.index("un-erased") < text.index("realera")


def test_a_narrow_terminal_gets_the_table_on_its_side_and_uncut() -> None:
    text = printed(RECORDS, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    (line,) = [line for line in text.splitlines() if "target ↓" in line]
    assert line.index("0.96 [0.01, 0.95]") < line.index("0.04 [0.01, 0.95]")


def test_many_runs_on_a_narrow_terminal_lose_their_intervals_and_nothing_else() -> None:
    many = [*RECORDS, *(record(replace(SPEC, method=f"m{i}"), 0.3) for i in range(4))]
    text = printed(many, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text and "[0." not in text
    assert "with 95 % intervals" in text
    (line,) = [line for line in text.splitlines() if "target ↓" in line]
    assert line.count("0.3") == 4


def test_a_changed_method_is_told_from_what_it_was() -> None:
    text = printed([*RECORDS, record(replace(RECORDS[0].spec, method_version="abcdefgh"), 0.3)])
    assert "(file abcdef)" in text


def test_runs_of_one_method_are_told_apart_by_their_options() -> None:
    other = record(replace(SPEC, options={"ridge": 9.0}), 0.3)
    text = printed([*RECORDS, other])
    assert "realera (ridge=1.0)" in text
    assert "realera (ridge=9.0)" in text


def test_markdown_has_a_table_a_metric(tmp_path: Path) -> None:
    _, page = write_comparison(RECORDS, tmp_path)
    text = page.read_text()
    assert text.count("| method |") == 2
    assert "| un-erased | 0.96 [0.01, 0.95] |" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| realera")}
    assert widths <= {line.count("|") for line in text.splitlines() if line.startswith("| ---")}


def test_what_was_not_measured_is_a_dash_in_print_and_nan_in_the_sheet(tmp_path: Path) -> None:
    scores = tuple(
        replace(s, value=math.nan, low=math.nan, high=math.nan) if s.role == "related" else s
        for s in RECORDS[0].scores
    )
    blank = [replace(RECORDS[0], scores=scores)]
    assert "–" in printed(blank)
    assert sheet(blank, tmp_path)[0]["judge_related"] == "nan"


def test_images_that_could_not_be_opened_are_named() -> None:
    scores = tuple(
        replace(s, value=2 / 90) if s.metric == "judge_unread" else s for s in RECORDS[0].scores
    )
    assert "2 images of realera could not be opened" in printed(
        [replace(RECORDS[0], scores=scores)]
    )
