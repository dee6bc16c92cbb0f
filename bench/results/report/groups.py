"""Finished runs of one protocol together, and the columns in which they are compared."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from bench import registry
from bench.drawing import DDIM
from bench.results import elsewhere, joining, protocol
from bench.results.joined import parts
from bench.results.report.labels import labels
from bench.results.stats import axes, effects
from bench.results.stats.headlines import HEADLINES, NAMES
from bench.results.store import Finished
from bench.types import ALL, ATTACK, ORIGINAL, Option, RunSpec, Score

if TYPE_CHECKING:
    from bench.metrics import Measure, Metric

ARROWS = {"lower": "↓", "higher": "↑"}
"""Which way a column is better."""
HEADINGS = {"share": "", "corrected": "", "leak": "leak into", "pre_asr": "pre-ASR", "asr": "ASR"}
"""Measures by what a column calls them, where that is not their name."""


@dataclass(frozen=True)
class Column:
    """A column of a comparison: one measure, for one role and tag, and which values are better."""

    metric: str
    name: str
    """The score's measure."""
    role: str
    better: str
    """lower, higher or none."""
    unit: str
    measure: Measure | None = None
    """What gives its value for a single image; none for a headline or an effect."""
    tag: str = ""

    @property
    def title(self) -> str:
        """Heading in a table."""
        name = self.name.removeprefix(axes.PREFIX)
        measure = name if name in NAMES else name.replace("_", " ")
        role = "" if self.role in (ALL, ATTACK) else self.role
        words = (HEADINGS.get(self.name, measure), role, self.tag, ARROWS.get(self.better))
        return " ".join(filter(None, words))

    def digits(self, value: float) -> str:
        """Write a value: shares with two decimals, bytes as MB, else three significant digits."""
        if self.unit == "bytes":
            return f"{value / 1e6:,.1f} MB"
        if self.unit.startswith(("share", "probability", "harmonic")):
            return f"{value:.2f}"
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@dataclass(frozen=True)
class Group:
    """Runs of one protocol, which can be compared; un-erased first, flagged ones last."""

    runs: tuple[Finished, ...]
    apart: tuple[str, ...] = ()
    """Why runs that could have been joined with some of these are not, a sentence each."""

    @cached_property
    def spec(self) -> RunSpec:
        """Any spec that says how images were drawn: what differs is no part of the protocol."""
        specs = [run.record.spec for run in self.runs]
        return next((spec for spec in specs if not elsewhere.made(spec)), specs[0])

    @cached_property
    def case(self) -> str:
        """The case whose scores are compared: the only one, or the pool of several."""
        return self.spec.cases[0] if len(self.spec.cases) == 1 else "all"

    @cached_property
    def names(self) -> dict[str, Finished]:
        """The runs by whatever names one: method, label, run id."""
        known = {run.record.spec.method_name: run for run in reversed(self.runs)}
        known |= {self.label(run): run for run in reversed(self.runs)}
        known |= {part.record.spec.run_id: run for run in self.runs for part in parts(run)}
        return known | {run.record.spec.run_id: run for run in self.runs}

    @cached_property
    def unerased(self) -> Finished | None:
        """The un-erased model's run, if it is there."""
        return next((run for run in self.runs if run.record.spec.method == ORIGINAL), None)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics measured, first the one that headlines come from."""
        decides = [str(run.record.provenance.get("decides", "")) for run in self.runs]
        measured = (metric for metric, _, _ in self._measured)
        names = dict.fromkeys(name for name in (*decides, *measured) if name)
        return registry.known_metrics(names)

    @cached_property
    def unconfirmed(self) -> dict[str, str]:
        """The concepts of which some run can say nothing, and why."""
        return {name: why for run in self.runs for name, why in run.record.unconfirmed.items()}

    @cached_property
    def main(self) -> str:
        """The metric that headlines come from; without one, the first."""
        return next(iter(self.metrics))

    @property
    def heading(self) -> str:
        """The protocol in words."""
        spec = self.spec
        cases = ", ".join(spec.cases) if len(spec.cases) < 4 else f"{len(spec.cases)} cases"
        # DDIM is what is meant where nothing is said.
        sampler = f"{spec.sampler}, {spec.precision}".removeprefix(f"{DDIM} ")
        sampler = elsewhere.MARK if elsewhere.made(spec) else sampler
        suite = f"{spec.suite} {spec.suite_version}"
        return f"{suite} · {spec.model} · {spec.size} · {cases} · {sampler}"

    def columns(self, metric: str) -> list[Column]:
        """Return the columns of a metric's table.

        Its main measure on every role, then those of its other measures that have a best value and
        say more than the main one's roles do; what no run was measured on is left out.
        """
        present = self._present.get(metric, set())
        main, *others = self.metrics[metric].measures()
        shown = [main, *(m for m in others if m.shown and m.direction in ARROWS)]
        found = [
            Column(metric, measure.name, role, measure.better(role), measure.unit, measure)
            for measure in shown
            for role in measure.roles
            if (measure.name, role, "") in present
        ]
        attacks = sorted(
            ((name, tag) for name, role, tag in present if role == ATTACK),
            # Before any attack, then after each.
            key=lambda each: (each[0] != "pre_asr", each),
        )
        return found + [
            Column(metric, name, ATTACK, "lower", main.unit, tag=tag) for name, tag in attacks
        ]

    @cached_property
    def _present(self) -> dict[str, set[tuple[str, str, str]]]:
        """By metric, what some run was measured on in the compared case: measure, role and tag."""
        found: dict[str, set[tuple[str, str, str]]] = {}
        for run in self.runs:
            for s in run.record.scores:
                if s.case == self.case and not math.isnan(s.value):
                    found.setdefault(s.metric, set()).add((s.measure, s.role, s.tag))
        return found

    @cached_property
    def _measured(self) -> dict[tuple[str, str, str], None]:
        """Metric, measure and role of every score, in the order of the runs' scores."""
        scores = (score for run in self.runs for score in run.record.scores)
        return dict.fromkeys((s.metric, s.measure, s.role) for s in scores)

    def _metrics_with(self, name: str) -> list[str]:
        found = (metric for metric, measure, _ in self._measured if measure == name)
        return list(dict.fromkeys(found))

    def headlines(self) -> list[Column]:
        """Return the columns of the headline, if the kind of concept has one."""
        known = [headline for some in HEADLINES.values() for headline in some]
        return [
            Column(metric, h.name, ALL, h.better, h.unit)
            for h in known
            for metric in self._metrics_with(h.name)
        ] + self._of_all((axes.OVERALL,))

    def axes(self) -> list[Column]:
        """Return the columns of the axes that some run has, in their order, and of `H_all`."""
        return self._of_all(axes.NAMES)

    def _of_all(self, names: Sequence[str]) -> list[Column]:
        return [
            Column(metric, name, ALL, "higher", "share")
            for name in names
            for metric in self._metrics_with(name)
        ]

    def effects(self) -> list[Column]:
        """Return the columns of effects, relative to what the un-erased model draws."""
        return [
            Column(metric, measure, role, effects.BETTER[name], "share")
            for role, name in (effects.FALLS | effects.STAYS).items()
            for metric, measure, found in self._measured
            if (measure, found) == (effects.relative(name), role)
        ]

    @property
    def repeats(self) -> list[tuple[Finished, ...]]:
        """Runs that differ in the seed of the erasure alone, two or more together."""
        found: dict[str, list[Finished]] = {}
        for run in self.runs:
            same = json.dumps(run.record.spec.to_json() | {"seed": None}, sort_keys=True)
            found.setdefault(same, []).append(run)
        return [tuple(runs) for runs in found.values() if len(runs) > 1]

    def label(self, run: Finished, *, seed: bool = True) -> str:
        """Return the method's name, with what tells it from other runs of the same method.

        Args:
            run: One of the group.
            seed: Whether the seed may tell it.
        """
        return self._labels[seed][run.record.spec.run_id]

    @cached_property
    def _labels(self) -> dict[bool, dict[str, str]]:
        """The labels by run id, with seeds and without."""
        specs = [run.record.spec for run in self.runs]
        return {seed: labels(specs, seed=seed) for seed in (True, False)}

    def score(self, run: Finished, column: Column, case: str = "") -> Score | None:
        """Return a run's score for a column, of the compared case or of another; None if none.

        Args:
            run: One of the group's.
            column: Metric, measure, role and tag that are wanted.
            case: Name of the case; "" for the compared one.
        """
        wanted = (case or self.case, column.metric, column.name, column.role, column.tag)
        return run.by_key.get(wanted)


