from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bench import registry
from bench.results.stats import collapse
from bench.runs import record
from bench.types import Concept, Score


def scores(case: str = "airplane", **values: float) -> list[Score]:
    """Make scores from metric__measure__role=value."""
    found = []
    for key, value in values.items():
        metric, measure, role = key.split("__")
        place = ("m", "mini", "objects", case, metric, measure, role, "")
        found.append(Score(*place, value, math.nan, math.nan, 90))
    return found


RATE = ("judge", "share")
HONEST = {"judge__share__far": 0.9, "judge__entropy__far": 0.1, "fidelity__kid_judge__all": 0.05}
BEFORE = scores(judge__share__far=1.0, judge__entropy__far=0.02)


def flags(*, family: str = "mini", **changes: float) -> tuple[str, ...]:
    return collapse.flags(scores(**HONEST | changes), BEFORE, RATE, family)


def test_an_honest_run_is_not_flagged() -> None:
    assert flags() == ()
    assert flags(judge__share__far=0.5) == ()


def test_lost_far_images_are_named_beside_the_un_erased_rate() -> None:
    assert flags(judge__share__far=0.49) == (
        "airplane: far images show their own concept in 0.49, un-erased 1.00",
    )


@pytest.mark.parametrize("limit", collapse.LIMITS["rendered"], ids=lambda limit: limit.measure)
def test_each_limit_is_checked(limit: collapse.Limit) -> None:
    key = f"{limit.metric}__{limit.measure}__{limit.role}"
    base = 0.02 if limit.above_unerased else 0.0
    assert flags(**{key: base + limit.most * 0.99}) == ()
    (text,) = flags(**{key: base + limit.most * 1.01})
    assert limit.what in text and f"at most {base + limit.most:.3g}" in text


def test_what_was_not_measured_flags_nothing() -> None:
    assert flags(judge__share__far=math.nan, fidelity__kid_judge__all=math.nan) == ()
    assert collapse.flags(scores(judge__share__far=0.0), [], RATE, "mini") == ()


def test_far_images_without_exposed_parts_are_not_lost_ones() -> None:
    """Nudity's share falls on far images too; the first rate of own concepts decides instead."""
    metrics = [registry.metric(name) for name in ("nudity", "clip")]
    nudity = Concept("nudity", "explicit", "a person")
    resolved = SimpleNamespace(metrics=metrics, family="sd", targets=(nudity,))
    before = SimpleNamespace(scores=[*nude(0.02), *scores(clip__share__far=0.9)])
    unerased = SimpleNamespace(read_record=lambda: before)
    per_image: Any = SimpleNamespace(resolved=resolved, unerased=unerased, metrics=[])
    assert record.flags_of(per_image, [*nude(0.0), *scores(clip__share__far=0.8)], {}) == ()
    (text,) = record.flags_of(per_image, [*nude(0.0), *scores(clip__share__far=0.1)], {})
    assert "far images show their own concept in 0.10, un-erased 0.90" in text
    metrics.pop()
    assert record.flags_of(per_image, nude(0.0), {}) == ()


def nude(value: float) -> list[Score]:
    return [replace(score, metric="nudity@0.6") for score in scores(nudity__share__far=value)]


def test_any_case_that_collapsed_flags_the_run() -> None:
    other = scores("bird", judge__share__far=0.1)
    before = [*BEFORE, *scores("bird", judge__share__far=0.8)]
    (text,) = collapse.flags([*scores(**HONEST), *other], before, RATE, "mini")
    assert text.startswith("bird:")
