"""The un-erased model's runs that lie beside others."""

from __future__ import annotations

from pathlib import Path

from bench.results import protocol, store
from bench.results.store import Finished
from bench.types import ORIGINAL


def under(root: Path) -> list[Finished]:
    """Return the un-erased model's finished runs under a folder that can be read, by name.

    Args:
        root: The folder that holds run folders.
    """
    paths = [path for path in store.folders(root) if path.name.startswith(f"{ORIGINAL}-")]
    return list(store.read(paths).runs)


def beside(run: Finished) -> Finished | None:
    """Return the un-erased model's run of the same protocol in the folder of a run, if it is there.

    Args:
        run: Another run.
    """
    known = under(run.folder.path.parent)
    same = (each for each in known if not protocol.differences(run.record, each.record))
    return next(same, None)
