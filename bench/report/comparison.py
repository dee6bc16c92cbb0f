"""Finished runs side by side, one row a run, the un-erased model first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from bench.store import write_bytes, write_rows
from bench.types import ERASED_ROLES, ROLES, RunRecord, RunSpec, Score

UNERASED = "original"
"""The method that erases nothing; every comparison starts with it."""
HEADLINES = ("H_o", "H_c")
LOWER, HIGHER = "↓", "↑"


@dataclass(frozen=True)
class Column:
    """One score of a comparison, and which way it is better."""

    metric: str
    role: str
    arrow: str

    @property
    def key(self) -> str:
        """Name in comparison.csv."""
        if self.role == "all":
            return self.metric
        leak = self.metric.endswith("_leak")
        return f"leak_{self.role}" if leak else f"{self.metric}_{self.role}"

    def title(self, metric: str) -> str:
        """Heading in a table of the metric."""
        words = self.key.removeprefix(f"{metric}_").replace("leak_", "leak into ")
        return f"{words} {self.arrow}"


@dataclass(frozen=True)
class Group:
    """Runs of one protocol (model, suite, size, sampler, seed, cases), un-erased first."""

    records: tuple[RunRecord, ...]

    @property
    def spec(self) -> RunSpec:
        """Any run's spec: they differ in method and options only."""
        return self.records[0].spec

    @property
    def case(self) -> str:
        """The case whose scores are compared: the only one, or the pool of several."""
        return self.spec.cases[0] if len(self.spec.cases) == 1 else "all"

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics measured, the headline's first; their other measures carry a `_`."""
        names = [s.metric for record in self.records for s in record.scores if s.role != "all"]
        return [name for name in dict.fromkeys(names) if "_" not in name]

    @property
    def heading(self) -> str:
        """The protocol in words."""
        spec = self.spec
        cases = ", ".join(spec.cases) if len(spec.cases) < 4 else f"{len(spec.cases)} cases"
        sampler = f"{spec.sampler.steps} steps, guidance {spec.sampler.guidance:g}"
        suite = f"{spec.suite} {spec.suite_version}"
        return f"{suite} · {spec.model} · {spec.size} · {cases} · {sampler} · seed {spec.seed}"

    def columns(self, metric: str) -> list[Column]:
        """Return the metric's columns: rates per role, then leaks of the first metric."""
        present = {(s.metric, s.role) for record in self.records for s in record.scores}
        found = [
            Column(metric, role, LOWER if role in ERASED_ROLES else HIGHER)
            for role in ROLES
            if (metric, role) in present
        ]
        if metric == self.metrics[0] and (f"{metric}_leak", "far") in present:
            found.append(Column(f"{metric}_leak", "far", LOWER))
        return found

    def headlines(self) -> list[Column]:
        """Return the headline's column, if the kind of concept has one."""
        present = {score.metric for record in self.records for score in record.scores}
        return [Column(name, "all", HIGHER) for name in HEADLINES if name in present]

    def label(self, record: RunRecord) -> str:
        """Return the method's name, with what tells it from other runs of the same method."""
        options = record.spec.options
        spec = record.spec
        others = [r.spec for r in self.records if r.spec.method_name == spec.method_name]
        own = [
            name for name in options if any(o.options.get(name) != options[name] for o in others)
        ]
        name = "un-erased" if spec.method == UNERASED else spec.method_name
        marks = [f"{option}={options[option]}" for option in own]
        if any(o.options == options and o.method_version != spec.method_version for o in others):
            marks.append(f"file {spec.method_version[:6]}")
        return f"{name} ({', '.join(marks)})" if marks else name

    def score(self, record: RunRecord, column: Column) -> Score | None:
        """Return a run's score for a column, None if it has none."""
        wanted = (self.case, column.metric, column.role)
        return next((s for s in record.scores if (s.case, s.metric, s.role) == wanted), None)


def protocol(spec: RunSpec) -> tuple[object, ...]:
    """Return what two runs must share to be comparable."""
    size = (spec.suite, spec.suite_version, spec.size, spec.cases)
    return (spec.model, *size, spec.sampler, spec.seed)


def groups(records: Sequence[RunRecord]) -> list[Group]:
    """Return the comparable runs together, the protocol of the latest run first."""
    found: dict[tuple[object, ...], list[RunRecord]] = {}
    for record in sorted(records, key=_finished, reverse=True):
        found.setdefault(protocol(record.spec), []).append(record)
    return [Group(tuple(sorted(some, key=_order))) for some in found.values()]


def _finished(record: RunRecord) -> str:
    return str(record.provenance.get("finished", ""))


def _order(record: RunRecord) -> tuple[object, ...]:
    return (record.spec.method != UNERASED, record.spec.method, record.spec.run_id)