def groups(runs: Sequence[Finished], *, join: bool = True) -> list[Group]:
    """Return the comparable runs together, the protocol of the latest run first.

    Args:
        runs: Finished runs, of any protocols.
        join: Whether runs that differ in their cases alone are one (`results.joining`).
    """
    shown = joining.shown(runs) if join else joining.Shown(tuple(runs))
    found: dict[str, list[Finished]] = {}
    latest = sorted(shown.runs, key=_finished, reverse=True)
    # Images made elsewhere say less of their protocol, and stand with the first that they fit.
    for run in sorted(latest, key=lambda run: elsewhere.made(run.record.spec)):
        key = protocol.digest(protocol.of_record(run.record))
        if elsewhere.made(run.record.spec):
            fitting = (
                name
                for name, some in found.items()
                if not protocol.differences(some[0].record, run.record)
            )
            key = next(fitting, key)
        found.setdefault(key, []).append(run)
    return [replace(group(some), apart=_apart(some, shown.notes)) for some in found.values()]


def _apart(runs: Sequence[Finished], notes: Sequence[joining.Note]) -> tuple[str, ...]:
    own = {part.record.spec.run_id for run in runs for part in parts(run)}
    return tuple(note.text for note in notes if note.runs & own)


def group(runs: Sequence[Finished]) -> Group:
    """Return these runs as one group, whatever their protocols."""
    return Group(tuple(sorted(runs, key=_order)))


def _finished(run: Finished) -> str:
    return str(run.record.provenance.get("finished", ""))


def _order(run: Finished) -> tuple[object, ...]:
    spec = run.record.spec
    flagged = bool(run.record.flags)
    options = tuple(map(_rank, spec.options.values()))
    return (spec.method != ORIGINAL, flagged, spec.method, options, spec.seed, spec.run_id)


def _rank(value: Option) -> tuple[float, str]:
    """Return what orders the values of an option: numbers by size, words by letter."""
    return (float(value), "") if isinstance(value, int | float) else (math.inf, str(value))
