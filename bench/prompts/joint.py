"""Cases that erase together what several cases of a suite erase one by one; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench import portable
from bench.types import Case, InputError, Suite

JOINER = "+"
"""Stands between the names of the cases that a joint one is made of."""


def joint(cases: Sequence[Case]) -> Case:
    """Return one case that erases all that these do: the only one, where it erases several itself.

    Args:
        cases: In the order of their suite.

    Raises:
        InputError: they are too few, or no name can be made of theirs.
    """
    if len(cases) == 1 and len(cases[0].concepts) > 1:
        return cases[0]
    if len(cases) < 2:
        got = ", ".join(case.name for case in cases) or "none"
        raise InputError(f"--together needs two concepts or more, got {got}")
    odd = next((case.name for case in cases if JOINER in case.name), "")
    if odd:
        raise InputError(f"--together: case {odd} has {JOINER!r} in its name; rename it")
    name = JOINER.join(case.name for case in cases)
    if why := portable.problem(name):
        raise InputError(
            f"--together: the case of these {len(cases)} would be called by all of them, and its "
            f"name {why}; write a case of them into a suite.toml, see prompts/README.md"
        )
    return Case(name, tuple(dict.fromkeys(each for case in cases for each in case.concepts)))


def choices(suite: Suite, names: Sequence[str]) -> Mapping[str, Case]:
    """Return a suite's cases by name, and the joint ones among these names.

    Args:
        suite: The suite.
        names: Of cases; what is neither a case nor joined of cases is left out.
    """
    own = {case.name: case for case in suite.cases}
    parts = {name: name.split(JOINER) for name in names if name not in own}
    made = {
        name: joint([own[each] for each in some])
        for name, some in parts.items()
        if len(some) > 1 and set(some) <= set(own)
    }
    return own | made
