"""The foot of every table: how far the detectors behind it can be trusted."""

from __future__ import annotations

import json
from pathlib import Path

from bench import pipelines
from bench.calibration import Calibration, Reading
from bench.confirmation import LOW
from bench.report.groups import Group
from bench.report.table import Cell, Table
from bench.report.terminal import print_table
from bench.store import csv_bytes, to_json, write_bytes
from bench.types import InputError

FOLDER = Path(__file__).resolve().parent.parent.parent / "reports" / "calibration"
NOTHING = "nothing"
"""What a picture shows or a detector sees where there is no concept."""


def path(family: str, kind: str) -> Path:
    """Return where the calibration of a model family and a kind of concept is kept."""
    return FOLDER / f"{family}-{kind}.json"


def write_calibration(calibration: Calibration) -> Path:
    """Keep a calibration where tables find it, with its confusions as CSV, and return the path."""
    file = path(calibration.family, calibration.kind)
    rows = [
        {"metric": reading.metric, "shows": truth or NOTHING, "seen": seen or NOTHING, "n": n}
        for reading in calibration.readings
        for truth, counts in reading.confusion.items()
        for seen, n in counts.items()
    ]
    write_bytes(file.with_suffix(".csv"), csv_bytes(("metric", "shows", "seen", "n"), rows))
    write_bytes(file, to_json(calibration.to_json()))
    return file


def confusion(reading: Reading) -> Table:
    """Return a detector's confusion matrix as a table."""
    seen = {name for counts in reading.confusion.values() for name in counts}
    names = sorted(seen | reading.confusion.keys())
    # Columns by number: as words they would not fit a terminal.
    lines = [
        (
            Cell(f"{number} {truth or NOTHING}"),
            *(Cell(str(reading.confusion.get(truth, {}).get(name, 0) or "·")) for name in names),
        )
        for number, truth in enumerate(names)
    ]
    header = ("shows, then seen as", *map(str, range(len(names))))
    return Table(f"{reading.metric}: {reading.detector}", header, tuple(lines))


def show_calibration(calibration: Calibration) -> None:
    """Print the confusion matrices and what a table's foot will say."""
    from rich.console import Console

    console = Console()
    for reading in calibration.readings:
        print_table(console, confusion(reading))
    console.print(calibration.note(), highlight=False, markup=False)


def notes(group: Group) -> list[str]:
    """Return what is known of the detectors, and of roles that the un-erased model fails."""
    return [_detectors(group), *_unknown(group)]


def _detectors(group: Group) -> str:
    from bench import prompts

    try:
        kind = prompts.suite(group.spec.place("suite")).kind
        file = path(pipelines.family_of(group.spec), kind)
        calibration = Calibration.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return "The detectors were not calibrated for these pictures; `bench calibrate` does it."
    return calibration.note()


def _unknown(group: Group) -> list[str]:
    """Flag roles on which the un-erased model scores low: a low rate then says nothing."""
    if group.unerased is None:
        return ["There is no un-erased run beside these: low rates may say nothing."]
    found = []
    for metric, known in group.metrics.items():
        for column in group.columns(metric):
            score = group.score(group.unerased, column)
            main = known.measures()[0]
            rate = column.name == main.name and main.statistic == "share"
            if rate and score is not None and score.value < LOW:
                found.append(
                    f"{metric} sees the concept in {score.value:.2f} of the un-erased model's "
                    f"{column.role} images: low rates there say nothing."
                )
    return found
