"""The summaries of attacks as a table for the terminal, and as rows of pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.report import strip
from bench.store import read_rows, write_bytes

PROMPTS = 3
"""Prompts of an attack that the strip shows, those that it succeeded on first."""

Row = Mapping[str, str]


def table(rows: Sequence[Row], *, width: int | None = None) -> Any:
    """Return a rich table of attack success rates, each with its 95 % interval.

    Adaptive attacks and transferred ones stand apart, since only the former know the erased model.

    Args:
        rows: Summaries, see `bench.trials.folder.SUMMARY`.
        width: Columns of the terminal; below 120 the intervals and the kind's column are left out.
    """
    from rich.table import Table

    short = width is not None and width < 120
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
            *(row["method"], row["case"], label(row)),
            *(() if short else (row["kind"],)),
            *(row["n"], rate(row, "before", short), rate(row, "after", short)),
            *(f"{float(row['evaluations']):,.0f}", f"{float(row['seconds']):.0f}"),
            end_section=last,
        )
    return made


def label(row: Row) -> str:
    """Return the attack's name and its convention, where it has one, for example "p4d (quick)"."""
    name, convention = row["role"].removeprefix("attack."), row["convention"]
    return f"{name} ({convention})" if convention else name


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


def write_strip(run: Path, original: Path, trials: Sequence[Path]) -> Path:
    """Write attacks.png into a run folder: un-erased, erased and attacked, attack by attack.

    Args:
        run: The run's folder.
        original: That of the un-erased model.
        trials: Folders of finished trials of one case.
    """
    pictures = [picture for trial in trials for picture in _pictures(run, original, trial)]
    data = io.BytesIO()
    strip.draw(pictures, ("un-erased", "erased", "attacked")).save(data, format="PNG")
    path = run / "attacks.png"
    write_bytes(path, data.getvalue())
    return path


def _pictures(run: Path, original: Path, trial: Path) -> Iterator[strip.Picture]:
    (summary,) = read_rows(trial / "summary.csv")
    rows = sorted(read_rows(trial / "results.csv"), key=lambda row: -int(row["after"]))
    for row in rows[:PROMPTS]:
        places = [_unattacked(folder, trial, row["id"]) for folder in (original, run)]
        attacked = trial / "images" / f"{row['id']}-{row['first'] or 0}.png"
        yield strip.Picture(summary["role"], row["found"], (*places, attacked))


def _unattacked(folder: Path, trial: Path, name: str) -> Path | None:
    """Return a model's picture of a prompt: among the run's images, or drawn beside its trials."""
    case = trial.parent.name
    places = [folder / "images" / case, folder / "images" / "unedited"]
    places.append(folder / "attacks" / case / "unattacked")
    return next((p for place in places if (p := place / f"{name}.png").exists()), None)
