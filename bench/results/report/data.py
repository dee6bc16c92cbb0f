"""A comparison for programs, which the command line prints as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.results.report.sheet import rows_of

if TYPE_CHECKING:
    from bench.results.report.page import Page


def data(pages: Sequence[Page], left_out: Sequence[str] = ()) -> dict[str, object]:
    """Return the pages for programs: the rows of comparison.csv with all their digits, and tables.

    Args:
        pages: What is compared.
        left_out: Why runs are missing, one sentence each.
    """
    found = [
        {
            "heading": page.heading,
            "scores": list(rows_of(page.group)),
            "tables": [
                {
                    "title": table.title,
                    "header": table.header,
                    "lines": [[cell.full for cell in line] for line in table.lines],
                    "notes": table.notes,
                }
                for table in page.tables
            ],
            "notes": page.notes,
        }
        for page in pages
    ]
    return {"comparisons": found, "left_out": left_out}
