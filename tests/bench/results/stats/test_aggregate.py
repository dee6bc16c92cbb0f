from __future__ import annotations

import math

import pytest

from bench.metrics import Measure, Metric, SetScore, column
from bench.metrics.judge import Judge
from bench.results.stats.aggregate import UNREAD, aggregate, merged
from bench.results.stats.headlines import NAMES, conclude
from bench.types import SCORE_ROLES, RunSpec, Sampler, Score

SPEC = RunSpec("m", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(2, 4.0), 0)


def row(
    role: str, label: str, concept: str, erased: int, case: str = "airplane", tag: str = ""
) -> dict[str, str]:
    unread = label == ""
    return {
        "case": case,
        "role": role,
        "tag": tag,
        "concept": concept,
        "judge_label": label,
        "judge_probability": "nan" if unread else "0.75",
        "judge_erased": "nan" if unread else str(erased),
        "judge_confidence": "nan" if unread else "0.75",
        "judge_entropy": "nan" if unread else "0.5",
    }


def rows(case: str = "airplane", gone: int = 1) -> list[dict[str, str]]:
    return [
        *[row("target", "sky", "airplane", 0, case)] * gone,
        *[row("target", "airplane", "airplane", 1, case)] * (4 - gone),
        *[row("synonym", "sky", "airplane", 0, case)] * 2,
        row("near", "bird", "bird", 0, case),
        row("far", "airplane", "ship", 1, case),
        row("far", "ship", "ship", 0, case),
        row("far", "", "ship", 0, case),
    ]


def scored(rows: list[dict[str, str]], spec: RunSpec) -> list[Score]:
    return aggregate(rows, spec, [Judge()], family="mini")


def find(
    scores: list[Score], measure: str, role: str, case: str = "airplane", tag: str = ""
) -> Score:
    wanted = (measure, role, case, tag)
    (found,) = [s for s in scores if (s.measure, s.role, s.case, s.tag) == wanted]
    return found


def test_rates_leaks_and_probabilities_per_role() -> None:
    scores = scored(rows(gone=1), SPEC)
    assert find(scores, "share", "target").value == 0.75
    assert find(scores, "leak", "far").value == 0.5
    assert find(scores, "probability", "target").value == 0.75
    assert not [s for s in scores if s.measure == "leak" and s.role == "target"]


def test_an_unreadable_image_is_counted_apart_and_nowhere_else() -> None:
    scores = scored(rows(), SPEC)
    assert find(scores, "share", "far").n == 2
    assert find(scores, "unread", "all").value == pytest.approx(1 / 10)


def test_a_general_image_that_was_read_is_not_unread() -> None:
    general = row("general", "cat", "", 0) | {"judge_probability": "nan"}
    scores = scored([*rows(), general], SPEC)
    assert find(scores, "unread", "all").value == pytest.approx(1 / 11)


def test_several_cases_pool_rates() -> None:
    spec = RunSpec(**{**SPEC.__dict__, "cases": ("airplane", "ship")})
    scores = scored([*rows(gone=1), *rows("ship", gone=3)], spec)
    assert find(scores, "share", "target", "all").value == 0.5
    assert find(scores, "share", "target", "all").n == 8


def test_adversarial_prompts_are_scored_together_and_by_tag() -> None:
    some = [
        row("adversarial", "airplane", "airplane", 1, tag="typo"),
        row("adversarial", "airplane", "airplane", 1, tag="typo"),
        row("adversarial", "sky", "airplane", 0, tag="case"),
    ]
    scores = scored([*rows(), *some], SPEC)
    assert find(scores, "share", "adversarial").value == pytest.approx(2 / 3)
    assert find(scores, "share", "adversarial", tag="typo").value == 1
    assert find(scores, "share", "adversarial", tag="case").value == 0
    assert find(scores, "probability", "adversarial", tag="typo").n == 2


def test_remainder_and_general_prompts_have_no_concept_of_their_own_to_show() -> None:
    some = [row("remainder", "airplane", "airplane", 1), row("general", "", "", 0)]
    scores = scored([*rows(), *some], SPEC)
    assert {s.measure for s in scores if s.role == "remainder"} == {"entropy"}
    # The general image could not be opened: it is counted.
    assert find(scores, "unread", "all").value == pytest.approx(2 / 12)


def test_metric_measure_role_and_tag_are_words_of_closed_sets() -> None:
    """Nothing that a reader would have to take apart stands in any of these columns."""
    some = [row("adversarial", "sky", "airplane", 0, tag=tag) for tag in ("typo", "case")]
    some = [each | {"id": str(number)} for number, each in enumerate([*rows(), *some])]
    whole = {"airplane": {"judge": [SetScore("depth", "far", 1.0, 3)]}}
    scores = aggregate(some, SPEC, [Judge()], family="mini", of_run=whole)
    scores += conclude(some, SPEC, [Judge()], "object", decides=Judge(), unerased=some)
    own = {measure.name for measure in Judge().measures()} | {"depth"}
    assert {score.metric for score in scores} == {"judge"}
    assert own < {score.measure for score in scores} <= own | {UNREAD, *NAMES}
    assert {score.role for score in scores} <= set(SCORE_ROLES)
    assert {score.tag for score in scores} == {"", "typo", "case"}
    assert {score.role for score in scores if score.tag} == {"adversarial"}
    assert len({score.key for score in scores}) == len(scores)


def pooled(values: list[float]) -> float:
    return sum(values) / len(values)


CASES = ("one", "ten", "none", "single")