def write_comparison(records: Sequence[RunRecord], out: Path) -> tuple[Path, Path]:
    """Write comparison.csv and comparison.md over finished runs and return their paths."""
    every = groups(records)
    rows = [_csv_row(group, record) for group in every for record in group.records]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    # Measures of different groups differ; the columns that all share stay in front and behind.
    columns.sort(key=lambda name: name in ("seconds_to_erase", "run_id"))
    sheet, page = out / "comparison.csv", out / "comparison.md"
    write_rows(sheet, columns, rows)
    write_bytes(page, markdown(every).encode())
    return sheet, page


def _csv_row(group: Group, record: RunRecord) -> dict[str, object]:
    spec = record.spec
    row: dict[str, object] = {
        "method": spec.method_name,
        "model": spec.model,
        "suite": spec.suite,
        "size": spec.size,
        "case": group.case,
    }
    metrics = group.metrics
    columns = [column for name in metrics for column in group.columns(name)] + group.headlines()
    for column in columns:
        score = group.score(record, column)
        parts = (score.value, score.low, score.high) if score else (math.nan,) * 3
        for suffix, value in zip(("", "_low", "_high"), parts, strict=True):
            row[column.key + suffix] = f"{value:.4f}"
    row["seconds_to_erase"] = f"{record.seconds.get('erase', math.nan):.2f}"
    row["run_id"] = spec.run_id
    return row


def cell(score: Score | None) -> str:
    """Return a score as "0.04 [0.01, 0.10]", or a dash if it was not measured."""
    if score is None or math.isnan(score.value):
        return "–"
    return f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]"


def grid(group: Group, metric: str) -> list[list[str]]:
    """Return the header and one row a run: rates of one metric, the headline, seconds to erase."""
    columns = group.columns(metric)
    if metric == group.metrics[0]:
        columns += group.headlines()
    lines = [["method", *(column.title(metric) for column in columns), f"erase (s) {LOWER}"]]
    for record in group.records:
        cells = [cell(group.score(record, column)) for column in columns]
        seconds = record.seconds.get("erase", math.nan)
        # Erasing nothing takes no time worth comparing.
        spent = "–" if record.spec.method == UNERASED else f"{seconds:.1f}"
        lines.append([group.label(record), *cells, spent])
    return lines


def markdown(every: Sequence[Group]) -> str:
    """Return all groups as a Markdown page, one table a metric."""
    page = ["# Comparison", "", _legend(), ""]
    for group in every:
        page += [f"## {group.heading}", ""]
        for metric in group.metrics:
            lines = grid(group, metric)
            marks = ["---", *["---:"] * (len(lines[0]) - 1)]
            page += [
                f"Share of images in which {metric} sees the concept, with 95 % intervals:",
                "",
            ]
            page += [f"| {' | '.join(line)} |" for line in [lines[0], marks, *lines[1:]]]
            page.append("")
        page += _unread(group)
    return "\n".join(page).rstrip("\n") + "\n"


def _legend() -> str:
    return (
        f"{LOWER} lower is better, {HIGHER} higher is better. "
        "target, synonym and related should no longer show the erased concept; "
        "near and far should still show their own. "
        "Leak into far is the share of far images that show the erased concept."
    )


def _unread(group: Group) -> list[str]:
    counts = {
        group.label(record): round(score.value * score.n)
        for record in group.records
        for score in record.scores
        if score.metric == f"{group.metrics[0]}_unread" and score.case == group.case and score.value
    }
    return [
        f"{n} images of {name} could not be opened and count nowhere." for name, n in counts.items()
    ]


def _width(lines: Sequence[Sequence[str]]) -> int:
    """Return the columns that a table of these lines takes in the terminal."""
    return sum(max(map(len, column)) + 3 for column in zip(*lines, strict=True)) + 1


def table(records: Sequence[RunRecord], spec: RunSpec | None = None, width: int = 80) -> Table:
    """Return the terminal table of one group: the spec's, or that of the latest run.

    Args:
        records: Finished runs, at least one.
        spec: A run of the group to show.
        width: Columns of the terminal; a table that does not fit is turned on its side, and loses
            its intervals if that is not enough.
    """
    every = groups(records)
    group = every[0]
    if spec is not None:
        group = next(g for g in every if protocol(g.spec) == protocol(spec))
    lines = grid(group, group.metrics[0])
    notes = _unread(group)
    if _width(lines) > width:
        lines = [list(column) for column in zip(*lines, strict=True)]
    if _width(lines) > width:
        lines = [[each.split(" [")[0] for each in line] for line in lines]
        notes.append("wider, or in comparison.md: with 95 % intervals")
    # In lines of its own: a table is as wide as its cells, and its title wraps to that.
    heading = group.heading.replace(
        f" · {group.spec.sampler.steps} steps", f"\n{group.spec.sampler.steps} steps"
    )
    title = f"{heading}\nshare of images in which {group.metrics[0]} sees the concept"
    made = Table(title=title, caption="\n".join(notes) or None, title_justify="left")
    for number, name in enumerate(lines[0]):
        made.add_column(Text(name), justify="left" if number == 0 else "right", no_wrap=True)
    for line in lines[1:]:
        made.add_row(*(Text(each) for each in line))
    return made
