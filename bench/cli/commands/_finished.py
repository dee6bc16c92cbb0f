"""What commands that draw finished runs share: their runs, read as one group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.types import ORIGINAL, InputError

if TYPE_CHECKING:
    from bench.results.report.groups import Group
    from bench.results.store import Finished


def group(paths: Sequence[Path], *, of_cases: bool = False) -> Group:
    """Return runs of one protocol as a group, with un-erased ones that lie beside them.

    Args:
        paths: Folders of finished runs.
        of_cases: Whether each is wanted as it is, whatever its cases; else those that differ in
            their cases alone are one.

    Raises:
        InputError: one is none, cannot be read, or has another protocol than the first.
    """
    from bench.results import protocol, report, store, unerased

    for path in paths:
        if not (path / "record.json").exists():
            raise InputError(f"{path} is no finished run: it has no record.json")
    found = store.read(dict.fromkeys(path.resolve() for path in paths))
    if found.problems:
        raise InputError("; ".join(found.problems))
    runs = list(found.runs)
    if not any(_is_original(run) for run in runs):
        own = runs[:1] if of_cases else runs
        known = unerased.beside(own)
        same = [unerased.of(run, known) for run in own]
        runs += {run.record.spec.run_id: run for run in same if run}.values()
    groups = [report.group(runs)] if of_cases else report.groups(runs)
    check(groups, runs, differ=protocol.OF_CASES if of_cases else ())
    return groups[0]


def check(
    groups: Sequence[Group], asked: Sequence[Finished], *, differ: Sequence[str] = (), way: str = ""
) -> None:
    """Refuse runs of different protocols.

    Args:
        groups: Finished runs as they are compared, joined where they are one.
        asked: The runs in the order in which they are spoken of.
        differ: Fields of the protocol in which they may differ.
        way: What is said of the way out.

    Raises:
        InputError: one has another protocol than the first.
    """
    from bench.results import protocol
    from bench.results.joined import called, parts

    place = {run.record.spec.run_id: number for number, run in enumerate(asked)}
    shown = [run for group in groups for run in group.runs]
    first, *others = sorted(
        shown, key=lambda run: min(place[part.record.spec.run_id] for part in parts(run))
    )
    for other in others:
        fields = protocol.differences(first.record, other.record, differ)
        if fields:
            names = f"{called(first)} and {called(other)}"
            raise InputError(f"{names} have different protocols ({'; '.join(fields)}){way}")


def _is_original(run: Finished) -> bool:
    return run.record.spec.method == ORIGINAL
