from __future__ import annotations

from dataclasses import replace

import pytest

from bench.results.report import group, page
from bench.results.report.differences import differences
from bench.results.store import Finished
from bench.types import Score

from .conftest import SPEC, UNERASED, Make


def test_each_run_is_paired_with_the_baseline(make: Make) -> None:
    baseline = make(UNERASED, 1.0)
    table = differences(group([baseline, make(target=0.0)]), "judge", baseline)
    assert table is not None
    ((name, target, synonym, *_),) = table.lines
    assert name.text == "realera"
    # 20 of 20 pairs differ: 2 x 0.5^20, times the tests of the table, is still below 0.001.
    assert target.text == "−1.00 p<0.001*" and target.interval.startswith("[−1.00, −0.6")
    assert synonym.text == "+0.00 p=1.000" and synonym.interval
    assert "original" in table.title and "McNemar" in table.notes[0]


def test_a_star_is_for_what_holds_among_all_tests_of_the_table(make: Make) -> None:
    baseline = make(UNERASED, 1.0)
    # 7 of 20 pairs differ, all one way: p = 2 x 0.5^7, as its interval has it.
    alone = differences(group([baseline, make(target=0.65)]), "clip", baseline)
    others = [make(replace(SPEC, method=f"m{i}"), 0.65) for i in range(3)]
    crowd = differences(group([baseline, make(target=0.65), *others]), "clip", baseline)
    assert alone is not None and crowd is not None
    for table in (alone, crowd):
        assert table.lines[0][1].text == "−0.35 p=0.016" and "−0.0" in table.lines[0][1].interval
    sure = differences(group([baseline, make(target=0.3)]), "clip", baseline)
    assert sure is not None and sure.lines[0][1].text == "−0.70 p<0.001*"


@pytest.mark.parametrize(
    "cases", [("airplane",), ("airplane", "bird"), ("airplane", "bird", "cat")]
)
def test_p_and_interval_agree_however_many_cases_there_are(
    make: Make, cases: tuple[str, ...]
) -> None:
    """A permutation of three cases gave p = 1.000 beside [-1.00, -1.00]."""
    baseline = make(replace(UNERASED, cases=cases), 1.0)
    runs = group([baseline, make(replace(SPEC, cases=cases), 0.0)])
    table = differences(runs, "judge", baseline)
    assert table is not None
    assert table.lines[0][1].text == "−1.00 p<0.001*"
    assert table.lines[0][1].interval.startswith("[−1.00, −0.")
    assert "of these cases" in table.notes[0]


def test_cases_of_unequal_size_differ_by_what_their_pooled_rates_do(make: Make) -> None:
    cases = ("airplane", "bird")
    baseline = make(replace(UNERASED, cases=cases), 1.0)
    run = make(replace(SPEC, cases=cases), 0.0)
    for each, keep in ((run, 5), (baseline, 5)):
        rows = each.folder.read_per_image()
        few = [r for r in rows if r["case"] == "airplane" or int(r["seed"]) < keep]
        for row in few:
            if row["case"] == "bird":
                row["judge_label"] = "bird"
        each.folder.write_per_image(few)
    table = differences(group([baseline, run]), "judge", baseline)
    # 20 of 25 pairs differ; the mean of the cases' differences would be -0.5.
    assert table is not None and table.lines[0][1].text.startswith("−0.80")


def test_too_few_pairs_have_no_p_and_a_note_says_so(make: Make) -> None:
    runs = [make(UNERASED, 1.0), make(target=0.0)]
    for run in runs:
        rows = run.folder.read_per_image()
        run.folder.write_per_image([row for row in rows if int(row["seed"]) < 3])
    table = differences(group(runs), "judge", runs[0])
    assert table is not None and table.lines[0][1].text == "−1.00 p –"
    assert "Fewer than 6 pairs cannot be tested." in table.notes[0]
    assert "0 tests" in table.notes[0]


def test_a_distance_to_the_unerased_model_is_not_tested_against_it(make: Make) -> None:
    """It is 0 for that model by construction: p < 0.001 said nothing."""
    runs = [make(UNERASED), make(), make(replace(SPEC, method="uce"))]
    for run in runs:
        place = (run.record.spec.method, "mini", "objects", "airplane")
        score = Score(*place, "change", "judge", "far", "", 0.1, 0.05, 0.15, 20)
        size = 0.0 if run is runs[0] else 0.1
        rows = [
            row | {"change_distance": f"{size + int(row['seed']) / 1e3:g}", "change_clip": ""}
            for row in run.folder.read_per_image()
        ]
        run.folder.write_per_image(rows)
        record = replace(run.record, scores=(*run.record.scores, score))
        run.folder.write_record(record)
    found = group([Finished(run.folder, run.folder.read_record()) for run in runs])
    assert differences(found, "change", found.runs[0]) is None
    table = differences(found, "change", found.runs[1])
    assert table is not None
    assert [line[1].text for line in table.lines] == ["–", "+0.00 p=1.000"]


def test_a_page_tests_against_whom_it_is_told(make: Make) -> None:
    runs = group([make(UNERASED, 1.0), make(target=0.0), make(replace(SPEC, method="uce"), 0.5)])
    titles = [table.title for table in page(runs, baseline="uce").tables]
    assert "judge: difference from uce on the same prompts and noise" in titles
    assert not any("difference" in table.title for table in page(runs, baseline="mace").tables)
    assert not any("difference" in table.title for table in page(runs, tested=False).tables)


def test_a_run_without_a_metric_is_a_dash(make: Make) -> None:
    baseline, run = make(UNERASED, 1.0), make(target=0.0)
    run.folder.write_per_image(
        [
            {k: v for k, v in row.items() if not k.startswith("clip")}
            for row in run.folder.read_per_image()
        ]
    )
    table = differences(group([baseline, run]), "clip", baseline)
    assert table is not None and {cell.text for cell in table.lines[0][1:]} == {"–"}
