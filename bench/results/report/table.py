"""A comparison as a table of cells, before anything decides how it looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.results import elsewhere
from bench.results.report.groups import ARROWS, Column, Group
from bench.results.stats import repeats
from bench.results.stats.aggregate import UNREAD
from bench.results.stats.effects import FALLS, STAYS
from bench.results.store import Finished
from bench.types import ALL, ORIGINAL, Score

EMPTY = "Nothing was measured."
"""What is printed in place of a table without lines or columns."""
SPREAD = (
    "± is the standard deviation over the seeds of the erasure; it says nothing of the prompts."
)
"""What is said below a table with means over seeds."""
SOME = 5
"""Concepts that a note names."""


@dataclass(frozen=True)
class Cell:
    """One number of a table, or a word."""

    text: str
    """What stands there, without the interval."""
    interval: str = ""
    """For example "[0.01, 0.10]"."""
    half: str = ""
    """Half the interval's width, for example "± 0.05"."""
    rank: int = 0
    """1 for the best of its column, 2 for the second, else 0."""

    @property
    def full(self) -> str:
        """The number with its interval."""
        return f"{self.text} {self.interval}".rstrip()


@dataclass(frozen=True)
class Table:
    """A header, lines of equally many cells, and notes below."""

    title: str
    header: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    name: str = ""
    """What a column of it is asked by, `clip:target`; "" where none can be."""
    over: tuple[str, ...] = ()
    """What stands above each heading, where columns come from several tables."""

    @property
    def headings(self) -> tuple[str, ...]:
        """The header, each heading with what stands above it."""
        if not self.over:
            return self.header
        pairs = zip(self.over, self.header, strict=True)
        return tuple(f"{above}: {text}" if above else text for above, text in pairs)

    @property
    def empty(self) -> bool:
        """Whether it has no line, or no column beside the first: then `EMPTY` stands for it."""
        return not self.lines or len(self.header) < 2


def scores(group: Group, metric: str) -> Table:
    """Return a metric's table: one line a run, and one for the mean of runs of several seeds.

    That of the main metric has headlines and seconds.

    Args:
        group: The runs to compare.
        metric: Name of the metric.
    """
    main = metric == group.main
    columns = group.columns(metric) + (group.headlines() if main else [])
    header = ["method", *(column.title for column in columns)]
    lines = lines_of(group, columns)
    if main:
        header.append(f"erase (s) {ARROWS['lower']}")
        for line, run in zip(lines, group.runs, strict=True):
            line.append(_seconds(run))
    for runs in group.repeats:
        line = [Cell(_repeated(group, runs)), *(_mean(group, runs, column) for column in columns)]
        lines.append(line + [_mean_seconds(runs)] * main)
    what = group.metrics[metric].measures()[0]
    title = f"{metric}: {what.what} ({what.unit})"
    notes = [*_unread(group, metric), *[SPREAD] * bool(group.repeats)]
    return Table(title, tuple(header), tuple(map(tuple, lines)), tuple(notes), name=metric)


def effects(group: Group) -> Table | None:
    """Return the table of effects, or None where no un-erased run stands beside these."""
    columns = group.effects()
    if not columns:
        return None
    titles = [
        f"{(FALLS | STAYS)[column.role]} {column.role} {ARROWS[column.better]}"
        for column in columns
    ]
    title = (
        "effects, over prompts whose un-erased image shows the concept: efficacy and generality "
        "are the shares that no longer do, residue and specificity those that still do"
    )
    # Of the un-erased model itself every effect is known by construction.
    lines = [
        tuple(line)
        for line, run in zip(lines_of(group, columns), group.runs, strict=True)
        if run.record.spec.method != ORIGINAL
    ]
    return Table(title, ("method", *titles), tuple(lines), name="effects")


def lines_of(group: Group, columns: Sequence[Column]) -> list[list[Cell]]:
    """Return one line a run for these columns, the best of each column marked.

    Args:
        group: The runs to compare.
        columns: In order, after the run's name.
    """
    lines = [
        [Cell(name(group, run)), *(cell(group.score(run, column), column) for column in columns)]
        for run in group.runs
    ]
    for place, column in enumerate(columns, start=1):
        _rank(lines, group, place, column)
    return lines


def cell(score: Score | None, column: Column) -> Cell:
    """Return a score as a cell, a dash if it was not measured.

    Args:
        score: The run's; None if it has none.
        column: Says how many digits are shown.
    """
    if score is None or math.isnan(score.value):
        return Cell("–")
    if math.isnan(score.low):
        return Cell(column.digits(score.value))
    interval = f"[{column.digits(score.low)}, {column.digits(score.high)}]"
    half = f"± {column.digits((score.high - score.low) / 2)}"
    return Cell(column.digits(score.value), interval, half)


def _repeated(group: Group, runs: Sequence[Finished]) -> str:
    seeds = ", ".join(str(run.record.spec.seed) for run in runs)
    return f"{group.label(runs[0], seed=False)}, mean of seeds {seeds} {_marks(runs)}".rstrip()


