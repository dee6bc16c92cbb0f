"""Runs repeated over methods, over seeds and over values of options; needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from bench import registry
from bench.runs import asked as asking
from bench.runs import plan
from bench.types import RunSpec


@dataclass(frozen=True)
class Methods:
    """Methods that are asked for with what is for them alone."""

    names: tuple[str, ...]
    """As they were typed, or "all"."""
    settings: tuple[str, ...] = ()
    """"name=value", each for one of these at least; one for all methods gives way to it."""
    preset: str | None = None
    """None for the one that is for all methods."""
    seeds: tuple[int, ...] = ()
    """Empty for those that are for all methods."""


def specs(
    methods: Sequence[str | Methods],
    *,
    seeds: Sequence[int],
    settings: Sequence[str],
    preset: str | None = None,
    **frame: Any,
) -> list[RunSpec]:
    """Return the runs for each seed and each combination of values, the un-erased model's first.

    Args:
        methods: Names, "all", or names with options of their own.
        seeds: Of the erasures; each is a run of its own.
        settings: "name=value" for every method that has such an option, and one must; a name that
            is given several times makes a grid.
        preset: As `bench.runs.plan.specs` takes it.
        frame: Everything else that `bench.runs.plan.specs` takes.

    Raises:
        InputError: as `bench.runs.plan.specs`.
    """
    some_own = any(isinstance(each, Methods) for each in methods)
    one_by_one = [each if isinstance(each, Methods) else Methods((each,)) for each in methods]
    groups = one_by_one if some_own else [Methods(tuple(map(str, methods)))]
    entries = [asking.methods(each.names, [*settings, *each.settings]) for each in groups]
    every = [entry for some in entries for entry in some.values()]
    registry.shared_settings(every, settings)
    asking.check_preset(every, preset)
    first = plan.unerased(**frame)
    found = {first.spec.run_id: first.spec}
    for asked, some in zip(groups, entries, strict=True):
        has = any(preset in entry.presets for entry in some.values())
        named = asked.preset or (preset if has else None)
        for values in grid(_settings(asked, settings, some.values())):
            for seed in dict.fromkeys(asked.seeds or seeds):
                runs = plan.erased(first, some, seed=seed, settings=values, preset=named)
                found |= {spec.run_id: spec for spec in runs}
    return list(found.values())


def names(methods: Sequence[str | Methods]) -> list[str]:
    """Return the names of methods, as they were typed.

    Args:
        methods: As `specs` takes them.
    """
    return [name for each in methods for name in ((each,) if isinstance(each, str) else each.names)]


def _settings(
    asked: Methods, shared: Sequence[str], entries: Collection[registry.Entry]
) -> list[str]:
    """Return what is set for these methods: what is for them alone, and what they have of all's."""
    own = {registry.split(setting)[0] for setting in asked.settings}
    has = {option.name for entry in entries for option in entry.options} - own
    return [*asked.settings, *(each for each in shared if registry.split(each)[0] in has)]


def grid(settings: Sequence[str]) -> list[list[str]]:
    """Return every combination of the values that each option is given.

    Args:
        settings: "name=value"; `["a=1", "a=2", "b=3"]` makes `[["a=1", "b=3"], ["a=2", "b=3"]]`.
    """
    values: dict[str, list[str]] = {}
    for setting in dict.fromkeys(settings):
        values.setdefault(registry.split(setting)[0], []).append(setting)
    return [list(some) for some in product(*values.values())]
