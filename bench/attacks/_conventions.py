"""What an option of an attack means that is not set: what the convention says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from bench.attacks import Attack
from bench.types import InputError

Settings = TypeVar("Settings")


def settled(attack: Attack, conventions: Mapping[str, Settings]) -> Settings:
    """Return the convention's settings with every option that is set.

    Args:
        attack: With the option `convention`.
        conventions: A frozen dataclass for each convention; its fields are the options it has.

    Raises:
        InputError: an option is set that the convention does not have, or it is out of range.
    """
    convention = str(attack.options()["convention"])
    settings: Any = conventions[convention]
    known = [field.name for field in fields(settings)]
    given = {name: value for name, value in attack.options().items() if value is not None}
    del given["convention"]
    for name, value in given.items():
        if name not in known:
            raise InputError(
                f"option {name} has no meaning with convention={convention}; choices: "
                f"{', '.join(known)}"
            )
        if isinstance(value, bool | str):
            continue
        least = 1 if isinstance(value, int) else 0
        if value < least:
            raise InputError(f"option {name} is {value}, allowed is {least} or more")
        if name == "earliest" and value >= 1:
            raise InputError(f"option {name} is {value}, allowed is less than 1")
    made: Settings = replace(settings, **given)
    return made
