"""The ranking of a group: a line a run and case, with numbers to sort by and intervals to draw."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.results.report import table
from bench.results.report.groups import Column, Group
from bench.results.store import Finished
from bench.types import ORIGINAL


@dataclass(frozen=True)
class Head:
    """A column's heading: what is in it, and of which role."""

    title: str
    role: str
    """"" for what is of no single role."""


@dataclass(frozen=True)
class Entry:
    """A number of the ranking: as it is printed, as it sorts, and its interval in percent."""

    text: str
    interval: str
    value: float | None
    role: str
    bar: tuple[float, float, float] | None = None
    """Low, length and value of a share, in percent of the cell's width."""


@dataclass(frozen=True)
class Line:
    """A run on a case."""

    label: str
    run_id: str
    method: str
    case: str
    pooled: bool
    """Whether it is of the compared case, the only one or all of several."""
    flags: tuple[str, ...]
    reference: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Ranking:
    """A table of lines below headings."""

    heads: tuple[Head, ...]
    lines: tuple[Line, ...]

    @property
    def cases(self) -> list[str]:
        """The cases of its lines, the compared one first."""
        return list(dict.fromkeys(line.case for line in self.lines))


def ranking(group: Group) -> Ranking:
    """Return the ranking of a group: headlines first, then every metric's rates, then seconds.

    Args:
        group: Runs of one protocol.
    """
    columns = group.headlines() + [c for name in group.metrics for c in group.columns(name)]
    heads = [Head(_title(group, column), _role(column)) for column in columns]
    heads.append(Head("erase (s) ↓", ""))
    cases = list(dict.fromkeys((group.case, *group.spec.cases)))
    lines = [_line(group, run, case, columns) for case in cases for run in group.runs]
    return Ranking(tuple(heads), tuple(lines))


def _line(group: Group, run: Finished, case: str, columns: list[Column]) -> Line:
    spec = run.record.spec
    return Line(
        table.name(group, run),
        spec.run_id,
        spec.method_name,
        case,
        case == group.case,
        run.record.flags,
        spec.method == ORIGINAL,
        tuple(_entries(group, run, case, columns)),
    )


def _entries(group: Group, run: Finished, case: str, columns: list[Column]) -> Iterator[Entry]:
    for column in columns:
        score = group.score(run, column, case)
        cell = table.cell(score, column)
        known = score is not None and not math.isnan(score.value)
        bar = None
        if score is not None and known and not math.isnan(score.low + score.high):
            ends = [score.low, score.high, score.value]
            if all(0 <= each <= 1 for each in ends):
                low, high, middle = (100 * each for each in ends)
                bar = (low, high - low, middle)
        value = score.value if score is not None and known else None
        yield Entry(cell.text, cell.interval, value, _role(column), bar)
    seconds = run.record.seconds.get("erase", math.nan)
    nothing = run.record.spec.method == ORIGINAL or math.isnan(seconds)
    yield Entry("–" if nothing else f"{seconds:.1f}", "", None if nothing else seconds, "")


def _title(group: Group, column: Column) -> str:
    return column.title if column.metric == group.main else f"{column.title} · {column.metric}"


def _role(column: Column) -> str:
    return "" if column.role == "all" else column.role
