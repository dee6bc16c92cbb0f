"""Who performs units: this process, or worker processes that it starts and ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from bench.models.means import PLAIN, Means
from bench.runs.units import Clock, Kept, Unit
from bench.types import InputError, Progress, WorkerDiedError

Next = Callable[[], Unit | None]
"""Gives the next unit that can be performed, None while there is none."""
Performed = tuple[Unit, Mapping[str, float]]
"""A unit, and the seconds that it took by step."""

THREADS = "OMP_NUM_THREADS"
"""The environment variable that says how many threads a process computes with."""
PATIENCE = 10.0
"""Seconds that an ended worker has to go."""


class Executor(Protocol):
    """Performs units, the pieces of the work of runs, until none is left."""

    def perform(self, following: Next, tell: Callable[[Unit], Progress]) -> Iterator[Performed]:
        """Yield units as they are done.

        Args:
            following: Asked whenever a process is free.
            tell: Gives what is told of a unit's progress.
        """


@contextmanager
def executor(workers: int, threads: int, means: Means = PLAIN) -> Iterator[Executor]:
    """Start what performs units, this process or workers of its own, which end with the block.

    Args:
        workers: How many units are performed at once; one is performed in this process.
        threads: What each computes with on a CPU.
        means: By what means each draws.
    """
    if workers > 1:
        crew = Workers(workers, threads, means)
        try:
            yield crew
        finally:
            crew.end()
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield Here(means)
    finally:
        torch.set_num_threads(before)


class Here:
    """Performs one unit after another in this process."""

    def __init__(self, means: Means = PLAIN) -> None:
        """Do nothing yet.

        Args:
            means: By what means images are drawn.
        """
        self._means = means

    def perform(self, following: Next, tell: Callable[[Unit], Progress]) -> Iterator[Performed]:
        """Yield units as they are done.

        Args:
            following: Returns the next unit, None where there is none for now.
            tell: Returns what is told a unit's progress.

        Yields:
            Each unit when it is done, and its wall-clock seconds by step.
        """
        kept = Kept(self._means)
        while (unit := following()) is not None:
            clock = Clock()
            unit.perform(kept, clock, tell(unit))
            yield unit, clock.seconds


@dataclass(eq=False)
class _Worker:
    """A worker process, what is said to it, and what it is at."""

    process: BaseProcess
    line: Connection
    unit: Unit | None = None


class Workers:
    """Performs units in processes of their own, which load the model once and keep it."""

    def __init__(self, count: int, threads: int, means: Means = PLAIN) -> None:
        """Start so many processes.

        Args:
            count: How many.
            threads: What each computes with.
            means: By what means each draws.
        """
        with _environment(THREADS, str(threads)), _uninterrupted():
            self._workers = [_started(threads, means) for _ in range(count)]

    def perform(self, following: Next, tell: Callable[[Unit], Progress]) -> Iterator[Performed]:
        """Yield units as they are done.

        Args:
            following: Returns the next unit, None where there is none for now.
            tell: Returns what is told a unit's progress.

        Yields:
            Each unit when it is done, and its wall-clock seconds by step.

        Raises:
            WorkerDiedError: a process died, which is what happens where memory runs out.
        """
        while True:
            for worker in self._workers:
                if worker.unit is None and (unit := following()) is not None:
                    worker.unit = unit
                    _send(worker, unit)
            busy = {each.line: each for each in self._workers if each.unit is not None}
            if not busy:
                return
            for line in wait(list(busy)):
                worker = busy[line]  # type: ignore[index]
                unit = worker.unit
                assert unit is not None
                kind, said = _received(worker)
                if kind == "progress":
                    tell(unit)(*said)
                elif kind == "failed":
                    raise said
                else:
                    worker.unit = None
                    yield unit, said

    def end(self) -> None:
        """End the processes, whatever they are at: files are whole or absent."""
        for worker in self._workers:
            if worker.unit is None:
                worker.line.close()
            else:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.line.close()


def _started(threads: int, means: Means) -> _Worker:
    # Anew, not as a copy of this process: threads of torch do not survive a fork.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, threads, means), daemon=True)
    process.start()
    # So that the line ends when the process does.
    theirs.close()
    return _Worker(process, ours)


def _send(worker: _Worker, unit: Unit) -> None:
    try:
        worker.line.send(unit)
    except OSError:
        raise _lost(worker) from None


def _received(worker: _Worker) -> tuple[str, Any]:
    try:
        said: tuple[str, Any] = worker.line.recv()
    except (EOFError, OSError):
        raise _lost(worker) from None
    return said


def _lost(worker: _Worker) -> WorkerDiedError:
    worker.process.join(PATIENCE)
    status = worker.process.exitcode or 0
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"exited ({status})"
    name = worker.unit.name if worker.unit else "nothing"
    return WorkerDiedError(
        f"worker process {worker.process.pid} {how} while it made {name}; the same command "
        "resumes, and fewer --workers need less memory"
    )


def _serve(line: Connection, threads: int, means: Means) -> None:
    """Perform the units that come over a line, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not at once, so that what multiprocessing keeps outside the process is tidied up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    kept = Kept(means)
    while True:
        try:
            unit: Unit = line.recv()
        except EOFError:
            return
        clock = Clock()
        try:
            unit.perform(kept, clock, lambda *said: line.send(("progress", said)))
        except Exception as error:
            line.send(("failed", _portable(error)))
        else:
            line.send(("done", clock.seconds))


def _end_with_parent() -> None:
    """Leave nothing running when the process that started this one is gone, however it went."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """Return an error that says in another process what it says in this one."""
    if isinstance(error, InputError):
        return InputError(str(error))
    return RuntimeError("in a worker process:\n" + "".join(traceback.format_exception(error)))


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for the processes that are started meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let the processes that are started meanwhile ignore Ctrl-C: who started them ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
