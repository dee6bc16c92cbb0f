from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.results.glossary import GLOSSARY
from bench.results.report import group, groups, page, show, show_scores, write_comparison
from bench.results.report.groups import Column
from bench.results.report.latex import latex
from bench.results.report.markdown import markdown
from bench.results.report.table import Cell, Table, effects, scores
from bench.results.report.terminal import print_table
from bench.results.store import Finished
from bench.types import Sampler, Score

from .conftest import SPEC, UNERASED, Make, blanked


def sheet(runs: list[Finished], out: Path) -> list[dict[str, str]]:
    path, *_ = write_comparison([page(each) for each in groups(runs)], out)
    return list(csv.DictReader(io.StringIO(path.read_text())))


def printed(table: Table, width: int = 240) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def number(rows: list[dict[str, str]], *place: str, column: str = "value") -> float:
    """Return a number by metric, measure and role, of the last run that has it."""
    found = [row for row in rows if (row["metric"], row["measure"], row["role"]) == place]
    return float(found[-1][column])


def test_the_sheet_has_a_row_a_score_with_the_un_erased_first(make: Make, tmp_path: Path) -> None:
    runs = [make(), make(UNERASED, 0.95)]
    rows = sheet(runs, tmp_path)
    assert list(dict.fromkeys(row["method"] for row in rows)) == ["original", "realera"]
    assert len(rows) == sum(len(run.record.scores) for run in runs)
    assert rows[-1]["run_id"] == SPEC.run_id
    assert rows[-1]["seconds_to_erase"] == "12.34"
    for name, expected in (("value", 0.05), ("low", 0.01), ("high", 0.95), ("n", 50)):
        assert number(rows, "judge", "share", "target", column=name) == expected
    assert number(rows, "judge", "H_o", "all") == 0.95
    assert list(rows[0]) == list(GLOSSARY["comparison.csv"])


def test_seeds_of_one_erasure_have_a_mean_and_a_spread(make: Make, tmp_path: Path) -> None:
    """0.1, 0.2 and 0.6 have the mean 0.3 and the standard deviation 0.2646 over n - 1."""
    runs = [make(UNERASED, 0.95)]
    runs += [make(replace(SPEC, seed=s), value) for s, value in enumerate((0.1, 0.2, 0.6))]
    runs.append(make(replace(SPEC, options={"other": 1}), 0.5))
    rows = [row for row in sheet(runs, tmp_path) if row["measure"] == "share"]
    found = [row for row in rows if row["role"] == "target" and row["metric"] == "judge"]
    seeds = [(row["seed"], row["value"], row["sd"], row["n"]) for row in found]
    assert seeds[-1] == ("0 1 2", "0.3", "0.264575", "150")
    assert {(row["low"], row["high"]) for row in found[-1:]} == {("nan", "nan")}
    assert all(sd == "nan" for _, _, sd, _ in seeds[:-1]) and len(seeds) == 6
    table = page(group(runs)).tables[0]
    (line,) = [line for line in table.lines if "mean of seeds 0, 1, 2" in line[0].text]
    assert "0.30 ± 0.26" in [each.full for each in line]
    assert line[-1].full == "12.3 ± 0.0"


def test_one_seed_has_no_mean(make: Make, tmp_path: Path) -> None:
    runs = [make(), make(UNERASED, 0.95), make(replace(SPEC, options={"other": 1}))]
    assert all(" " not in row["seed"] for row in sheet(runs, tmp_path))
    assert group(runs).repeats == []


def test_several_cases_are_compared_by_their_pool(make: Make, tmp_path: Path) -> None:
    rows = sheet([make(replace(SPEC, cases=("airplane", "bird")), 0.2)], tmp_path)
    assert (rows[0]["case"], number(rows, "judge", "share", "target")) == ("all", 0.2)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "sd14"},
        {"size": "full"},
        {"cases": ("bird",)},
        {"sampler": Sampler(20, 5.0)},
        {"suite_version": "2"},
    ],
)
def test_runs_of_another_protocol_are_another_group(make: Make, change: dict[str, object]) -> None:
    runs = [make(), make(UNERASED), make(replace(SPEC, **change))]  # type: ignore[arg-type]
    assert [len(each.runs) for each in groups(runs)] == [2, 1]


def test_other_weights_are_another_protocol_and_another_seed_is_not(make: Make) -> None:
    other = make(UNERASED, facts={"weights_sha256": "f" * 64})
    assert len(groups([make(), other])) == 2
    (one,) = groups([make(), make(replace(SPEC, seed=1))])
    assert [one.label(run) for run in one.runs] == ["realera (seed 0)", "realera (seed 1)"]


def test_the_latest_protocol_comes_first(make: Make) -> None:
    later = make(replace(SPEC, size="smoke"), finished="2024-02-02")
    assert [each.spec.size for each in groups([make(), later])] == ["smoke", "quick"]


