"""The un-erased model's runs that lie beside others."""

from __future__ import annotations

from collections.abc import Iterable

from bench.results import protocol, store
from bench.results.store import Finished
from bench.types import ORIGINAL


def beside(runs: Iterable[Finished]) -> list[Finished]:
    """Return the un-erased model's finished runs in the folders of others, by name.

    Args:
        runs: The others; a folder of several is read once.
    """
    roots = dict.fromkeys(run.folder.path.parent for run in runs)
    paths = (path for root in roots for path in store.folders(root))
    return list(store.read(path for path in paths if path.name.startswith(f"{ORIGINAL}-")).runs)


def of(run: Finished, known: Iterable[Finished]) -> Finished | None:
    """Return the un-erased model's run of the protocol of another, if it is there.

    Args:
        run: The other.
        known: The un-erased model's runs.
    """
    same = (each for each in known if not protocol.differences(run.record, each.record))
    return next(same, None)
