"""What there is to choose from, as data for programs; see `listing` for people."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from bench import prompts, registry
from bench.attacks import BUDGETS, KINDS
from bench.cli import kinds, protocols
from bench.families import FAMILIES
from bench.models.recognition import MODELS
from bench.names import find
from bench.types import InputError, Suite

if TYPE_CHECKING:
    from bench.metrics import Measure

Data = dict[str, Any]


def catalogue(what: str, kind: str | None = None) -> list[Data]:
    """Return the methods, models, suites, metrics, attacks or protocols that there are.

    Args:
        what: Which of them.
        kind: Only those of this kind, where they have kinds.

    Raises:
        InputError: there is no such list, or it has no such kind.
    """
    kinds.check(find("thing to list", what, LISTS), kind)
    return LISTS[what](kind)


def suite(name: str) -> Data:
    """Return a suite's prompt files, cases with their rows by role, and sizes."""
    found = prompts.suite(name)
    families = ["", *found.family_files]
    paths = dict.fromkeys(path for family in families for path in prompts.paths(found, family))
    rows = dict.fromkeys(row for family in families for row in prompts.rows(found, family))
    return _suite(found) | {
        "prompt_files": [
            {
                "path": path,
                "rows": len(prompts.read(path)),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in paths
        ],
        "cases": [
            {
                "name": case.name,
                "concepts": case.concepts,
                "rows": Counter(row.role for row in rows if row.concept in case.concepts),
            }
            for case in found.cases
        ],
    }


def _methods(kind: str | None) -> list[Data]:
    return [
        _entry(entry) | {"form": entry.form, "needs": entry.needs, "space": entry.space}
        for entry in kinds.entries("methods", kind).values()
    ]


def _metrics(kind: str | None) -> list[Data]:
    found = []
    for entry in registry.metrics().values():
        data = _entry(entry)
        try:
            metric = registry.metric(entry.name)
        except InputError as error:
            if not entry.origin:
                raise
            data["left_out"] = str(error)
        else:
            data |= {"families": metric.families, "kinds": metric.kinds}
            data |= {"measures": list(map(_measure, metric.measures()))}
        found.append(data)
    return found


def _measure(measure: Measure) -> Data:
    # What gives its value is code.
    names = (each.name for each in fields(measure) if each.name != "value")
    return {name: getattr(measure, name) for name in names}


def _attacks(kind: str | None) -> list[Data]:
    return [
        _entry(entry)
        | {"kind": KINDS[entry.adaptive], "reading": entry.reading, "budgets": BUDGETS}
        for entry in kinds.entries("attacks", kind).values()
    ]


def _entry(entry: registry.Entry) -> Data:
    names = ("name", "summary", "paper", "origin", "options", "presets", "preset_sources", "only")
    return {name: getattr(entry, name) for name in names} | {"version": entry.version}


def _models(kind: str | None) -> list[Data]:
    return [
        {"name": name, "family": family, "source": source, "sampler": FAMILIES[family].sampler}
        for name, (family, source) in MODELS.items()
    ]


def _suites(kind: str | None) -> list[Data]:
    known = prompts.suites() | prompts.plugged().known
    return [_suite(each) | {"cases": [case.name for case in each.cases]} for each in known.values()]


def _suite(found: Suite) -> Data:
    names = ("name", "version", "summary", "kind", "metrics", "families", "sizes")
    return {name: getattr(found, name) for name in names}


def _protocols(kind: str | None) -> list[Data]:
    return [asdict(each) for each in protocols.protocols().values()]


LISTS: Mapping[str, Callable[[str | None], list[Data]]] = {
    "methods": _methods,
    "models": _models,
    "suites": _suites,
    "metrics": _metrics,
    "attacks": _attacks,
    "protocols": _protocols,
}
