"""What commands that draw finished runs share: their runs, read as one group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.types import ORIGINAL, InputError

if TYPE_CHECKING:
    from bench.results.report.groups import Group
    from bench.results.store import Finished


def group(paths: Sequence[Path], differ: Sequence[str] = ()) -> Group:
    """Return runs of one protocol as a group, with the un-erased one that lies beside the first.

    Args:
        paths: Folders of finished runs.
        differ: Fields of the protocol in which they may differ.

    Raises:
        InputError: one is none, cannot be read, or has another protocol than the first.
    """
    from bench.results import protocol, report, store

    for path in paths:
        if not (path / "record.json").is_file():
            raise InputError(f"{path} is no finished run: it has no record.json")
    found = store.read(dict.fromkeys(path.resolve() for path in paths))
    if found.problems:
        raise InputError("; ".join(found.problems))
    first = found.runs[0]
    for other in found.runs[1:]:
        fields = protocol.differences(first.record, other.record, differ)
        if fields:
            names = f"{first.folder.path.name} and {other.folder.path.name}"
            raise InputError(f"{names} have different protocols ({'; '.join(fields)})")
    runs = list(found.runs)
    if not any(_is_original(run) for run in runs):
        beside = store.folders(first.folder.path.parent)
        known = store.read(path for path in beside if path.name.startswith(f"{ORIGINAL}-")).runs
        fitting = [run for run in known if not protocol.differences(first.record, run.record)]
        runs += fitting[:1]
    return report.group(runs)


def _is_original(run: Finished) -> bool:
    return run.record.spec.method == ORIGINAL
