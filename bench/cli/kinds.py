"""The kinds of what is listed: of methods by what they leave, of attacks by what they work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from bench import attacks, registry
from bench.names import find
from bench.registry import Entry
from bench.types import Form, InputError


@dataclass(frozen=True)
class Kinds:
    """A list whose entries have kinds."""

    every: Callable[[], Mapping[str, Entry]]
    """All of its entries, by name."""
    choices: tuple[str, ...]
    of: Callable[[Entry], str]
    """The kind of one."""


KINDS: Mapping[str, Kinds] = {
    "methods": Kinds(registry.methods, get_args(Form), lambda entry: entry.form),
    "attacks": Kinds(
        registry.attacks, tuple(attacks.KINDS.values()), lambda entry: attacks.KINDS[entry.adaptive]
    ),
}
"""Those that have them, by name."""


def check(what: str, kind: str | None) -> None:
    """Refuse a kind that a list does not have.

    Args:
        what: The list, one of those there are.
        kind: What was typed; None for all kinds.

    Raises:
        InputError: there is no such kind, or the list has none.
    """
    if kind is None:
        return
    if what not in KINDS:
        raise InputError(f"{what} have no kinds; --kind is for {' and '.join(KINDS)}")
    find(f"kind of {what}", kind, KINDS[what].choices)


def entries(what: str, kind: str | None) -> dict[str, Entry]:
    """Return the methods or the attacks by name, all or those of a kind.

    Args:
        what: `methods` or `attacks`.
        kind: As `check` allows it.
    """
    of = KINDS[what].of
    return {n: each for n, each in KINDS[what].every().items() if kind in (None, of(each))}
