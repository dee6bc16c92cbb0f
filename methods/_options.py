"""Options of erasers: which numbers are allowed, and what was published for those left open."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

from bench.types import InputError

Published = TypeVar("Published")


def at_least(least: float, **values: float | None) -> None:
    """Refuse options that are less than a number, or no number; None is left open.

    Args:
        least: The least that is allowed.
        **values: The options by name.

    Raises:
        InputError: naming the first of them.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise InputError(f"{name} is {value}, allowed is {least} or more")


def above(limit: float, **values: float | None) -> None:
    """Refuse options that are a number or less, or no number; None is left open.

    Args:
        limit: What they must exceed.
        **values: The options by name.

    Raises:
        InputError: naming the first of them.
    """
    for name, value in values.items():
        if value is not None and not value > limit:
            raise InputError(f"{name} is {value}, allowed is more than {limit}")


def within(least: float, most: float, **values: float) -> None:
    """Refuse options outside of a range, or no number.

    Args:
        least: Its lower end, which is allowed.
        most: Its upper end, which is allowed.
        **values: The options by name.

    Raises:
        InputError: naming the first of them.
    """
    for name, value in values.items():
        if not least <= value <= most:
            raise InputError(f"{name} is {value}, allowed is {least} to {most}")


def completed(published: Published, options: Any) -> Published:
    """Return what was published, but for the options that are set.

    Args:
        published: A frozen dataclass whose fields are options that are None where they are open.
        options: The eraser that has them.
    """
    known: Any = published
    own = {field.name: getattr(options, field.name) for field in fields(known)}
    made: Published = replace(
        known, **{name: value for name, value in own.items() if value is not None}
    )
    return made
