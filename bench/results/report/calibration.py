"""How far the detectors behind a table can be trusted: its foot, and rates corrected by it."""

from __future__ import annotations

import math
import shlex

from bench import prompts, terminal
from bench.families import FAMILIES
from bench.models import recognition
from bench.names import typed
from bench.results import calibrations
from bench.results.calibrations import NOTHING
from bench.results.report.groups import Column, Group
from bench.results.report.table import Cell, Table, lines_of
from bench.results.report.terminal import print_table
from bench.results.stats.aggregate import CORRECTED
from bench.results.stats.calibration import Calibration, Reading
from bench.results.stats.confirmation import LOW
from bench.types import InputError

NONE = "The detectors were not calibrated for these images; `{}` does it{}."


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
    console = terminal.console()
    for reading in calibration.readings:
        print_table(console, confusion(reading))
    console.print(calibration.note())


def corrected(group: Group, metric: str) -> Table | None:
    """Return the table of a metric's rates corrected for its errors, None where it has none.

    Args:
        group: The runs to compare.
        metric: Name of the metric.
    """
    main = group.metrics[metric].measures()[0]
    scores = [s for run in group.runs for s in run.record.scores if s.case == group.case]
    there = [
        s
        for s in scores
        if (s.metric, s.measure, s.tag) == (metric, CORRECTED, "") and s.role in main.roles
    ]
    if not there:
        return None
    columns = [
        Column(metric, CORRECTED, role, main.better(role), main.unit)
        for role in main.roles
        if any(score.role == role for score in there)
    ]
    titles = [column.title for column in columns]
    title = (
        f"{metric}, corrected for its own errors: the share of images that truly show the concept, "
        "with intervals that hold what is uncertain of detector and images"
    )
    lost = any(math.isnan(score.value) and score.n for score in there)
    notes = (f"– : {metric} sees the concept no more often where it is than where it is not.",)
    lines = tuple(map(tuple, lines_of(group, columns)))
    return Table(title, ("method", *titles), lines, notes * lost, name=CORRECTED)


def notes(group: Group) -> list[str]:
    """Return what is known of the detectors, and of roles that the un-erased model fails."""
    return [*_detectors(group), *_unknown(group)]


def _detectors(group: Group) -> list[str]:
    facts = [run.record.provenance for run in group.runs]
    detectors: dict[str, str] = {}
    for each in facts:
        detectors |= {**each.get("detectors", {}), **each.get("scored_again", {})}
    try:
        kind = group.runs[0].kind
    except InputError:
        return [_way(group)]
    rows = group.runs[0].images
    looked = calibrations.Looked(
        family=recognition.family_of(group.spec),
        kind=kind,
        detectors={name: detectors[name] for name in group.metrics if name in detectors},
        concepts={row["concept"] for row in rows} - {""},
        choices=facts[0].get("classes", ()),
    )
    found, problems = calibrations.holding(looked)
    known = [found.note()] if found else []
    return [*known, *problems] or [_way(group)]


def _way(group: Group) -> str:
    """Return what is said where nothing is known of the detectors, with the command that asks."""
    run = group.runs[0]
    own = prompts.suites()
    words = ["calibrate", "--model", group.spec.model]
    if group.spec.suite in own:
        words += ["--suite", group.spec.suite]
    elif run.folder.suite_table.is_file():
        words += ["--suite", str(run.folder.suite_path)]
    command = typed(shlex.join(words))
    rendered = FAMILIES[recognition.family_of(group.spec)].world == "rendered"
    return NONE.format(command, "" if rendered else " with --images and --prompts")


def _unknown(group: Group) -> list[str]:
    """Flag roles on which the un-erased model scores low: a low rate then says nothing."""
    if group.unerased is None:
        # Of images made elsewhere they may have been looked at without being a run.
        if all(run.record.provenance.get("original") for run in group.runs):
            return []
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
