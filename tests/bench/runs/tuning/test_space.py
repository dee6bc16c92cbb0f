from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from bench import registry
from bench.runs.tuning import space
from bench.runs.tuning.task import Task
from bench.types import InputError

UNTUNED = {"original", "checkpoint", "retrained", "negative_prompt"}
"""Methods without anything to tune."""


def test_every_method_with_options_says_where_they_are_searched() -> None:
    assert set(registry.methods()) - set(space.tunable()) == UNTUNED


@pytest.mark.parametrize("method", space.tunable())
def test_a_space_holds_the_preset_and_only_what_the_method_takes(method: str) -> None:
    entry = registry.method(method)
    space.check(entry)
    preset = Task(method).preset
    for name, distribution in space.distributions(entry.space).items():
        assert distribution._contains(distribution.to_internal_repr(preset[name])), name
        low_and_high = entry.space[name] if isinstance(entry.space[name], tuple) else ()
        whole = {each.name: each.type for each in entry.options}[name].startswith("int")
        assert all(isinstance(each, int) == whole for each in low_and_high), name


def test_ranges_are_even_and_far_ones_by_logarithm() -> None:
    found = space.distributions(
        {"a": (1, 5), "b": (0.1, 1.0), "c": (0.0, 9.0), "d": ["x", None], "e": (2, 20)}
    )
    assert found == {
        "a": IntDistribution(1, 5),
        "b": FloatDistribution(0.1, 1.0, log=True),
        "c": FloatDistribution(0.0, 9.0),
        "d": CategoricalDistribution(["x", None]),
        "e": IntDistribution(2, 20, log=True),
    }
    assert space.described({"b": (0.1, 1.0), "d": ["x", None]}) == [
        "b 0.1 to 1.0, by logarithm",
        "d x, none",
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "method uce says nowhere what to search.*choices: adavd"),
        ({"lamp": (0.1, 1.0)}, "option in the space of uce: 'lamp'; nearest: lamb"),
        ({"variant": ["2024"]}, "'2024'; nearest: 2023|'2024'; nearest: 2025"),
        ({"lamb": (1.0, 0.1)}, "a range is a lower and a higher number"),
        ({"lamb": (0.1, 0.5, 1.0)}, "a range is a lower and a higher number"),
        ({"variant": ("2023", "2025")}, "a range is a lower and a higher number"),
    ],
)
def test_a_wrong_space_is_one_line(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        space.check(replace(registry.method("uce"), space=wrong))
    assert "\n" not in str(caught.value)
