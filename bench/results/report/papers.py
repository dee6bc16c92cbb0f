"""Published tables as data: their figures, and what a run must have to stand beside them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import Field

from bench import data, prompts, registry
from bench.names import find
from bench.prompts import tables
from bench.prompts.schema import Filled, Table, checked
from bench.results import protocol
from bench.types import Option, RunRecord, RunSpec

FOLDER = data.REPORTS
OF_THE_SUITE = ("suite_version", "prompts_sha256")
"""What differs anyway where the suite does."""


class Protocol(Table):
    """What was drawn, and how: fields of a run's protocol and their published values."""

    model: Filled
    suite: Filled
    suite_version: Filled
    prompts_sha256: Filled
    size: Filled
    sampler: Filled
    steps: int
    guidance: float
    width: int | None = None
    height: int | None = None
    negative_prompt: str = ""
    decides: Filled
    classes: list[Filled]

    def departures(self, record: RunRecord) -> list[str]:
        """Return what of a run's protocol is not the published one, in words."""
        here, there = protocol.of_record(record), self.model_dump()
        other = [name for name in there if here[name] != there[name]]
        hidden = OF_THE_SUITE if "suite" in other else ()
        return [_differs(n, here[n], there[n]) for n in other if n not in hidden]


class Figure(Table):
    """The score of a run beside which a published figure stands, by columns of scores.csv."""

    metric: Filled
    measure: Filled
    role: Filled


class Method(Table):
    """A method of a published table, as one of ours with a preset and settings."""

    method: Filled
    preset: str = ""
    settings: list[str] = Field(default_factory=list)
    indifferent: dict[str, Filled] = Field(default_factory=dict)
    """Options that decide nothing here, each with the reason."""

    def departures(self, spec: RunSpec) -> list[str]:
        """Return which options of a run of this method are not the published ones, in words.

        Raises:
            InputError: the table names a method, preset or option that there is not.
        """
        here, there = dict(spec.options), self._options()
        return [
            _differs(name, here.get(name, "not recorded"), there.get(name, "no option"))
            for name in there | here
            if name not in self.indifferent
            and (name not in there or name not in here or here[name] != there[name])
        ]

    def _options(self) -> dict[str, Option]:
        """Return every option as it was published."""
        known, where = registry.methods(), "in published.toml"
        entry = known[find(f"method {where}", self.method, known)]
        if self.preset:
            find(f"preset of {entry.name} {where}", self.preset, entry.presets)
        found = registry.options(entry, self.preset, self.settings)
        for name in self.indifferent:
            find(f"option of {entry.name} {where}", name, found)
        return found


class Published(Table):
    """A published table: its source, protocol, columns and methods."""

    source: Filled
    table: Filled
    unit: float
    pool: Filled
    """What it calls the average over all cases of the suite."""
    protocol: Protocol
    indifferent: dict[str, Filled]
    """Fields of a run's protocol that are not compared, each with the reason."""
    columns: dict[str, Figure]
    """Its name of a figure, and what in scores.csv measures the same."""
    methods: dict[str, Method]

    @cached_property
    def figures(self) -> Mapping[tuple[str, str, str], str]:
        """The printed values by concept, method and column."""
        with (FOLDER / "published.csv").open(encoding="utf-8", newline="") as file:
            return {
                (row["concept"], row["method"], row["metric"]): row["value"]
                for row in csv.DictReader(file)
                if (row["source"], row["table"]) == (self.source, self.table)
            }

    def named(self, method: str) -> dict[str, Method]:
        """Return what the table calls one of our methods; ESD is two there."""
        return {name: each for name, each in self.methods.items() if each.method == method}

    def concepts(self, spec: RunSpec) -> dict[str, str]:
        """Return what a run erases and the table has figures of: its name there, by our case.

        Several cases are the table's average only where they are all of its suite's.
        """
        known, asked = prompts.suites(), self.protocol.suite
        whole = {case.name for case in known[find("suite in published.toml", asked, known)].cases}
        found = {"all": self.pool} if whole == set(spec.cases) else {}
        found |= {case: case for case in spec.cases}
        printed = {concept for concept, _, _ in self.figures}
        return {case: concept for case, concept in found.items() if concept in printed}

    def is_near(self, spec: RunSpec) -> bool:
        """Return whether a reader might take a run for one that its figures may stand beside."""
        same = spec.model == self.protocol.model or spec.suite == self.protocol.suite
        return same and bool(self.concepts(spec))


def published() -> list[Published]:
    """Read the tables whose figures may be shown, from reports/published.toml.

    Raises:
        InputError: it cannot be used; naming the first key that is missing or unknown.
    """
    path = FOLDER / "published.toml"
    data = tables.toml(path) if path.exists() else {}
    for key in data:
        find(f"key in {path}", key, ["table"])
    return [checked(Published, each, f"{path} [table]") for each in data.get("table", [])]


def _differs(name: str, here: Any, there: Any) -> str:
    one, other = (registry.written(value)[:40] or "''" for value in (here, there))
    return f"{name} is {one}, published {other}"