def _mean(group: Group, runs: Sequence[Finished], column: Column) -> Cell:
    """Return the mean of some seeds with their standard deviation."""
    values = [score.value if score else math.nan for score in _scores(group, runs, column)]
    mean, spread = repeats.mean_and_spread(values)
    return Cell("–" if math.isnan(mean) else f"{column.digits(mean)} ± {column.digits(spread)}")


def _mean_seconds(runs: Sequence[Finished]) -> Cell:
    mean, spread = repeats.mean_and_spread([r.record.seconds.get("erase", math.nan) for r in runs])
    return Cell("–") if math.isnan(mean) else Cell(f"{mean:.1f} ± {spread:.1f}")


def _scores(group: Group, runs: Sequence[Finished], column: Column) -> list[Score | None]:
    return [group.score(run, column) for run in runs]


def name(group: Group, run: Finished) -> str:
    """Return a run's name in a table, marked if it is flagged and if it has concepts left out.

    Args:
        group: The runs to compare.
        run: One of them.
    """
    return f"{group.label(run)} {_marks([run])}".rstrip()


def _marks(runs: Sequence[Finished]) -> str:
    flagged = any(run.record.flags for run in runs)
    return "†" * flagged + "‡" * any(run.record.unconfirmed for run in runs)


def flagged(group: Group) -> list[str]:
    """Return a note on each run that is flagged and therefore not ranked."""
    return [
        f"† {group.label(run)} is not ranked: {'; '.join(run.record.flags)}."
        for run in group.runs
        if run.record.flags
    ]


FORMS = {
    "adapter": "Of the form adapter, which adds tensors to the model",
    "inference": "Of the form inference, which leaves the weights as they were and acts while "
    "drawing",
}
"""What an erasure does that is no set of weights for a plain diffusers pipeline."""


def forms(group: Group) -> list[str]:
    """Return a note on the runs of each form that does not load into a plain pipeline."""
    found: dict[str, list[str]] = {}
    for run in group.runs:
        found.setdefault(str(run.record.provenance.get("form", "")), []).append(group.label(run))
    return [f"{what}: {', '.join(found[form])}." for form, what in FORMS.items() if form in found]


def made_elsewhere(group: Group) -> list[str]:
    """Return a note on the runs whose images were made elsewhere: what is not known of them."""
    found = [run for run in group.runs if elsewhere.made(run.record.spec)]
    if not found:
        return []
    blind = [run for run in found if not run.record.provenance.get("original")]
    names = ", ".join(group.label(run) for run in found)
    notes = [
        f"{names}: sampler, guidance, precision and noise are those of whoever drew the images, "
        "and not known here."
    ]
    if blind:
        names = ", ".join(group.label(run) for run in blind)
        notes.append(
            f"{names}: scored without the un-erased model's images, so nothing is said relative to "
            "them, and a collapse goes unnoticed."
        )
    return notes


def left_out(group: Group) -> list[str]:
    """Return a note on the concepts of which nothing can be said, together by why."""
    reasons: dict[str, list[str]] = {}
    for concept, why in group.unconfirmed.items():
        reasons.setdefault(why, []).append(concept)
    found = []
    for why, names in reasons.items():
        more = f" and {len(names) - SOME} more" if len(names) > SOME else ""
        found.append(
            f"‡ No statement is possible on {', '.join(names[:SOME])}{more}: {why}. Headlines and "
            "effects leave such images out, and rates that count them are not ranked."
        )
    return found


def _unread(group: Group, metric: str) -> list[str]:
    found = []
    for run in group.runs:
        for score in run.record.scores:
            wanted = (group.case, metric, UNREAD, ALL, "")
            if score.key == wanted and score.value > 0:
                count = f"{round(score.value * score.n)} images of {group.label(run)}"
                found.append(f"{count} were not read by {metric} and count nowhere.")
    return found


def _seconds(run: Finished) -> Cell:
    seconds = run.record.seconds.get("erase", math.nan)
    # Erasing nothing takes no time worth comparing.
    none = run.record.spec.method == ORIGINAL or math.isnan(seconds)
    return Cell("–" if none else f"{seconds:.1f}")


def _rank(lines: list[list[Cell]], group: Group, place: int, column: Column) -> None:
    """Mark the best and the second of a column; equal as printed is equal in rank."""
    sign = {"lower": 1, "higher": -1}.get(column.better)
    found: dict[int, float] = {}
    for number, run in enumerate(group.runs):
        score = group.score(run, column)
        competes = run.record.spec.method != ORIGINAL and not run.record.flags
        # A rate that counts images of which nothing can be said is no merit.
        competes = competes and not (column.measure and run.record.unconfirmed)
        if sign and competes and score is not None and not math.isnan(score.value):
            # Equal as printed: to that many digits.
            found[number] = sign * float(column.digits(score.value).split()[0].replace(",", ""))
    if len(found) < 2:
        return
    best = sorted(set(found.values()))[:2]
    for number, value in found.items():
        if value in best:
            marked = replace(lines[number][place], rank=best.index(value) + 1)
            lines[number][place] = marked
