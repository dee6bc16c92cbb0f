"""Runs repeated over seeds and over values of options; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from bench import registry
from bench.runs import plan
from bench.types import RunSpec


def specs(
    methods: Sequence[str], *, seeds: Sequence[int], settings: Sequence[str], **more: Any
) -> list[RunSpec]:
    """Return the runs for each seed and each combination of values, the un-erased model's first.

    Args:
        methods: Names, or "all".
        seeds: Of the erasures; each is a run of its own.
        settings: "name=value"; a name that is given several times makes a grid.
        more: Everything else that `bench.runs.plan.specs` takes.

    Raises:
        InputError: as `bench.runs.plan.specs`.
    """
    found = [
        spec
        for some in grid(settings)
        for seed in dict.fromkeys(seeds)
        for spec in plan.specs(methods, seed=seed, settings=some, **more)
    ]
    return list({spec.run_id: spec for spec in found}.values())


def grid(settings: Sequence[str]) -> list[list[str]]:
    """Return every combination of the values that each option is given.

    Args:
        settings: "name=value"; `["a=1", "a=2", "b=3"]` makes `[["a=1", "b=3"], ["a=2", "b=3"]]`.
    """
    values: dict[str, list[str]] = {}
    for setting in dict.fromkeys(settings):
        values.setdefault(registry.split(setting)[0], []).append(setting)
    return [list(some) for some in product(*values.values())]
