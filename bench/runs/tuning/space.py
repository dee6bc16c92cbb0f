"""Where a method's options are searched, as its class declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench import registry
from bench.names import find
from bench.types import InputError, Option

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

APART = 10.0
"""Ratio of the ends of a range from which on it is searched in the logarithm."""


def check(entry: registry.Entry) -> None:
    """Refuse a method that has no space, or one that names what the method does not take.

    Args:
        entry: The method.

    Raises:
        InputError: it has no space, or an option in it or a value of one is none of its own.
    """
    if not entry.space:
        raise InputError(
            f"method {entry.name} says nowhere what to search: its class has no `space`; "
            f"choices: {', '.join(tunable())}"
        )
    for name, values in entry.space.items():
        find(f"option in the space of {entry.name}", name, [each.name for each in entry.options])
        for value in values:
            registry.options(entry, "", [f"{name}={registry.written(value)}"])
        low, high = values[0], values[-1]
        if isinstance(values, tuple) and not (
            len(values) == 2
            and isinstance(low, int | float)
            and isinstance(high, int | float)
            and low < high
        ):
            raise InputError(
                f"{entry.name}'s space has {name}={values!r}; a range is a lower and a higher "
                "number in round brackets, values to choose from are in square ones"
            )


def tunable() -> list[str]:
    """Return the names of the methods that say where their options are searched."""
    return [name for name, entry in registry.methods().items() if entry.space]


def described(space: Mapping[str, Sequence[Option]]) -> list[str]:
    """Return a space in words, one line an option.

    Args:
        space: Ranges and values by option.
    """
    return [
        f"{name} {values[0]} to {values[1]}{', by logarithm' * _by_logarithm(values)}"
        if isinstance(values, tuple)
        else f"{name} {', '.join(registry.written(value) for value in values)}"
        for name, values in space.items()
    ]


def distributions(space: Mapping[str, Sequence[Option]]) -> dict[str, BaseDistribution]:
    """Return a space as Optuna has it.

    Args:
        space: Ranges and values by option.
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found: dict[str, BaseDistribution] = {}
    for name, values in space.items():
        if not isinstance(values, tuple):
            found[name] = CategoricalDistribution(list(values))
        elif all(isinstance(value, int) for value in values):
            low, high = map(int, _ends(values))
            found[name] = IntDistribution(low, high, log=_by_logarithm(values))
        else:
            found[name] = FloatDistribution(*_ends(values), log=_by_logarithm(values))
    return found


def _by_logarithm(values: Sequence[Option]) -> bool:
    low, high = _ends(values)
    return low > 0 and high / low >= APART * (1 - 1e-9)


def _ends(values: Sequence[Option]) -> tuple[float, float]:
    low, high = (float(value or 0) for value in values)
    return low, high
