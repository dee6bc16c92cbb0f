"""What a comparison reads and looks up does not grow with the runs, but for the runs' own files."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bench import cli
from bench.runs import plan
from bench.runs.resolved import Resolved

from .. import synthetic
from ..conftest import WriteSuite


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often is done what takes time."""
    found = Counter[str]()

    def count(where: Any, name: str) -> None:
        does: Callable[..., Any] = getattr(where, name)

        def counted(*args: Any, **named: Any) -> Any:
            found[name] += 1
            return does(*args, **named)

        monkeypatch.setattr(where, name, counted)

    count(ast, "parse")
    count(tomllib, "loads")
    count(import_module("bench.prompts.rows"), "checked")
    count(import_module("bench.results.report.groups"), "labels")
    count(import_module("bench.results.report.differences"), "_values")
    return found


def test_comparing_more_runs_parses_and_validates_no_more(
    write_suite: WriteSuite, tmp_path: Path, counts: Counter[str]
) -> None:
    suite = str(write_suite(tmp_path / "suite", metrics=("judge", "clip")))
    original, uce = plan.specs(["uce"], model="mini", suite=suite, size="tiny", steps=2)
    found: list[Counter[str]] = []
    for many in (3, 9):
        out = tmp_path / str(many)
        runs = [replace(uce, options={**uce.options, "lamb": float(i)}) for i in range(many)]
        synthetic.write(out, [original, *runs])
        counts.clear()
        assert cli.main(["compare", "--out", str(out), "--json"]) == 0
        found.append(counts.copy())
    few, more = found
    # Runs of one version of a suite: the table of one copy is read.
    for name in ("parse", "checked", "loads"):
        assert more[name] <= few[name], name
    # The labels of all runs at once, with seeds and without.
    assert (few["labels"], more["labels"]) == (2, 2)
    # The baseline's images are read once, beside those of 3 and of 9 runs.
    assert few["_values"] * (1 + 9) == more["_values"] * (1 + 3)


def test_a_plan_of_more_methods_chooses_prompts_once(
    write_suite: WriteSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench import prompts
    from bench.runs import chosen

    suite = str(write_suite(tmp_path / "suite"))
    taken: list[str] = []
    select = prompts.select

    def counted(*args: Any) -> Any:
        taken.append(args[1].name)
        return select(*args)

    chosen.chosen_once.cache_clear()
    monkeypatch.setattr(chosen.prompts, "select", counted)
    specs = plan.specs(["uce", "esd", "mace"], model="mini", suite=suite, size="tiny")
    assert [len(Resolved(spec).prompts["airplane"]) for spec in specs] == [4] * 4
    assert taken == ["airplane"]
