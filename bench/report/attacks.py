"""The summaries of attacks as a table for the terminal, and as rows of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, str]


def table(rows: Sequence[Row], *, width: int | None = None) -> Any:
    """Return a rich table of attack success rates, each with its 95 % interval.

    Adaptive attacks and transferred ones stand apart, since only the former know the erased model.

    Args:
        rows: Summaries, see `bench.trials.folder.SUMMARY`.
        width: Columns of the terminal; below 100 the intervals and the kind's column are left out.
    """
    from rich.table import Table

    short = width is not None and width < 100
    made = Table(title="share of prompts that bring the concept back, by the detector")
    for name in ("method", "case", "attack") + (() if short else ("kind",)):
        made.add_column(name)
    for name in ("n", "before", "after", "U-Net" if short else "U-Net / prompt", "s"):
        made.add_column(name, justify="right")
    ordered = sorted(rows, key=lambda row: row["kind"])
    if short:
        made.caption = "from above: " + ", ".join(dict.fromkeys(row["kind"] for row in ordered))
    for number, row in enumerate(ordered):
        last = number + 1 == len(ordered) or ordered[number + 1]["kind"] != row["kind"]
        made.add_row(
            *(row["method"], row["case"], row["role"].removeprefix("attack.")),
            *(() if short else (row["kind"],)),
            *(row["n"], rate(row, "before", short), rate(row, "after", short)),
            *(f"{float(row['evaluations']):,.0f}", f"{float(row['seconds']):.0f}"),
            end_section=last,
        )
    return made


def rate(row: Row, moment: str, short: bool = False) -> str:
    """Return a rate as it stands in tables, for example "0.40 [0.17, 0.69]"."""
    value, low, high = (float(row[moment + end]) for end in ("", "_low", "_high"))
    return f"{value:.2f}" if short else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def left_out(rows: Sequence[Row]) -> list[str]:
    """Return a line for each case of which prompts were left out."""
    counts = {row["case"]: int(row["left_out"]) for row in rows}
    return [
        f"{case}: {count} prompts left out, the un-erased model does not draw the concept for them"
        for case, count in counts.items()
        if count
    ]
