"""The ranking of a group: a line a run and case, with numbers to sort by and intervals to draw.

Lines stand by the headline, the best first, below the un-erased model and above what is flagged; a
published method's line stands below that of the run that follows its protocol.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from bench.results.report import published, table
from bench.results.report.groups import Column, Group
from bench.results.report.published import Printed
from bench.results.store import Finished
from bench.types import ALL, ORIGINAL, Score


@dataclass(frozen=True)
class Head:
    """A column's heading: what is in it, and of which role."""

    title: str
    role: str
    """"" for what is of no single role."""
    order: str = ""
    """How lines are sorted by it at first: ascending or descending; "" where they are not."""
    metric: str = ""
    """Whose it is; "" for what is of no metric."""
    further: bool = False
    """Whether it is of another metric than the deciding one: left out until asked for."""


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
    """A run on a case, or a published method beside it."""

    label: str
    run_id: str
    method: str
    case: str
    pooled: bool
    """Whether it is of the compared case, the only one or all of several."""
    flags: tuple[str, ...]
    reference: bool
    entries: tuple[Entry, ...]
    source: str = ""
    """Where its figures were published; "" for what was measured here."""


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
    beside = published.printed(group)
    columns = group.headlines() + [c for name in group.metrics for c in group.columns(name)]
    known = {_key(column) for column in columns}
    further = {_key(c): c for each in beside for c in each.values if _key(c) not in known}
    columns += further.values()
    by = _headline(group, columns)
    heads = [_head(group, column, sorts=column is by) for column in columns]
    heads.append(Head("erase (s) ↓", ""))
    lines: list[Line] = []
    for case in dict.fromkeys((group.case, *group.spec.cases)):
        for run in sorted(group.runs, key=lambda run: _rank(group, run, by, case)):
            lines.append(_line(group, run, case, columns))
            same = [each for each in beside if (each.run, each.case) == (run, case)]
            lines += [_published(group, each, columns) for each in same]
    return Ranking(tuple(heads), tuple(lines))


def _headline(group: Group, columns: Sequence[Column]) -> Column | None:
    """Return the column that lines stand by: the deciding metric's headline, or else its first."""
    ranked = [c for c in columns if c.better in ("lower", "higher")]
    own = (c for c in ranked if c.metric == group.main)
    return next(own, next(iter(ranked), None))


def _rank(group: Group, run: Finished, by: Column | None, case: str) -> tuple[bool, bool, float]:
    score = group.score(run, by, case) if by else None
    value = math.inf
    if by and _known(score):
        value = score.value if by.better == "lower" else -score.value
    return run.record.spec.method != ORIGINAL, bool(run.record.flags), value


def _line(group: Group, run: Finished, case: str, columns: Sequence[Column]) -> Line:
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


def _published(group: Group, printed: Printed, columns: Sequence[Column]) -> Line:
    values = {_key(column): value for column, value in printed.values.items()}
    entries = []
    for column in columns:
        value = values.get(_key(column))
        text = "–" if value is None else column.digits(value)
        entries.append(Entry(text, "", value, _role(column)))
    spec = printed.run.record.spec
    return Line(
        f"{printed.called}, published",
        "",
        spec.method_name,
        printed.case,
        printed.case == group.case,
        (),
        spec.method == ORIGINAL,
        (*entries, Entry("–", "", None, "")),
        printed.source,
    )


def _entries(group: Group, run: Finished, case: str, columns: Sequence[Column]) -> Iterator[Entry]:
    for column in columns:
        score = group.score(run, column, case)
        cell = table.cell(score, column)
        bar = None
        if _known(score) and not math.isnan(score.low + score.high):
            ends = [score.low, score.high, score.value]
            if all(0 <= each <= 1 for each in ends):
                low, high, middle = (100 * each for each in ends)
                bar = (low, high - low, middle)
        value = score.value if _known(score) else None
        yield Entry(cell.text, cell.interval, value, _role(column), bar)
    seconds = run.record.seconds.get("erase", math.nan)
    nothing = run.record.spec.method == ORIGINAL or math.isnan(seconds)
    yield Entry("–" if nothing else f"{seconds:.1f}", "", None if nothing else seconds, "")


def _known(score: Score | None) -> TypeGuard[Score]:
    return score is not None and not math.isnan(score.value)


def _key(column: Column) -> tuple[str, str, str, str]:
    return column.metric, column.name, column.role, column.tag


def _head(group: Group, column: Column, *, sorts: bool) -> Head:
    other = "" if column.metric == group.main else f" · {column.metric}"
    order = {"lower": "ascending", "higher": "descending"}.get(column.better, "")
    title, order = f"{column.title}{other}", order if sorts else ""
    return Head(title, _role(column), order, column.metric, further=bool(other))


def _role(column: Column) -> str:
    return "" if column.role == ALL else column.role
