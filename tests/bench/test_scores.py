from __future__ import annotations

import math

import pytest

from bench.scores import aggregate
from bench.types import RunSpec, Sampler, Score

SPEC = RunSpec("m", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(2, 4.0), 0)


def row(role: str, label: str, concept: str, erased: int, case: str = "airplane") -> dict[str, str]:
    unread = label == ""
    return {
        "case": case,
        "role": role,
        "concept": concept,
        "judge_label": label,
        "judge_probability": "nan" if unread else "0.75",
        "judge_erased": "nan" if unread else str(erased),
    }


def rows(case: str = "airplane", gone: int = 1) -> list[dict[str, str]]:
    return [
        *[row("target", "sky", "airplane", 0, case)] * gone,
        *[row("target", "airplane", "airplane", 1, case)] * (4 - gone),
        row("synonym", "sky", "airplane", 0, case),
        row("near", "bird", "bird", 0, case),
        row("far", "airplane", "ship", 1, case),
        row("far", "ship", "ship", 0, case),
        row("far", "", "ship", 0, case),
    ]


def find(scores: list[Score], metric: str, role: str, case: str = "airplane") -> Score:
    (found,) = [s for s in scores if (s.metric, s.role, s.case) == (metric, role, case)]
    return found


def test_rates_leaks_and_probabilities_per_role() -> None:
    scores = aggregate(rows(gone=1), SPEC, ["judge"], "object")
    assert find(scores, "judge", "target").value == 0.75
    assert find(scores, "judge_leak", "far").value == 0.5
    assert find(scores, "judge_probability", "target").value == 0.75
    assert not [s for s in scores if s.metric == "judge_leak" and s.role == "target"]


def test_an_unreadable_image_is_counted_apart_and_nowhere_else() -> None:
    scores = aggregate(rows(), SPEC, ["judge"], "object")
    assert find(scores, "judge", "far").n == 2
    assert find(scores, "judge_unread", "all").value == pytest.approx(1 / 9)


def test_a_general_image_that_was_read_is_not_unread() -> None:
    general = row("general", "cat", "", 0) | {"judge_probability": "nan"}
    scores = aggregate([*rows(), general], SPEC, ["judge"], "object")
    assert find(scores, "judge_unread", "all").value == pytest.approx(1 / 10)


def test_headline_from_pooled_near_and_far() -> None:
    score = find(aggregate(rows(gone=3), SPEC, ["judge"], "object"), "H_o", "all")
    # acc_e = 1/4, acc_s = 2 of 3 (near and far pooled), acc_g = 0
    assert score.value == pytest.approx(3 / (1 / 0.75 + 1 / (2 / 3) + 1))
    assert score.low <= score.value <= score.high
    assert score.n == 8


def test_several_cases_pool_rates_and_average_the_headline() -> None:
    spec = RunSpec(**{**SPEC.__dict__, "cases": ("airplane", "ship")})
    scores = aggregate([*rows(gone=1), *rows("ship", gone=3)], spec, ["judge"], "object")
    assert find(scores, "judge", "target", "all").value == 0.5
    assert find(scores, "judge", "target", "all").n == 8
    values = [find(scores, "H_o", "all", case).value for case in ("airplane", "ship")]
    assert find(scores, "H_o", "all", "all").value == pytest.approx(sum(values) / 2)


def test_one_case_has_no_pool_and_styles_have_no_headline() -> None:
    scores = aggregate(rows(), SPEC, ["judge"], "style")
    assert {s.case for s in scores} == {"airplane"}
    assert not [s for s in scores if s.metric.startswith("H_")]


def test_a_role_that_was_not_measured_makes_the_headline_nan() -> None:
    some = [r for r in rows() if r["role"] != "synonym"]
    assert math.isnan(find(aggregate(some, SPEC, ["judge"], "object"), "H_o", "all").value)
