"""Published figures beside measured ones, where a run follows the protocol they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.results.report import papers
from bench.results.report.groups import Column, Group
from bench.results.report.papers import Figure, Published
from bench.results.report.table import Cell, Table, cell, name
from bench.results.store import Finished

FOOT = (
    "These runs have every option, prompt and sampling step of the published ones. The seeds are "
    "ours, and each method's page in methods/ says where its code is not the authors'."
)


@dataclass(frozen=True)
class Match:
    """A run beside a method of a published table."""

    run: Finished
    called: str
    """The method's name in the table, the nearest of them."""
    protocol: Sequence[str]
    """What of the run's protocol is not the published one, in words."""
    options: Sequence[str]
    """The same of its options."""

    @property
    def follows(self) -> bool:
        """Whether the run is as published in everything that decides."""
        return not (self.protocol or self.options)


@dataclass(frozen=True)
class Printed:
    """A published method beside the run that is as published: its figures of one case."""

    run: Finished
    case: str
    called: str
    source: str
    values: Mapping[Column, float]
    """Shares from 0 to 1, by the column that measures the same."""


def printed(group: Group) -> list[Printed]:
    """Return the published figures that stand beside runs, run by run and case by case.

    Args:
        group: Runs of one protocol.
    """
    found = []
    for table in papers.published():
        source = f"{table.source}, {table.table}"
        matches = [match for run in group.runs if (match := _match(table, run)) and match.follows]
        for match in matches:
            for case, concept in table.concepts(group.spec).items():
                texts = {
                    _column(figure): table.figures.get((concept, match.called, title))
                    for title, figure in table.columns.items()
                }
                values = {c: float(text) * table.unit for c, text in texts.items() if text}
                if values:
                    found.append(Printed(match.run, case, match.called, source, values))
    return found


def beside(group: Group) -> tuple[list[Table], list[str]]:
    """Return measured above published figures, and what keeps published ones away from runs.

    A figure stands only beside a run whose protocol and whose options are all those of the table it
    was printed in (reports/published.toml). Of runs that come near to it, a note says what differs.
    """
    shown: list[Table] = []
    notes: list[str] = []
    for published in papers.published():
        found = [match for run in group.runs if (match := _match(published, run)) is not None]
        lines = _lines(published, group, [match for match in found if match.follows])
        if lines:
            title = f"measured here and published in {published.source}, {published.table}"
            shown.append(Table(title, ("method", "erased", *published.columns), lines, (FOOT,)))
        others = {f"{name(group, m.run)} as {m.called}": m for m in found if not m.follows}
        if others:
            whose = f"Figures of {published.source}, {published.table}"
            what = "stand beside some of these runs only" if lines else "are not shown"
            notes.append(f"{whose}, {what}. {_reasons(published, others)}")
    return shown, notes


def _match(published: Published, run: Finished) -> Match | None:
    """Return the run beside the method that it is nearest to; None for one that is far from all."""
    spec = run.record.spec
    known = published.named(spec.method)
    if not known or not published.is_near(spec):
        return None
    options = {called: method.departures(spec) for called, method in known.items()}
    called = min(options, key=lambda each: len(options[each]))
    return Match(run, called, published.protocol.departures(run.record), options[called])


def _lines(
    published: Published, group: Group, found: Sequence[Match]
) -> tuple[tuple[Cell, ...], ...]:
    columns = [_column(each) for each in published.columns.values()]
    lines: list[tuple[Cell, ...]] = []
    for case, concept in published.concepts(group.spec).items():
        for match in found:
            keys = ((concept, match.called, title) for title in published.columns)
            figures = [published.figures.get(key) for key in keys]
            if any(figures):
                scores = (group.score(match.run, column, case) for column in columns)
                measured = map(cell, scores, columns)
                printed = (_printed(figure, published.unit) for figure in figures)
                lines.append((Cell(name(group, match.run)), Cell(concept), *measured))
                lines.append((Cell(f"  {match.called}, published"), Cell(concept), *printed))
    return tuple(lines)


def _reasons(published: Published, others: Mapping[str, Match]) -> str:
    """Say what is not as published: first what holds for all of the runs, then by run."""
    every = dict.fromkeys(text for match in others.values() for text in match.protocol)
    shared = [text for text in every if all(text in match.protocol for match in others.values())]
    sentences = ["; ".join(shared)] if shared else []
    for label, match in others.items():
        own = [*(text for text in match.protocol if text not in shared), *match.options]
        preset = published.methods[match.called].preset if match.options else ""
        if own:
            sentences.append(f"{label}: {'; '.join(own)}{preset and f' (--preset {preset})'}")
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences)


def _column(figure: Figure) -> Column:
    return Column(figure.metric, figure.measure, figure.role, "none", "share")


def _printed(value: str | None, unit: float) -> Cell:
    return Cell("–" if value is None else f"{float(value) * unit:.4g}")
