"""Trials of a method whose runs are made up: what counts, what is kept, and how one goes on."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.results import Results
from bench.results.store import Finished, RunFolder
from bench.runs import grid
from bench.runs.tuning import study
from bench.runs.tuning.study import best, tune
from bench.runs.tuning.task import CASES, Task
from bench.types import InputError, RunRecord, RunSpec, Score

TASK = Task("uce", trials=12, budget=100)
PLANNED: dict[Any, Any] = {}
PEAK = 2.0
"""The `lamb` at which the made-up objective is 1."""


@pytest.fixture(autouse=True)
def planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan each method's runs once, since a plan reads all sources."""

    def specs(methods: list[str], *, suite: str, size: str, seeds: list[int], **more: Any) -> Any:
        key = (*methods, suite, size, *seeds, more["precision"])
        if key not in PLANNED:
            PLANNED[key] = grid_specs(methods, suite=suite, size=size, seeds=seeds, **more)
        return PLANNED[key]

    grid_specs = grid.specs
    monkeypatch.setattr(grid, "specs", specs)


class Made:
    """Carries out runs without drawing: H_all falls with the distance of `lamb` to the peak."""

    def __init__(self, **odd: Callable[[RunSpec], Any]) -> None:
        self.odd = odd
        self.asked: list[list[RunSpec]] = []

    def __call__(self, specs: Sequence[RunSpec]) -> Results:
        self.asked.append(list(specs))
        spec = specs[-1]
        if "stop" in self.odd and self.odd["stop"](spec):
            raise KeyboardInterrupt
        if "refuse" in self.odd and self.odd["refuse"](spec):
            raise InputError("cannot be erased")
        headline = 1 / (1 + abs(math.log(float(str(spec.options["lamb"])) / PEAK)))
        scores = [
            Score("uce", "mini", spec.suite, case, metric, measure, role, "", value, 0, 1, 9)
            for case in spec.cases
            for metric, measure, role, value in (
                ("judge", "H_all", "all", headline),
                ("cost", "evaluations", "all", self.odd.get("spend", lambda _: 7.0)(spec)),
            )
        ]
        flags = self.odd.get("flags", lambda _: ())(spec)
        records = [RunRecord(s, {}, {}, tuple(scores), flags) for s in specs]
        return Results(tuple(Finished(RunFolder(Path(), r.spec.run_id), r) for r in records), ())


def heard(line: str) -> None:
    """Say nothing."""


def test_the_preset_is_tried_first_and_the_best_is_found(tmp_path: Path) -> None:
    run, lines = Made(), list[str]()
    found = tune(TASK, tmp_path, run, lines.append)
    assert len(found) == TASK.trials == len(lines)
    assert found[0].values == TASK.preset == {"variant": "2023", "erase_scale": 1.0, "lamb": 0.5}
    assert len({tuple(each.values.items()) for each in found}) == TASK.trials
    chosen = best(found)
    assert chosen is not None and chosen.value == max(each.value for each in found)
    assert chosen.value > found[0].value
    near = abs(math.log(float(str(chosen.values["lamb"])) / PEAK))
    assert near == min(abs(math.log(float(str(t.values["lamb"])) / PEAK)) for t in found)
    # Two objects, a style and a person, one run each.
    asked = [(s[-1].suite, set(s[-1].cases)) for s in run.asked[:3]]
    assert asked == [(suite, set(cases)) for suite, cases in CASES.items()]
    assert {spec.method for some in run.asked for spec in some} == {"original", "uce"}


def test_every_trial_stands_in_the_table(tmp_path: Path) -> None:
    found = tune(replace(TASK, trials=2), tmp_path, Made(), heard)
    with (tmp_path / "uce.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["objective"]) for row in rows] == [each.value for each in found]
    assert [row["lamb"] for row in rows] == [str(each.values["lamb"]) for each in found]
    assert rows[0]["darwin"] == rows[0]["ship"] and rows[0]["evaluations"] == "7.0"


def test_a_stopped_tuning_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    unbroken = tune(TASK, tmp_path / "a", Made(), heard)
    seen: list[object] = []

    def stop(spec: RunSpec) -> bool:
        seen.append(spec)
        # Within the first trial, within another, and at the first run of a third.
        return len(seen) in (2, 9, 14)

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            tune(TASK, tmp_path / "b", Made(stop=stop), heard)
    again = tune(TASK, tmp_path / "b", Made(stop=stop), heard)
    assert again == unbroken
    tables = [(tmp_path / name / "uce.csv").read_text() for name in "ab"]
    assert tables[0] == tables[1]


def test_more_trials_go_on_from_those_there_are(tmp_path: Path) -> None:
    few = tune(replace(TASK, trials=3), tmp_path, Made(), heard)
    run = Made()
    assert tune(replace(TASK, trials=3), tmp_path, run, heard) == few and run.asked == []
    more = tune(replace(TASK, trials=5), tmp_path, run, heard)
    assert more[:3] == few and len(more) == 5 and len(run.asked) == 2 * len(CASES)


def test_another_seed_tries_something_else(tmp_path: Path) -> None:
    one = tune(replace(TASK, trials=3), tmp_path / "a", Made(), heard)
    two = tune(replace(TASK, trials=3, seed=1), tmp_path / "b", Made(), heard)
    assert one[0].values == two[0].values and one[1].values != two[1].values


def test_trials_are_drawn_in_the_precision_that_was_asked_for(tmp_path: Path) -> None:
    task = replace(TASK, trials=1, precision="bf16")
    assert {spec.precision for some in task.runs({}) for spec in some} == {"bf16"}
    tune(replace(TASK, trials=1), tmp_path, Made(), heard)
    with pytest.raises(InputError, match="trials of precision fp32, not of bf16"):
        tune(task, tmp_path, Made(), heard)


def low(spec: RunSpec) -> bool:
    return float(str(spec.options["lamb"])) < 0.4


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"spend": lambda spec: 101.0 if low(spec) else 100.0}, "101 U-Net evaluations"),
        ({"refuse": low}, "cannot be erased"),
        ({"flags": lambda spec: ("it has collapsed",) * low(spec)}, "it has collapsed"),
    ],
)
def test_what_does_not_count_says_why(tmp_path: Path, odd: Any, why: str) -> None:
    found = tune(TASK, tmp_path, Made(**odd), heard)
    lows = [each for each in found if float(str(each.values["lamb"])) < 0.4]
    assert 0 < len(lows) < len(found) == TASK.trials
    assert all(why in each.facts["why"] and math.isnan(each.value) for each in lows)
    assert all(each.facts["why"] == "" for each in found if each not in lows)
    chosen = best(found)
    assert chosen is not None and chosen not in lows
    assert best(lows) is None


def test_a_preset_that_cannot_be_carried_out_ends_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be erased"):
        tune(TASK, tmp_path, Made(refuse=lambda _: True), heard)


def test_a_log_is_of_one_task(tmp_path: Path) -> None:
    tune(replace(TASK, trials=1), tmp_path, Made(), heard)
    for change in ({"size": "quick"}, {"budget": 9}, {"seed": 4}, {"objective": "H_o"}):
        ((name, value),) = change.items()
        with pytest.raises(InputError, match=f"holds trials of {name} .*, not of {value}") as e:
            study.trials(replace(TASK, **change), tmp_path)
        assert "\n" not in str(e.value)
    assert len(study.trials(replace(TASK, trials=7), tmp_path)) == 1
    assert study.trials(replace(TASK, method="rece"), tmp_path) == []
