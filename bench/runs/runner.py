"""Carries out runs: hands out the units of their work, and keeps what is there already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.drawing import BATCH
from bench.images import ReferenceImages
from bench.runs.executors import executor
from bench.runs.locks import held
from bench.runs.schedule import Begun, Schedule, Setup
from bench.types import Progress, RunRecord, RunSpec, silent


def run(
    spec: RunSpec,
    out: Path,
    *,
    device: str = "cpu",
    batch_size: int = BATCH,
    workers: int = 1,
    threads: int | None = None,
    real: ReferenceImages | None = None,
    progress: Progress = silent,
) -> RunRecord:
    """Carry out a run, or what is left of it, and return its record; see `execute`.

    Args:
        spec: What to do.
        out: The folder of all runs.
        device: Where the model computes, as torch names it.
        batch_size: Images drawn at once.
        workers: Processes; 1 is this one.
        threads: CPU threads of each process; None for the usual.
        real: Real images to compare with, if there are any.
        progress: Told what is under way.
    """
    setup = Setup(device, batch_size, workers, threads, real)
    (record,) = execute([spec], out, setup, progress)
    return record


def execute(
    specs: Sequence[RunSpec], out: Path, setup: Setup, progress: Progress = silent
) -> Iterator[RunRecord]:
    """Carry out runs, or what is left of them, and yield their records as they are finished.

    Killed anywhere, the same call resumes and ends with the same scores, which depend on neither
    the number of workers nor on who does what. What another process works on is waited for.

    Args:
        specs: What to run. The un-erased model's run, if it is one of them, is finished before any
            other, since these are compared with it.
        out: Folder that holds the run folders.
        setup: Where and by whom it is computed.
        progress: Told what is under way, of all workers together.

    Raises:
        InputError: a run folder or a file in it cannot be used; nothing has been erased then.
        WorkerDiedError: a worker process died.
    """
    with held(out, (spec.run_id for spec in specs)) as hold:
        for each in _performed(specs, out, setup, progress):
            record = _record(each)
            hold.let_go(each.spec.run_id)
            yield record


def _performed(
    specs: Sequence[RunSpec], out: Path, setup: Setup, progress: Progress
) -> Iterator[Begun]:
    """Yield runs as they are finished."""
    begun = [Begun(spec, out, setup) for spec in specs]
    for each in begun:
        each.check()
    schedule = Schedule(begun, progress)
    yield from schedule.finished()
    if schedule.left:
        with executor(setup, out) as crew:
            for unit, seconds in crew.perform(schedule.following, schedule.tell):
                yield from schedule.done(unit, seconds)


def _record(begun: Begun) -> RunRecord:
    """Return the record of a finished run, whose parts are where its spec says."""
    found = begun.folder.read_record()
    return replace(found, spec=replace(found.spec, places=begun.spec.places))
