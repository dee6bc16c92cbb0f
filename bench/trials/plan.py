"""Turns names of attacks into complete trials, with every check that needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import pipelines, prompts, registry
from bench.attacks import BUDGETS, KINDS, Budget
from bench.names import find
from bench.plan import ALL
from bench.types import ORIGINAL, Case, InputError, Option, Prompt, RunSpec, Suite


@dataclass(frozen=True)
class Attempt:
    """An attack with its options and budget: what is tried on every edit."""

    entry: registry.Entry
    options: Mapping[str, Option]
    budget: str

    @property
    def amount(self) -> Budget:
        """The budget's prompts and pictures."""
        return BUDGETS[self.budget]

    @property
    def kind(self) -> str:
        """Adaptive or transfer."""
        return KINDS[self.entry.adaptive]


def attempts(names: Sequence[str], budget: str) -> list[Attempt]:
    """Return what was asked for, in the order of the list of attacks.

    Args:
        names: Names of attacks, or "all".
        budget: Name of a budget.

    Raises:
        InputError: a name is unknown, or there is none.
    """
    known = registry.attacks()
    if not names:
        raise InputError(f"attack needs --attack; choices: {', '.join(known)}, {ALL}")
    for name in names:
        find("attack", name, (*known, ALL))
    find("budget", budget, BUDGETS)
    return [
        Attempt(entry, registry.options(entry, budget), budget)
        for name, entry in known.items()
        if ALL in names or name in names
    ]


def check(specs: Sequence[RunSpec], chosen: Sequence[Attempt]) -> None:
    """Refuse runs that leave nothing to attack.

    Raises:
        InputError: only the un-erased model was asked for, or a case has no target prompts.
    """
    if not any(spec.method != ORIGINAL for spec in specs):
        raise InputError(
            f"attack needs an erased model, and {ORIGINAL} erases nothing; name another --method"
        )
    for suite, case in cases(specs[0]):
        if not targets(specs[0], suite, case, chosen[0].amount):
            raise InputError(f"suite {suite.name} has no target prompts for case {case.name}")


def cases(spec: RunSpec) -> Iterator[tuple[Suite, Case]]:
    """Yield the suite with each case of a run."""
    suite = prompts.suite(spec.suite)
    for case in suite.cases:
        if case.name in spec.cases:
            yield suite, case


def targets(spec: RunSpec, suite: Suite, case: Case, amount: Budget) -> list[Prompt]:
    """Return the first target prompts of a case, as many as the budget says."""
    size = next(each for each in suite.sizes if each.name == spec.size)
    rows = prompts.select(suite, case, size, pipelines.family(spec.model))
    return [row for row in rows if row.role == "target"][: amount.prompts]


def describe(specs: Sequence[RunSpec], chosen: Sequence[Attempt]) -> Iterator[str]:
    """Yield, line by line, which attacks would be tried on which edit, and what each may spend."""
    for spec in (spec for spec in specs if spec.method != ORIGINAL):
        for suite, case in cases(spec):
            for each in chosen:
                count = len(targets(spec, suite, case, each.amount))
                yield (
                    f"attack {each.entry.name} ({each.kind}, {each.budget}) on {spec.method}, case "
                    f"{case.name}: {count} prompts, {each.entry.costs[each.budget]:,} U-Net "
                    f"evaluations and {each.amount.candidates} images each"
                )
