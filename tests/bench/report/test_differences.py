from __future__ import annotations

from dataclasses import replace

from bench.report import group, page
from bench.report.differences import differences

from .conftest import SPEC, UNERASED, Make


def test_each_run_is_paired_with_the_baseline(make: Make) -> None:
    baseline = make(UNERASED, 1.0)
    table = differences(group([baseline, make(target=0.0)]), "judge", baseline)
    assert table is not None
    ((name, target, synonym, *_),) = table.lines
    assert name.text == "realera"
    # 20 of 20 pairs differ: 2 x 0.5^20, times the tests of the table, is still below 0.001.
    assert target.text == "−1.00 p<0.001" and target.interval.startswith("[−1.00, −0.7")
    assert synonym.text == "+0.00 p=1.000"
    assert "un-erased" in table.title and "McNemar" in table.notes[0]


def test_p_values_are_corrected_for_all_tests_of_the_table(make: Make) -> None:
    baseline = make(UNERASED, 1.0)
    alone = differences(group([baseline, make(target=0.7)]), "judge", baseline)
    others = [make(replace(SPEC, method=f"m{i}"), 0.7) for i in range(3)]
    crowd = differences(group([baseline, make(target=0.7), *others]), "judge", baseline)
    assert alone is not None and crowd is not None

    def p(text: str) -> float:
        return float(text.split("p=")[1])

    assert p(alone.lines[0][1].text) < p(crowd.lines[0][1].text)


def test_several_cases_are_tested_case_by_case(make: Make) -> None:
    cases = ("airplane", "bird", "cat")
    baseline = make(replace(UNERASED, cases=cases), 1.0)
    table = differences(group([baseline, make(replace(SPEC, cases=cases), 0.0)]), "judge", baseline)
    assert table is not None
    # With three cases no p-value is below 2 / 2^3, and Holm makes that 1.
    assert table.lines[0][1].text == "−1.00 p=1.000"
    assert "over cases" in table.notes[0]


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
