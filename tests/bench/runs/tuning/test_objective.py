from __future__ import annotations

import math

import pytest

from bench.runs.tuning.objective import axes, of_case
from bench.types import Score


def score(case: str, metric: str, measure: str, role: str, value: float) -> Score:
    return Score("uce", "mini", "objects", case, metric, measure, role, "", value, 0.0, 1.0, 10)


SCORES = [
    score("ship", "judge", "efficacy", "target", 1.0),
    score("ship", "judge", "efficacy_relative", "target", 0.1),
    score("ship", "judge", "residue", "related", 0.75),
    score("ship", "judge", "specificity", "far", 0.5),
    score("ship", "judge", "share", "far", 0.3),
    score("ship", "remainder", "share", "remainder", 0.25),
    score("ship", "judge", "H_o", "all", 0.9),
    score("deer", "judge", "efficacy", "target", 0.0),
]


def test_every_axis_is_best_at_one() -> None:
    own = [each for each in SCORES if each.case == "ship"]
    assert axes(own) == {
        "efficacy target": 1.0,
        "residue related": 0.25,
        "specificity far": 0.5,
        "survival": 0.25,
    }


def test_an_objective_is_of_one_case() -> None:
    # 4 / (1 + 4 + 2 + 4).
    assert of_case(SCORES, "ship", "axes") == pytest.approx(4 / 11)
    assert of_case(SCORES, "deer", "axes") == 0.0
    assert of_case(SCORES, "ship", "H_o") == 0.9
    assert math.isnan(of_case(SCORES, "deer", "H_o")) and math.isnan(of_case([], "ship", "axes"))


def test_what_was_not_measured_is_no_axis() -> None:
    unknown = score("ship", "judge", "residue", "adversarial", math.nan)
    assert of_case([*SCORES, unknown], "ship", "axes") == pytest.approx(4 / 11)