def test_the_table_shows_rates_with_intervals_and_directions(make: Make) -> None:
    text = printed(scores(group([make(), make(UNERASED, 0.95)]), "judge"))
    assert "0.05 [0.01, 0.95]" in text
    for heading in ("target ↓", "synonym ↓", "related ↓", "near ↑", "far ↑", "H_o ↑"):
        assert heading in text
    assert "leak into far ↓" in text
    assert text.index("original") < text.index("realera")


def test_a_narrow_terminal_gets_the_table_on_its_side_and_uncut(make: Make) -> None:
    text = printed(scores(group([make(), make(UNERASED, 0.95)]), "judge"), width=80)
    assert max(map(len, text.splitlines()[1:])) <= 80
    assert "…" not in text
    (line,) = [line for line in text.splitlines() if "target ↓" in line]
    assert line.index("0.95 [0.01, 0.95]") < line.index("0.05 [0.01, 0.95]")


def test_many_runs_on_a_narrow_terminal_lose_their_intervals_and_nothing_else(make: Make) -> None:
    many = [make(replace(SPEC, method=f"m{i}"), 0.3) for i in range(6)]
    text = printed(scores(group(many), "judge"), width=80)
    assert max(map(len, text.splitlines()[1:])) <= 80
    assert "…" not in text and "[0." not in text
    assert "has the 95 % intervals" in text
    (line,) = [line for line in text.splitlines() if "target ↓" in line]
    assert line.count("0.3") == 6


def test_what_still_does_not_fit_is_printed_in_parts_and_never_cut(make: Make) -> None:
    many = [make(replace(SPEC, method=f"quite_a_long_name_{i}"), 0.3) for i in range(7)]
    text = printed(scores(group(many), "judge"), width=60)
    assert max(map(len, text.splitlines()[1:])) <= 60 and "…" not in text
    assert all(f"quite_a_long_name_{i}" in text for i in range(7))
    assert text.count("target ↓") > 1


def test_bytes_are_printed_as_megabytes_and_still_ranked() -> None:
    column = Column("cost", "bytes", "all", "lower", "bytes")
    assert column.digits(1_234_567_890) == "1,234.6 MB"


def test_runs_of_one_method_are_told_apart(make: Make) -> None:
    options = make(replace(SPEC, options={"ridge": 9.0}))
    version = make(replace(SPEC, method_version="abcdefgh"))
    both = group([make(), options, version])
    assert both.label(options) == "realera (ridge=9.0)"
    assert both.label(version) == "realera (ridge=1.0, file abcdef)"


def test_the_best_is_bold_and_the_second_underlined_in_every_format(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        make(UNERASED, 0.0),
        make(target=0.05),
        *(make(replace(SPEC, method=f"m{t}"), t / 100) for t in (10, 20)),
    ]
    table = scores(group(runs), "judge")
    by_name = {line[0].text: line for line in table.lines}
    assert [by_name[name][1].rank for name in ("original", "realera", "m10", "m20")] == [
        0,
        1,
        2,
        0,
    ]
    # All tie on the other roles, and a higher H_o is better.
    assert {line[2].rank for name, line in by_name.items() if name != "original"} == {1}
    assert by_name["realera"][7].rank == 1
    show([page(group(runs))], "markdown")
    text = capsys.readouterr().out
    assert "**0.05 [0.01, 0.95]**" in text and "<ins>0.10 [0.01, 0.95]</ins>" in text
    show([page(group(runs))], "latex")
    text = capsys.readouterr().out
    assert r"\textbf{0.05} {\scriptsize [0.01, 0.95]}" in text and r"\underline{0.10}" in text


def test_a_flagged_run_is_marked_last_and_unranked(make: Make) -> None:
    collapsed = make(replace(SPEC, method="aaa"), 0.0, flags=("far images are lost",))
    runs = [make(UNERASED), make(target=0.05), make(replace(SPEC, method="b"), 0.1), collapsed]
    made = page(group(runs))
    lines = made.tables[0].lines
    assert lines[-1][0].text == "aaa †"
    assert {line[0].text: line[1].rank for line in lines} == {
        "original": 0,
        "realera": 1,
        "b": 2,
        "aaa †": 0,
    }
    assert all(cell.rank == 0 for cell in lines[-1])
    assert "† aaa is not ranked: far images are lost." in made.notes


def test_markdown_has_a_table_of_scores_and_one_of_differences_a_metric(
    make: Make, tmp_path: Path
) -> None:
    write_comparison([page(group([make(), make(UNERASED, 0.95)]))], tmp_path)
    text = (tmp_path / "comparison.md").read_text()
    assert text.count("| method |") == 4
    assert "| original | 0.95 [0.01, 0.95] |" in text
    for block in text.split("\n\n"):
        assert len({line.count("|") for line in block.splitlines() if line.startswith("|")}) <= 1


