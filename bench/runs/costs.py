"""What a run's erasures cost, beside what drawing with the un-erased model does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.results.store import RunFolder
from bench.runs.resolved import Resolved
from bench.types import InputError

MACHINE = ("device", "platform", "batch_size", "workers", "threads", "executor")
"""What a run's provenance says of where and how it drew."""


def costs(
    folder: RunFolder, resolved: Resolved, seconds: Mapping[str, float], facts: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return for each case of a run what is known of its cost, by column of the `cost` metric.

    Args:
        folder: The run's folder; without a case's erasure only `slowdown` is known of it.
        resolved: What the run's spec names.
        seconds: The run's seconds; `image` is what drawing one image took.
        facts: The run's provenance; seconds compare only with those of the same `MACHINE`.
    """
    from bench.models.erasures import read_cost

    original = resolved.original
    mine, theirs = seconds.get("image"), None
    if resolved.spec.run_id == original.run_id:
        theirs = mine
    else:
        try:
            record = RunFolder(folder.path.parent, original.run_id).read_record()
        except (InputError, OSError):
            record = None
        if record and all(record.provenance.get(name) == facts.get(name) for name in MACHINE):
            theirs = record.seconds.get("image")
    shared = {"slowdown": mine / theirs} if mine and theirs else {}
    paths = {case: folder.erasure_path(case) for case in resolved.spec.cases}
    return {
        case: (read_cost(path) if path.exists() else {}) | shared for case, path in paths.items()
    }
