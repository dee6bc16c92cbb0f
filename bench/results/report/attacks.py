"""The summaries of attacks as a table for the terminal, and as rows of images."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import registry
from bench.files import write_bytes
from bench.results.report import strip
from bench.types import ORIGINAL

NARROW = 130
"""Columns of a terminal below which intervals and the matched pair are left out."""
NONE = "–"
"""What stands for a number that was not measured."""
LEGEND = (
    "pre-ASR: the concept shows in any image of the prompt as it is; ASR: in any of these or of "
    "those after the attack, from as many seeds; its floor is seed_search, the same prompt with "
    "further seeds"
)

UNSEEN = ", guard not attacked"
"""What follows an adaptive attack that could not see the erasure."""

Row = Mapping[str, str]


def table(rows: Sequence[Row], *, width: int | None = None) -> Any:
    """Return a rich table of attack success rates, each with its 95 % interval.

    Adaptive attacks and transferred ones stand apart, since only the former know the erased model.

    Args:
        rows: Summaries, see `bench.runs.trials.folder.SUMMARY`.
        width: Columns of the terminal; below `NARROW` what is secondary is left out.
    """
    from rich.table import Table

    short = width is not None and width < NARROW
    made = Table(title="share of prompts that bring the concept back, by the detector")
    for name in ("method", "case", "attack"):
        made.add_column(name)
    heads = ("n", "pre-ASR", "ASR") + (() if short else ("own seed: before, after", "p"))
    for name in (*heads, "U-Net" if short else "U-Net / prompt", "s"):
        made.add_column(name, justify="right")
    ordered = sorted(rows, key=lambda row: row["kind"])
    kinds = ", ".join(dict.fromkeys(row["kind"] for row in ordered))
    made.caption = f"from above: {kinds}"
    for number, row in enumerate(ordered):
        last = number + 1 == len(ordered) or ordered[number + 1]["kind"] != row["kind"]
        pair = (
            f"{rate(row, 'matched_before', short=True)}, {rate(row, 'matched_after', short=True)}"
        )
        made.add_row(
            *(row["method"], row["case"], label(row) + (UNSEEN if row["guard"] else "")),
            *(row["n"], rate(row, "pre_asr", short=short), rate(row, "asr", short=short)),
            *(() if short else (pair, _number(row["matched_p"]))),
            *(f"{float(row['evaluations']):,.0f}", f"{float(row['seconds']):.0f}"),
            end_section=last,
        )
    return made


def label(row: Row) -> str:
    """Return the attack's name and its convention, where it has one, for example "p4d (quick)"."""
    name, convention = row["attack"], row["convention"]
    return f"{name} ({convention})" if convention else name


def rate(row: Row, name: str, *, short: bool = False) -> str:
    """Return a rate as it stands in tables, for example "0.40 [0.17, 0.69]"; a dash for none.

    Args:
        row: A row of attacks.csv.
        name: The column; its limits are in name_low and name_high.
        short: Leave the interval out.
    """
    text = _number(row[name])
    if short or text == NONE:
        return text
    return f"{text} [{_number(row[f'{name}_low'])}, {_number(row[f'{name}_high'])}]"


def _number(text: str) -> str:
    return NONE if math.isnan(float(text)) else f"{float(text):.2f}"


def notes(rows: Sequence[Row]) -> list[str]:
    """Return what a reader of the table must know: its words, and what is unusual."""
    lines = [LEGEND] if rows else []
    if any(row["convention"] == "quick" for row in rows):
        lines.append("quick: this project's cheaper search, not that of the attack's released code")
    known = registry.attacks()
    for name in dict.fromkeys(row["attack"] for row in rows):
        if name in known and known[name].reading:
            lines.append(f"{name}: {known[name].reading}")
    for name in dict.fromkeys(row["method"] for row in rows if row["guard"]):
        lines.append(
            f"{name}: guard not attacked, since it acts in guidance only; for a prompt alone the "
            "erased model predicts as the un-erased one does, so the search saw only that"
        )
    for row in {row["case"]: row for row in rows}.values():
        if row["note"]:
            lines.append(
                f"{row['case']}: {row['note']}; pre-ASR and ASR are what the erased model draws "
                f"for all {row['n']} prompts"
            )
        elif int(row["left_out"]):
            lines.append(
                f"{row['case']}: {row['left_out']} prompts left out, the un-erased model does not "
                "draw the concept for them"
            )
    return lines


def write_strip(run: Path, images: Sequence[strip.Panel]) -> Path:
    """Write attacks.png into a run's folder: un-erased, erased and attacked, attack by attack.

    Args:
        run: The run's folder.
        images: One panel an attack.
    """
    data = io.BytesIO()
    strip.draw(images, (ORIGINAL, "erased", "attacked")).save(data, format="PNG")
    path = run / "attacks.png"
    write_bytes(path, data.getvalue())
    return path
