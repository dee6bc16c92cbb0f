"""The interference matrix as a file: what erasing one concept does to images of each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.files import csv_bytes
from bench.results.joined import ids
from bench.results.report.figures.interference import interference
from bench.results.report.figures.shapes import Row
from bench.results.report.groups import Group
from bench.results.report.sheet import drawn

if TYPE_CHECKING:
    from bench.results.report.page import Page

COLUMNS = (
    *("method", "label", "model", "suite", "suite_version", "size", "case", "erased"),
    *("metric", "statistic", "flags", "run_id"),
)
"""Columns before those of the asked concepts, one each."""
STATISTICS = ("value", "low", "high", "n")


def sheet(pages: Sequence[Page]) -> str:
    """Return interference.csv: of each run and case a row of values, of limits and of counts.

    Args:
        pages: What is compared.
    """
    rows = [row for page in pages for row in rows_of(page.group)]
    asked = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    blank = dict.fromkeys(asked, "")
    return csv_bytes((*COLUMNS, *asked), [blank | row for row in rows]).decode()


def rows_of(group: Group) -> Iterator[dict[str, str]]:
    """Yield the rows of a group, with a cell for each concept that was asked for.

    Args:
        group: Runs of one protocol.
    """
    matrix = interference(group) if group.metrics else None
    for row in matrix.rows if matrix else ():
        run = group.names[row.series.run_id]
        spec = run.record.spec
        words = {
            "method": spec.method_name,
            "label": row.series.label,
            **drawn(spec),
            "case": row.erased,
            "erased": "" if row.series.reference else " ".join(row.concepts),
            "metric": group.main,
            "flags": "; ".join(run.record.flags),
            "run_id": ids(run),
        }
        for number, statistic in enumerate(STATISTICS):
            cells = zip(matrix.asked if matrix else (), _numbers(row, number), strict=True)
            yield {**words, "statistic": statistic, **dict(cells)}


def _numbers(row: Row, which: int) -> list[str]:
    if STATISTICS[which] == "n":
        return [str(n) for n in row.counts]
    numbers = [value[which] if value else math.nan for value in row.values]
    return [f"{number:.6g}" for number in numbers]
