from __future__ import annotations

import math

from bench.results.stats import axes
from bench.runs.tuning.objective import of_case
from bench.runs.tuning.task import Task
from bench.types import Score


def score(case: str, measure: str, role: str, value: float) -> Score:
    return Score("uce", "mini", "objects", case, "judge", measure, role, "", value, 0.0, 1.0, 10)


SCORES = [
    score("ship", "efficacy", "target", 1.0),
    score("ship", "axis_efficacy", "all", 0.8),
    score("ship", "H_all", "all", 0.7),
    score("ship", "H_o", "all", 0.9),
    score("deer", "H_all", "all", 0.1),
    score("all", "H_all", "all", 0.4),
]


def test_an_objective_is_the_headline_of_one_case() -> None:
    assert Task("uce").objective == axes.OVERALL == "H_all"
    found = [of_case(SCORES, case, "H_all") for case in ("ship", "deer")]
    assert found == [0.7, 0.1] and of_case(SCORES, "ship", "H_o") == 0.9


def test_what_was_not_measured_is_not_known() -> None:
    assert math.isnan(of_case(SCORES, "deer", "H_o")) and math.isnan(of_case([], "ship", "H_all"))