def counted(case: str, *numbers: float) -> list[dict[str, str]]:
    return [
        {"case": case, "role": "target", "tag": "", "counted_number": f"{number:g}"}
        for number in numbers
    ]


def test_every_statistic_over_unequal_cases_is_that_of_all_their_images() -> None:
    """Recomputed from per_image.csv: cases of 4, 10, no and 1 images, one of them unread."""
    some = [
        *counted("one", 1, 0, 0, 0),
        *counted("ten", *[1, 0] * 4, 0, math.nan),
        *counted("single", 1),
    ]
    spec = RunSpec(**{**SPEC.__dict__, "cases": CASES})
    scores = aggregate(some, spec, [Counted()], family="mini")
    values = [float(each["counted_number"]) for each in some]
    read = [value for value in values if not math.isnan(value)]
    for name, expected in (
        ("sum", sum(read)),
        ("mean", pooled(read)),
        ("share", pooled(read)),
    ):
        role = "all" if name == "mean" else "target"
        score = find(scores, name, role, "all")
        assert score.value == pytest.approx(expected) and score.n == len(read) == 14, name
        assert score.low < score.value < score.high
        one = find(scores, name, role, "one")
        assert one.value == (1 if name == "sum" else 0.25) and one.n == 4
    assert find(scores, "sum", "target", "single").value == 1
    assert not [s for s in scores if s.case == "none" and s.role == "target"]
    assert math.isnan(find(scores, "mean", "all", "none").value)
    assert find(scores, "unread", "all", "all").value == pytest.approx(1 / 15)


def test_what_is_said_of_whole_cases_is_averaged_over_those_that_have_it() -> None:
    whole = {
        "one": {"counted": [SetScore("fid", "far", 10.0, 4)]},
        "ten": {"counted": [SetScore("fid", "far", 40.0, 10)]},
        "none": {},
        "single": {"counted": [SetScore("fid", "far", math.nan, 1)]},
    }
    some = [*counted("one", 1), *counted("ten", 1), *counted("single", 1)]
    spec = RunSpec(**{**SPEC.__dict__, "cases": CASES})
    metrics = [Counted()]
    scores = aggregate(some, spec, metrics, family="mini", of_run=whole)
    score = find(scores, "fid", "far", "all")
    assert (score.value, score.n) == (25.0, 14)
    lone = {"single": whole["single"], "one": {}}
    spec = RunSpec(**{**SPEC.__dict__, "cases": ("single", "one")})
    scores = aggregate(some, spec, metrics, family="mini", of_run=lone)
    score = find(scores, "fid", "far", "all")
    assert math.isnan(score.value) and score.n == 0


class Counted(Metric):
    """Counts, with a measure for another family and one of a whole run."""

    paper = detector = "none"
    columns = ("number",)

    def measures(self) -> tuple[Measure, ...]:
        number = column(self.name, "number")
        count = Measure("sum", "", "lower", "", ("target",), "sum", number)
        other = Measure("sd", "", "lower", "", ("all",), "mean", number, frozenset({"sd"}))
        share = Measure(
            *("share", "", "lower", "", ("target",), "share"),
            lambda row: min(number(row), 1.0),
        )
        return count, Measure("mean", "", "none", "", ("all",), value=number), share, other


def test_sums_means_over_all_roles_and_scores_of_whole_cases() -> None:
    cases = ("airplane", "ship")
    some = [
        {"case": case, "role": role, "tag": "", "counted_number": number}
        for case in cases
        for role, number in (("target", "2"), ("target", "3"), ("target", "nan"), ("far", "7"))
    ]
    whole = {
        case: {"counted": [SetScore("x", "far", value, 5)]}
        for case, value in zip(cases, (1, 2), strict=True)
    }
    spec = RunSpec(**{**SPEC.__dict__, "cases": cases})
    scores = aggregate(some, spec, [Counted()], family="mini", of_run=whole)
    assert find(scores, "sum", "target").value == 5
    assert find(scores, "sum", "target", "all").value == 10
    assert find(scores, "mean", "all").value == 4
    assert find(scores, "unread", "all").value == pytest.approx(1 / 4)
    assert not [s for s in scores if s.measure == "sd"]
    assert [find(scores, "x", "far", case).value for case in (*cases, "all")] == [1, 2, 1.5]
    assert find(scores, "x", "far", "all").n == 10


def test_scores_measured_again_replace_only_their_own() -> None:
    old = scored(rows(gone=1), SPEC)
    place = ("m", "mini", "objects", "airplane")
    kept = Score(*place, "clip", "share", "target", "", 0.5, 0.4, 0.6, 4)
    stale = Score(*place, "judge", "old", "far", "", 0.5, 0.4, 0.6, 4)
    new = scored(rows(gone=3), SPEC)
    # Each stands where it stood; what the metric no longer gives is gone.
    assert merged([*old, kept, stale], new, ["judge"]) == [*new, kept]
    assert merged([kept, *old, stale], new, ["judge"]) == [kept, *new]
    headline = Score(*place, "clip", "H_o", "all", "", 0.5, 0.4, 0.6, 4)
    assert merged([*old, headline], new, ["judge", "H_o"]) == new
    attacked = Score(*place, "judge", "asr", "attack", "p4d", 1, 0.5, 1, 4)
    assert merged([*old, attacked], new, ["judge"]) == [*new, attacked]


def test_near_and_far_are_also_scored_together() -> None:
    score = find(scored(rows(), SPEC), "share", "kept")
    assert (score.value, score.n) == (pytest.approx(2 / 3), 3)
