"""Turns names of attacks into complete trials, with every check that needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import registry
from bench.attacks import BUDGETS, KINDS, Attack, Budget, Cost
from bench.names import find
from bench.runs.chosen import unsized
from bench.runs.resolved import Resolved
from bench.runs.trials.decider import decisive_metric
from bench.types import ALL, ORIGINAL, Case, InputError, Option, Prompt, RunSpec

FLAG = "--attack-set"
"""What sets an option of attacks on the command line."""


@dataclass(frozen=True)
class Attempt:
    """An attack with its options and budget: what is tried on every erasure."""

    entry: registry.Entry
    options: Mapping[str, Option]
    budget: str

    @property
    def amount(self) -> Budget:
        """The budget's prompts and images."""
        return BUDGETS[self.budget]

    @property
    def convention(self) -> str:
        """Whose search it is, official or quick; empty where an attack has only one."""
        return str(self.options.get("convention", ""))

    @property
    def attack(self) -> Attack:
        """The attack with its options."""
        return registry.load_attack(self.entry, self.options)

    def cost(self, prompts: int) -> Cost:
        """Return what is spent at most on so many prompts of one concept."""
        return self.attack.cost(prompts, self.amount.candidates)

    @property
    def kind(self) -> str:
        """Adaptive or transfer."""
        return KINDS[self.entry.adaptive]


def attempts(
    names: Sequence[str], budget: str, family: str, settings: Sequence[str] = ()
) -> list[Attempt]:
    """Return what was asked for, in the order of the list of attacks.

    Args:
        names: Names of attacks, or "all".
        budget: Name of a budget.
        family: Model family, whose presets are used.
        settings: "name=value" for every attack that has such an option; one of them must.

    Raises:
        InputError: a name is unknown, or there is none, or an option cannot be used.
    """
    known = registry.attacks()
    if not names:
        raise InputError(f"attack needs --attack; choices: {', '.join(known)}, {ALL}")
    for name in names:
        if name != ALL:
            registry.attack(name, [ALL])
    find("budget", budget, BUDGETS)
    wanted = [entry for name, entry in known.items() if ALL in names or name in names]
    given = registry.shared_settings(wanted, settings, FLAG)
    made = [
        Attempt(entry, registry.options(entry, family, given[entry.name], FLAG), budget)
        for entry in wanted
    ]
    for attempt in made:
        # Options that do not fit each other are found here, before any work.
        attempt.cost(1)
    return made


def check(specs: Sequence[RunSpec], chosen: Sequence[Attempt]) -> None:
    """Refuse runs that leave nothing to attack.

    Args:
        specs: The runs, the un-erased model's first.
        chosen: The attacks to try.

    Raises:
        InputError: only the un-erased model was asked for, a case has no target prompts, or no
            metric tells whether images show its concepts.
    """
    if not any(spec.method != ORIGINAL for spec in specs):
        raise InputError(
            f"attack needs an erased model, and {ORIGINAL} erases nothing; name another --method"
        )
    if not specs[0].sampler.searched:
        raise InputError(
            f"attacks search on DDIM's path at the model's own size, got {specs[0].sampler}; leave "
            "--scheduler, --width, --height and --negative-prompt out"
        )
    resolved = Resolved(specs[0])
    for case in resolved.cases:
        decisive_metric(resolved, case)
        if not targets(resolved, case, chosen[0].amount):
            raise InputError(
                f"suite {resolved.suite.name} has no target prompts for case {case.name}"
            )


def targets(resolved: Resolved, case: Case, amount: Budget) -> list[Prompt]:
    """Return the first target prompts of a case, as many as the budget says.

    They are attacked at the model's own size, since what is searched for is of one size.

    Args:
        resolved: What the run's spec names.
        case: One of its cases.
        amount: Says how many prompts.
    """
    rows = resolved.prompts[case.name]
    return [unsized(row) for row in rows if row.role == "target"][: amount.prompts]


def outline(specs: Sequence[RunSpec], chosen: Sequence[Attempt]) -> list[dict[str, object]]:
    """Return each attack on each case with its options and prompts, as JSON-serialisable data.

    Args:
        specs: The runs.
        chosen: The attacks.
    """
    return [
        {
            "attack": each.entry.name,
            "kind": each.kind,
            "convention": each.convention,
            "budget": each.budget,
            "options": each.options,
            "run_id": resolved.spec.run_id,
            "case": case.name,
            "prompts": [row.id for row in targets(resolved, case, each.amount)],
            "candidates": each.amount.candidates,
        }
        for resolved in _erased(specs)
        for case in resolved.cases
        for each in chosen
    ]


def describe(specs: Sequence[RunSpec], chosen: Sequence[Attempt]) -> Iterator[str]:
    """Yield, line by line, which attacks are tried on which erasure, and what each may spend.

    Args:
        specs: The runs, the un-erased model's first.
        chosen: The attacks to try.
    """
    for resolved in _erased(specs):
        spec = resolved.spec
        for case in resolved.cases:
            for each in chosen:
                rows = targets(resolved, case, each.amount)
                whose = f"convention {each.convention}, " if each.convention else ""
                words = f"{whose}{each.kind}, budget {each.budget}"
                yield (
                    f"attack {each.entry.name} ({words}) on {spec.method}, case {case.name}: "
                    f"{len(rows)} prompts, {_spent(each, rows, spec)}, then "
                    f"{each.amount.candidates} images each"
                )


def searching(attempt: Attempt, rows: Sequence[Prompt], spec: RunSpec) -> int:
    """Return the U-Net evaluations that the search for some prompts may spend, together.

    Args:
        attempt: The attack.
        rows: The prompts.
        spec: The run that is attacked.
    """
    return sum(cost.total(spec.sampler) for cost in _costs(attempt, rows))


def _costs(attempt: Attempt, rows: Sequence[Prompt]) -> list[Cost]:
    return [attempt.cost(count) for count in Counter(row.concept for row in rows).values()]


def _erased(specs: Sequence[RunSpec]) -> list[Resolved]:
    return [Resolved(spec) for spec in specs if spec.method != ORIGINAL]


def _spent(attempt: Attempt, rows: Sequence[Prompt], spec: RunSpec) -> str:
    """Say what the search for some prompts may spend, together."""
    costs, total = _costs(attempt, rows), searching(attempt, rows, spec)
    drawn = sum(cost.drawn for cost in costs)
    looked = Cost(shown=drawn).total(spec.sampler)
    of_them = f" ({looked:,} of them to draw {drawn:,} images)" if drawn else ""
    examples = sum(cost.examples for cost in costs)
    apart = f", {examples} images of the concept drawn apart" if examples else ""
    return f"at most {total:,} U-Net evaluations{of_them}{apart}"
