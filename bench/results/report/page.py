"""Everything that is said of one group of runs: its tables and what must be known to read them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.results import protocol
from bench.results.joined import parts
from bench.results.report import axes, calibration, published
from bench.results.report.differences import differences
from bench.results.report.distances import distances
from bench.results.report.groups import Group
from bench.results.report.table import (
    Table,
    effects,
    flagged,
    forms,
    left_out,
    made_elsewhere,
    scores,
)


@dataclass(frozen=True)
class Page:
    """A heading, tables, and notes that hold for all of them."""

    group: Group
    tables: tuple[Table, ...]
    notes: tuple[str, ...]

    @property
    def heading(self) -> str:
        """The protocol in words."""
        return self.group.heading


def page(
    group: Group, *, baseline: str | None = None, metric: str | None = None, tested: bool = True
) -> Page:
    """Return the page of a group: its tables, and the notes that a reader needs.

    Args:
        group: Runs of one protocol.
        baseline: Method, label or id of the run that the others are tested against, and from
            which their distances are taken; nothing is tested where the group has none of that
            name; None is the un-erased model, from which no distance is.
        metric: The only metric to show; None shows all.
        tested: Whether there are tables of effects and differences, or of scores alone.
    """
    names = [name for name in group.metrics if metric in (None, name)]
    against = group.names.get(baseline) if baseline else group.unerased
    tables: list[Table] = []
    for name in names:
        tables.append(scores(group, name))
        relative = effects(group) if name == group.main and tested else None
        if relative:
            tables.append(relative)
        profile = axes.table(group) if name == group.main and tested else None
        if profile:
            tables.append(profile)
        # Beside every metric's own table it would be one more to read.
        truer = (
            calibration.corrected(group, name) if tested and name in (names[0], metric) else None
        )
        if truer:
            tables.append(truer)
        compared = differences(group, name, against) if against and tested else None
        if compared:
            tables.append(compared)
    far = distances(group, against) if against and baseline and not metric and tested else None
    if far:
        tables.append(far)
    tables = tables or [Table("scores", ("method",), ())]
    printed, missing = published.beside(group)
    tables += printed
    notes = (*_mixed(group), *_own(group), *flagged(group), *left_out(group), *forms(group))
    notes += (*made_elsewhere(group), *missing, *calibration.notes(group))
    notes += (*_joined(group), *group.apart)
    return Page(group, tuple(tables), notes)


def _own(group: Group) -> list[str]:
    """Say how many images are drawn by what their rows say, in place of the heading's sampler."""
    found = dict.fromkeys(str(run.record.provenance.get("own_settings", "")) for run in group.runs)
    return [
        f"Images that are drawn with settings of their own, as the prompt file says: {each}."
        for each in found
        if each
    ]


def _joined(group: Group) -> list[str]:
    """Say which runs are several of other cases each, taken for one."""
    counts = {group.label(run): len(parts(run)) for run in group.runs if len(parts(run)) > 1}
    if not counts:
        return []
    names = ", ".join(f"{name} ({count} runs)" for name, count in counts.items())
    return [
        f"Joined of runs that differ in their cases alone, as if these had run at once: {names}."
    ]


def _mixed(group: Group) -> list[str]:
    """Say what differs where runs of different protocols were put together."""
    first = group.runs[0].record
    fields = dict.fromkeys(
        text for run in group.runs[1:] for text in protocol.differences(first, run.record)
    )
    return [f"These runs have different protocols: {'; '.join(fields)}."] if fields else []
