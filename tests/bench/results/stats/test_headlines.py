"""What scores amount to: which metric headlines come from, and which images take part."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.metrics import Metric
from bench.metrics.identity import Identity
from bench.metrics.judge import Judge
from bench.metrics.nudity import Nudity
from bench.metrics.remainder import Remainder
from bench.metrics.style import Style
from bench.results.stats.headlines import NAMES, conclude
from bench.types import Kind, Score

from .test_aggregate import SPEC, find, row, rows

TWO = replace(SPEC, cases=("airplane", "ship"))


def concluded(
    rows: list[dict[str, str]],
    kind: Kind = "object",
    left_out: tuple[str, ...] = (),
    cases: tuple[str, ...] = ("airplane",),
) -> list[Score]:
    spec = replace(SPEC, cases=cases)
    return conclude(rows, spec, [Judge()], kind, decides=Judge(), left_out=left_out)


def test_headline_from_pooled_near_and_far() -> None:
    score = find(concluded(rows(gone=3)), "H_o", "all")
    # acc_e = 1/4, acc_s = 2 of 3 (near and far pooled), acc_g = 0
    assert score.value == pytest.approx(3 / (1 / 0.75 + 1 / (2 / 3) + 1))
    assert score.low <= score.value <= score.high
    assert score.n == 9


def test_several_cases_average_the_headline() -> None:
    scores = concluded([*rows(gone=1), *rows("ship", gone=3)], cases=TWO.cases)
    values = [find(scores, "H_o", "all", case).value for case in TWO.cases]
    assert values[0] != values[1]
    assert find(scores, "H_o", "all", "all").value == pytest.approx(sum(values) / 2)


def test_styles_have_none_of_a_metric_that_gives_no_clip_score() -> None:
    found = {score.measure for score in concluded(rows(), kind="style")}
    assert not found & {"H_o", "H_c", "H_a", "CLIP_e", "CLIP_s"}


def test_a_role_that_was_not_measured_makes_the_headline_nan() -> None:
    some = [r for r in rows() if r["role"] != "synonym"]
    assert math.isnan(find(concluded(some), "H_o", "all").value)


def test_a_headline_with_a_single_image_of_a_role_has_a_wide_interval() -> None:
    lonely = [r for r in rows(gone=3) if r["role"] != "synonym"]
    lonely.append(row("synonym", "sky", "airplane", 0, "airplane"))
    score = find(concluded(lonely), "H_o", "all")
    assert score.low < 0.15 and 0.95 < score.high <= 1 and score.low < score.value < score.high


def test_a_headline_is_the_mean_of_the_cases_that_have_one() -> None:
    cases = ("airplane", "ship", "cat")
    lacking = [r for r in rows("cat") if r["role"] != "synonym"]
    some = [*rows(gone=3), *rows("ship", gone=1), *rows("ship", gone=4), *lacking]
    scores = concluded(some, cases=cases)
    own = [find(scores, "H_o", "all", case) for case in cases]
    pool = find(scores, "H_o", "all", "all")
    assert math.isnan(own[2].value) and own[2].n == 0
    assert pool.value == pytest.approx((own[0].value + own[1].value) / 2)
    assert pool.n == own[0].n + own[1].n


def test_the_unerased_model_has_no_effects_beside_itself() -> None:
    some = [each | {"id": str(number)} for number, each in enumerate(rows())]
    for method, there in (("m", True), ("original", False)):
        spec = replace(SPEC, method=method)
        found = conclude(some, spec, [Judge()], "object", decides=Judge(), unerased=some)
        assert any(score.measure == "efficacy_relative" for score in found) == there


def test_the_metric_that_decides_gives_it_not_the_first() -> None:
    """A recogniser sees the erased person, where CLIP, measured first, sees nobody."""
    first, faces = Identity(), Identity("faces.csv")
    made = []
    for role, name in (("target", "Cleopatra"), ("near", "Darwin"), ("far", "Caesar")):
        for number in range(4):
            seen = name if role != "target" or number else "none"
            made.append(
                {"case": "airplane", "id": f"{role}{number}", "role": role, "concept": name}
                | verdict("identity", "Darwin" if role == "target" else name)
                | verdict("identity@faces", seen)
            )

    def of(decides: Metric) -> Score:
        scores = conclude(made, SPEC, [first, faces], "person", decides=decides)
        return find(scores, "H_c", "all")

    assert of(first).value == 1
    assert of(faces).value == 0


def verdict(name: str, label: str) -> dict[str, str]:
    face = label != "none"
    cells = {"label": label, "probability": "0.5", "erased": "0", "face": str(int(face))}
    return {f"{name}_{key}": value for key, value in cells.items()}


@pytest.mark.parametrize("metric", [Remainder(), Nudity(), Style(), None])
def test_a_metric_that_sees_no_concept_of_its_own_makes_neither_rates_nor_effects(
    metric: Metric | None,
) -> None:
    names = [f"{metric.name}_{c}" for c in metric.columns] if metric else []
    made = [row("target", "", "airplane", 0) | dict.fromkeys(names, "")]
    found = conclude(made, SPEC, [metric] if metric else [], "object", decides=metric)
    assert found == []


def test_what_the_unerased_model_is_not_seen_to_draw_takes_no_part() -> None:
    """The frog's rows would make H_o better in its own case and worse in the airplane's."""
    frog = [row("target", "none", "frog", 0, "frog"), row("synonym", "none", "frog", 0, "frog")]
    frog += [row("far", "ship", "ship", 0, "frog")]
    made = [*rows(gone=3), row("far", "none", "frog", 0), *frog]
    cases = ("airplane", "frog")
    without = concluded(made, left_out=("frog",), cases=cases)
    alone = concluded(rows(gone=3))
    for name in ("H_o", "H_o_probability"):
        mine = find(alone, name, "all")
        assert find(without, name, "all") == mine
        assert math.isnan(find(without, name, "all", "frog").value)
        assert find(without, name, "all", "all").value == mine.value
    assert not [s for s in without if s.case == "frog" and s.measure == "efficacy"]
    every = concluded(made, cases=cases)
    assert find(every, "H_o", "all", "frog").value == 1
    assert find(every, "H_o", "all").value < find(alone, "H_o", "all").value


def test_with_nothing_left_every_headline_is_listed_and_nan() -> None:
    found = concluded(rows(), left_out=("airplane", "ship", "bird"))
    headlines = [score for score in found if score.measure.startswith("H_")]
    assert {score.measure for score in headlines} == {"H_o", "H_o_probability"}
    assert all(math.isnan(score.value) and score.n == 0 for score in headlines)
    two = [*rows(), *rows("ship")]
    pooled = concluded(two, left_out=("airplane", "ship", "bird"), cases=TWO.cases)
    assert math.isnan(find(pooled, "H_o", "all", "all").value)


def test_every_name_is_known_so_that_measuring_again_replaces_it() -> None:
    metrics = [Judge(), Style()]
    columns = {"id": "x"} | {f"style_{column}": "20" for column in Style.columns}
    for kind in ("object", "person", "style"):
        some = [each | columns for each in rows()]
        for score in conclude(some, SPEC, metrics, kind, decides=Judge(), unerased=some):  # type: ignore[arg-type]
            assert score.measure in NAMES