def test_what_was_not_measured_is_a_dash_in_print_and_nan_in_the_sheet(
    make: Make, tmp_path: Path
) -> None:
    runs = [make(UNERASED, 0.95), blanked(make(), "related")]
    assert "–" in printed(scores(group(runs), "judge"))
    assert math.isnan(number(sheet(runs, tmp_path), "judge", "share", "related"))
    # What no run was measured on has no column.
    assert "related" not in printed(scores(group(runs[1:]), "judge"))


def test_images_that_could_not_be_opened_are_named(make: Make) -> None:
    run = make()
    found = tuple(
        replace(s, value=2 / 90) if s.measure == "unread" else s for s in run.record.scores
    )
    some = Finished(run.folder, replace(run.record, scores=found))
    assert "2 images of realera were not read by judge" in printed(scores(group([some]), "judge"))


def test_effects_have_a_table_where_there_is_an_un_erased_run(make: Make) -> None:
    run = make()
    place = ("realera", "mini", "objects", "airplane")
    extra = (Score(*place, "judge", "residue_relative", "related", "", 0.25, 0.1, 0.4, 40),)
    some = Finished(run.folder, replace(run.record, scores=run.record.scores + extra))
    (table,) = [t for t in page(group([some])).tables if t.title.startswith("effects")]
    assert table.header == ("method", "residue related ↓")
    assert table.lines[0][1].full == "0.25 [0.10, 0.40]"
    assert not [t for t in page(group([run])).tables if t.title.startswith("effects")]


def test_what_attacks_brought_back_is_a_column_with_its_floor_beside(make: Make) -> None:
    run = make()
    place = ("realera", "mini", "objects", "airplane", "judge")
    rates = {("asr", "inversion (quick)"): 0.8, ("asr", "p4d"): 0.4, ("pre_asr", ""): 0.1}
    extra = tuple(
        Score(*place, measure, "attack", tag, rate, 0.0, 0.9, 10)
        for (measure, tag), rate in rates.items()
    )
    some = Finished(run.folder, replace(run.record, scores=run.record.scores + extra))
    table = scores(group([some, make(UNERASED, 0.95)]), "judge")
    place_of = table.header.index("pre-ASR ↓")
    shown = ["pre-ASR ↓", "ASR inversion (quick) ↓", "ASR p4d ↓"]
    assert list(table.header[place_of : place_of + 3]) == shown
    assert [[cell.text for cell in line[place_of : place_of + 3]] for line in table.lines] == [
        ["–", "–", "–"],
        ["0.10", "0.80", "0.40"],
    ]


def test_an_empty_table_is_a_sentence_in_every_format(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    for empty in (Table("t", ("method",), ((Cell("uce"),),)), Table("t", ("method", "x"), ())):
        assert printed(empty) == "t: Nothing was measured.\n"
        assert markdown(empty) == ["T: Nothing was measured.", ""]
        assert latex(empty, "h") == [r"\noindent T; h: Nothing was measured.\par"]
    run = make()
    bare = Finished(run.folder, replace(run.record, scores=()))
    for form, box in (("terminal", "┏"), ("markdown", "|"), ("latex", "tabular")):
        show([page(group([bare]))], form)
        text = capsys.readouterr().out
        assert "cores: Nothing was measured." in text or "cores; " in text
        assert box not in text, form
    show([], "csv")
    assert capsys.readouterr().out == "note\nNothing was measured.\n"
    show_scores([])
    assert capsys.readouterr().out == "scores: Nothing was measured.\n"


def test_the_unerased_model_has_no_line_among_effects(make: Make) -> None:
    runs = []
    for spec in (UNERASED, SPEC):
        run = make(spec)
        place = (spec.method, "mini", "objects", "airplane")
        score = Score(*place, "judge", "efficacy_relative", "target", "", 0.5, 0.4, 0.6, 20)
        runs.append(Finished(run.folder, replace(run.record, scores=(*run.record.scores, score))))
    table = effects(group(runs))
    assert table is not None and [line[0].text for line in table.lines] == ["realera"]


def test_values_of_a_grid_stand_by_size_and_the_seeds_of_each_together(make: Make) -> None:
    asked = [(10.0, 0), (2.0, 1), (10.0, 1), (2.0, 0)]
    made = [make(replace(SPEC, options={"ridge": value}, seed=seed)) for value, seed in asked]
    runs = group(made).runs
    found = [(run.record.spec.options["ridge"], run.record.spec.seed) for run in runs]
    assert found == [(2.0, 0), (2.0, 1), (10.0, 0), (10.0, 1)]


def test_a_mean_keeps_its_spread_on_a_narrow_terminal(make: Make) -> None:
    runs = [make(replace(SPEC, seed=seed), value) for seed, value in enumerate((0.1, 0.2, 0.6))]
    text = printed(scores(group(runs), "judge"), width=80)
    assert "[0." not in text and "0.30 ± 0.26" in text
    assert "standard deviation over the seeds" in " ".join(text.split())
    assert "standard deviation" not in printed(scores(group(runs[:1]), "judge"))
