"""A comparison as a wide CSV: one row a run, and three columns a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.files import csv_bytes
from bench.results.report.sheet import rows_of
from bench.results.report.table import EMPTY

if TYPE_CHECKING:
    from bench.results.report.page import Page

RUN = (
    *("method", "made", "model", "suite", "suite_version", "size", "precision", "case", "seed"),
    *("seconds_to_erase", "flags", "unconfirmed", "run_id"),
)
"""Columns that say which run a row is; those of scores follow."""


def wide(pages: Sequence[Page]) -> str:
    """Return one CSV with a row a run, or the mean over some seeds of an erasure.

    A score's columns are `METRIC_MEASURE_ROLE` or `METRIC_MEASURE_ROLE_TAG`, and the same with
    `_low` and `_high` for its 95 % interval; empty where a run was not measured so.

    Args:
        pages: What is compared.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for page in pages:
        for row in rows_of(page.group):
            key = (row["run_id"], row["case"])
            first = {name: row[name] for name in RUN} | {
                "seconds_to_erase": f"{row['seconds_to_erase']:.2f}"
            }
            name = _column(row)
            rows.setdefault(key, first).update(
                {
                    name: f"{row['value']:.6g}",
                    f"{name}_low": f"{row['low']:.6g}",
                    f"{name}_high": f"{row['high']:.6g}",
                }
            )
    if not rows:
        return csv_bytes(("note",), [{"note": EMPTY}]).decode()
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    empty = dict.fromkeys(columns, "")
    return csv_bytes(columns, [empty | row for row in rows.values()]).decode()


def _column(row: Mapping[str, Any]) -> str:
    return "_".join(filter(None, (row["metric"], row["measure"], row["role"], row["tag"])))
