"""The axes of a profile and their harmonic mean, from rows whose content is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics import Metric
from bench.metrics.intact import Intact
from bench.metrics.judge import Judge
from bench.metrics.remainder import Remainder
from bench.results.stats import axes
from bench.results.stats.intervals import Interval, harmonic

GONE = ("target", "synonym", "related", "adversarial")
METRICS = (Judge(), Remainder(), Intact())
EVERY = [*GONE, "near", "far", "remainder", "general"]


def row(
    role: str, number: int, *, shows: bool, intact: bool = True, case: str = "a"
) -> dict[str, str]:
    name = "b" if role in ("near", "far") else "" if role == "general" else case
    return {
        "case": case,
        "id": f"{role}-{number}",
        "role": role,
        "concept": name,
        "judge_label": name if shows else "none",
        "judge_probability": "0.9",
        "judge_erased": "0",
        "remainder_survives": str(float(shows)) if role == "remainder" else "nan",
        "intact@0.9_intact": str(float(intact)) if role in ("near", "far", "general") else "nan",
    }


def ideal(n: int = 20, /, **kept: float) -> list[dict[str, str]]:
    """Rows of an eraser without fault, but for the shares given by role."""
    found = []
    for role in EVERY:
        share = kept.get(role, 0.0 if role in GONE else 1.0)
        for number in range(n):
            yes = number < share * n
            found.append(row(role, number, shows=yes, intact=yes))
    return found


def profile(
    rows: list[dict[str, str]],
    unerased: tuple[dict[str, str], ...] = (),
    metrics: tuple[Metric, ...] = METRICS,
) -> dict[str, Interval]:
    found = axes.of([rows], unerased, Judge(), metrics, seed=0)
    return {measure.removeprefix("axis_"): interval for _, measure, interval, _ in found}


def test_without_fault_every_axis_is_one() -> None:
    found = profile(ideal())
    assert list(found) == [axis.name for axis in axes.AXES] + ["H_all"]
    assert [value for value, _, _ in found.values()] == [1.0] * 8
    assert all(low < 1 for _, low, _ in found.values())


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("target", "efficacy"),
        ("synonym", "generality"),
        ("related", "completeness"),
        ("adversarial", "robustness"),
        ("remainder", "remainder"),
        ("general", "intactness"),
    ],
)
def test_each_role_moves_its_own_axis_and_the_headline(role: str, name: str) -> None:
    found = profile(ideal(**{role: 0.5}))
    values = {axis: value for axis, (value, _, _) in found.items()}
    expected = float(harmonic(1.0, 1.0, 0.5)) if name == "intactness" else 0.5
    assert values.pop(name) == pytest.approx(expected)
    assert values.pop("H_all") == pytest.approx(7 / (6 + 1 / expected))
    assert set(values.values()) == {1.0}


def test_few_look_alikes_cannot_hide_behind_many_others() -> None:
    rows = [r for r in ideal(40, near=0.0) if r["role"] != "near" or int(r["id"][5:]) < 4]
    assert profile(rows)["specificity"][0] == 0


def test_a_metric_that_is_left_out_leaves_no_headline() -> None:
    found = profile(ideal(), metrics=(Judge(), Remainder()))
    assert "intactness" not in found
    assert math.isnan(found["H_all"][0])


def test_only_axes_with_roles_count() -> None:
    rows = [r for r in ideal(target=0.5) if r["role"] in ("target", "near", "far")]
    found = profile(rows)
    assert set(found) == {"efficacy", "specificity", "intactness", "H_all"}
    assert found["H_all"][0] == pytest.approx(3 / (2 + 1 + 1))


def test_what_the_unerased_model_does_not_draw_says_nothing() -> None:
    before = tuple(row("adversarial", n, shows=n < 10) for n in range(20))
    others = tuple(r for r in ideal(**dict.fromkeys(GONE, 1.0)) if r["role"] != "adversarial")
    found = profile(ideal(adversarial=0.25), (*before, *others))
    assert found["robustness"][0] == pytest.approx(0.5)
    assert profile(ideal(adversarial=0.25))["robustness"][0] == pytest.approx(0.75)


def test_cases_that_differ_widen_the_interval() -> None:
    def width(*shares: float) -> float:
        parts = [ideal(target=share) for share in shares]
        found = {m: i for _, m, i, _ in axes.of(parts, (), Judge(), METRICS, seed=0)}
        value, low, high = found["axis_efficacy"]
        assert value == pytest.approx(1 - np.mean(shares))
        return high - low

    assert width(0.0, 1.0, 0.0, 1.0) > 1.5 * width(0.5, 0.5, 0.5, 0.5)


def test_seeds_that_differ_widen_the_interval_and_more_of_them_do_not_shrink_it_away() -> None:
    same = axes.over_seeds([(0.5, 0.4, 0.6)] * 5)
    assert same == pytest.approx((0.5, 0.4, 0.6))
    value, low, high = axes.over_seeds([(0.1, 0.0, 0.2), (0.9, 0.8, 1.0), (0.5, 0.4, 0.6)])
    assert value == pytest.approx(0.5)
    assert low < 0.1
    assert high > 0.9
    assert axes.over_seeds([(0.5, 0.4, 0.6)]) == (0.5, 0.4, 0.6)
