"""Workers that are processes of this machine, of which no two share a GPU."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bench import terminal
from bench.models.means import Means
from bench.runs.executors.crew import LostError
from bench.runs.executors.performing import Performer
from bench.runs.schedule import THREADS, Setup
from bench.runs.units import Unit

PATIENCE = 10.0
"""Seconds that an ended worker has to go."""


class Processes:
    """Starts worker processes."""

    def __init__(self, setup: Setup) -> None:
        """Start nothing yet.

        Args:
            setup: How many threads each has, its means, and the device: of several GPUs each
                worker has one of its own.
        """
        self._setup = setup

    def start(self, number: int) -> Process:
        """Start a process.

        Args:
            number: Says which GPU is its own.
        """
        setup = self._setup
        device = own_device(setup.device, number)
        with _environment(THREADS, str(setup.threads_each)), _uninterrupted():
            return Process(device, setup.threads_each, setup.means)

    def heard(self, workers: Sequence[Process]) -> Sequence[Process]:
        """Return the workers that have something to say, or whose process has ended."""
        lines = {each.line: each for each in workers}
        return [lines[line] for line in wait(list(lines))]  # type: ignore[index]

    def end(self) -> None:
        """Do nothing: workers were ended one by one."""


def own_device(device: str, number: int) -> str:
    """Return the device of one of several workers: with "cuda", each has the next card.

    Args:
        device: What was asked for.
        number: The worker's, from 0 up.
    """
    return f"cuda:{number}" if device == "cuda" else device


class Process:
    """A worker process, and the line to it."""

    def __init__(self, device: str, threads: int, means: Means) -> None:
        """Start it.

        Args:
            device: Where it computes, as torch names it.
            threads: What it computes with on a CPU.
            means: By what means it draws.
        """
        # Anew, not as a copy of this process: threads of torch do not survive a fork.
        context = get_context("spawn")
        self.line, theirs = context.Pipe()
        settings = (theirs, device, threads, means)
        self._process: BaseProcess = context.Process(target=_serve, args=settings, daemon=True)
        self._process.start()
        # So that the line ends when the process does.
        theirs.close()

    def send(self, unit: Unit) -> None:
        """Give it a unit.

        Raises:
            LostError: the process has ended.
        """
        try:
            self.line.send(unit)
        except OSError:
            raise self._lost() from None

    def receive(self) -> tuple[str, Any]:
        """Return what it says next.

        Raises:
            LostError: the process has ended.
        """
        try:
            said: tuple[str, Any] = self.line.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        return said

    def end(self, *, busy: bool) -> None:
        """End the process.

        Args:
            busy: Whether it is at something, and will not hear that the line ends.
        """
        if busy:
            self._process.terminate()
        else:
            self.line.close()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.line.close()

    def _lost(self) -> LostError:
        self._process.join(PATIENCE)
        status = self._process.exitcode or 0
        killed = f"was killed by {signal.Signals(-status).name}" if status < 0 else ""
        return LostError(f"worker process {self._process.pid} {killed or f'exited ({status})'}")


def _serve(line: Connection, device: str, threads: int, means: Means) -> None:
    """Perform the units that come over a line, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not at once, so that what multiprocessing keeps outside the process is tidied up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    performer = Performer(device, threads, means)
    line.send(("ready", None))
    with terminal.shown():
        while True:
            try:
                unit: Unit = line.recv()
            except EOFError:
                return
            line.send(performer.perform(unit, lambda *said: line.send(("progress", said))))


def _end_with_parent() -> None:
    """Leave nothing running when the process that started this one is gone, however it went."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


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
