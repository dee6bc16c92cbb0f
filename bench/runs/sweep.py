"""Carries out several runs together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.results import Results, report, store
from bench.runs import executors, needs, runner
from bench.runs.capacity import Capacity
from bench.runs.outline import found_variant, own_settings
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup
from bench.types import ORIGINAL, Progress, RunSpec, silent

log = logging.getLogger(__name__)

Shown = Callable[[str], AbstractContextManager[Progress]]
"""Gives, for the title of what is under way, what is told of its progress."""
ALONE = Capacity(1, None, "this process")
"""Nobody to share with."""
HERE = Setup()
"""On this CPU, by this process."""


@contextmanager
def unseen(title: str) -> Iterator[Progress]:
    """Show no progress."""
    yield silent


def carry_out(
    specs: Sequence[RunSpec],
    out: Path,
    *,
    setup: Setup = HERE,
    shared: Capacity = ALONE,
    shown: Shown = unseen,
    asked: Sequence[str] = (),
) -> Results:
    """Carry out the runs, or what is left of them, and return what they found.

    Whatever a method would refuse is refused before the first run. Each run's strip of images is
    written when it is done.

    Args:
        specs: The un-erased model's run first, as `specs` returns them.
        out: Folder that holds the run folders.
        setup: Where, by whom and by what means it is computed.
        shared: How many workers that are, and why, for the title.
        shown: Shows the progress of all.
        asked: Methods as they were asked for: of "all" those are left out that refuse the model.

    Raises:
        InputError: a method cannot erase a case from this model, a network cannot be had, or a
            folder cannot be used.
        WorkerDiedError: a worker process died; the same call resumes.
    """
    executors.check(setup, out, specs)
    specs = needs.check(specs, out, setup.here, setup.metrics, asked)
    for line in filter(None, [found_variant(specs[0]), *own_settings(Resolved(specs[0]))]):
        log.warning(line)
    names = ", ".join(dict.fromkeys(spec.method_name for spec in specs))
    cases = ", ".join(specs[0].cases)
    done: dict[str, store.Finished] = {}
    with shown(f"{names} on {specs[0].model}: {cases}; by {shared}") as progress:
        for record in runner.execute(specs, out, setup, progress):
            own = store.RunFolder(out, record.spec.run_id)
            done[own.path.name] = store.Finished(own, record)
            # The un-erased model's run is finished before all others.
            rows = [(ORIGINAL, done[specs[0].run_id])]
            if record.spec.run_id != specs[0].run_id:
                rows.append((record.spec.method_name, done[own.path.name]))
            report.write_strip(own.strip_path, rows)
    return Results(tuple(done[spec.run_id] for spec in specs), ())
