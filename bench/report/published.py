"""Published figures beside measured ones, where a run follows the protocol they come from."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.report.groups import Column, Group
from bench.report.table import Cell, Table, cell, name
from bench.types import RunSpec

FOLDER = Path(__file__).resolve().parent.parent.parent / "reports"


def tables(group: Group) -> list[Table]:
    """Return a table for each published one that these runs follow: measured above published.

    A figure stands only where model, suite, size, sampler, method and its options are those of the
    table it was printed in (reports/published.toml), so most groups have none.
    """
    return [made for table in _tables() if (made := _table(table, group)) is not None]


def _table(table: Mapping[str, Any], group: Group) -> Table | None:
    if not _fits(table["protocol"], group.spec):
        return None
    figures, columns = _figures(table), [_column(*each) for each in table["columns"].items()]
    concept = table["pool"] if group.case == "all" else group.case
    lines = []
    for method, asked in table["methods"].items():
        printed = [figures.get((concept, method, title)) for title in table["columns"]]
        for run in group.runs:
            if _is(asked, run.record.spec) and any(printed):
                cells = [cell(group.score(run, column), column) for column in columns]
                lines.append((Cell(name(group, run)), *cells))
                cells = [_printed(value, table["unit"]) for value in printed]
                lines.append((Cell(f"  {method}, published"), *cells))
    source = f"{table['source']}, {table['table']}"
    header = ("method", *table["columns"])
    return (
        Table(f"measured here and published in {source}", header, tuple(lines)) if lines else None
    )


def _column(title: str, score: str) -> Column:
    metric, role = score.split()
    return Column(metric, role, "none", "share")


def _printed(value: str | None, unit: float) -> Cell:
    return Cell("–" if value is None else f"{float(value) * unit:.4g}")


def _tables() -> list[dict[str, Any]]:
    path = FOLDER / "published.toml"
    return list(tomllib.loads(path.read_text(encoding="utf-8"))["table"]) if path.exists() else []


def _fits(asked: Mapping[str, Any], spec: RunSpec) -> bool:
    sampler = {"steps": spec.sampler.steps, "guidance": spec.sampler.guidance}
    there = {"model": spec.model, "suite": spec.suite, "size": spec.size, **sampler}
    return all(there[name] == value for name, value in asked.items())


def _is(asked: Mapping[str, Any], spec: RunSpec) -> bool:
    options = {name: value for name, value in asked.items() if name != "method"}
    return asked["method"] == spec.method and all(
        spec.options.get(name) == value for name, value in options.items()
    )


def _figures(table: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    with (FOLDER / "published.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["concept"], row["method"], row["metric"]): row["value"]
            for row in csv.DictReader(file)
            if (row["source"], row["table"]) == (table["source"], table["table"])
        }
