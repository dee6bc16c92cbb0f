"""Hands units to workers, wherever these are, and what a dead one was at to another."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.runs.units import Unit
from bench.types import Progress, WorkerDiedError

log = logging.getLogger(__name__)

Next = Callable[[], Unit | None]
"""Gives the next unit that can be performed, None while there is none."""
Performed = tuple[Unit, Mapping[str, float]]
"""A unit, and the seconds that it took by step."""

TRIES = 3
"""How many workers may die at one unit, or one after the other before they are ready."""
NOTHING = "nothing"
"""What a worker makes before it is given anything."""


class Executor(Protocol):
    """Performs units, the pieces of the work of runs, until none is left."""

    def perform(self, following: Next, tell: Callable[[Unit], Progress]) -> Iterator[Performed]:
        """Yield units as they are done.

        Args:
            following: Asked whenever a process is free.
            tell: Gives what is told of a unit's progress.
        """


class LostError(Exception):
    """A worker is no more; the message says which, and how it went."""


class Worker(Protocol):
    """Performs one unit at a time, somewhere else."""

    def send(self, unit: Unit) -> None:
        """Give it a unit; raises `LostError`."""

    def receive(self) -> tuple[str, Any]:
        """Return what it says next; raises `LostError`.

        `ready`, `progress` with what is told, `done` with seconds by step, or `failed` with an
        exception.
        """

    def end(self, *, busy: bool) -> None:
        """End it, if it is still there.

        Args:
            busy: Whether it is at a unit.
        """


class Staff(Protocol):
    """Where workers come from."""

    def start(self, number: int) -> Worker:
        """Start a worker, which says when it is ready.

        Args:
            number: From 0 up, the same for one that replaces another.
        """

    def heard(self, workers: Sequence[Any]) -> Sequence[Worker]:
        """Wait until some of the workers have something to say, and return those."""

    def end(self) -> None:
        """Leave nothing behind, when all workers were ended."""


@dataclass(eq=False)
class _Place:
    """One of the places at which there is a worker, and what that is at."""

    number: int
    worker: Worker
    ready: bool = False
    unit: Unit | None = None

    @property
    def task(self) -> str:
        return self.unit.name if self.unit else NOTHING


class Crew:
    """Performs units by several workers, which load the model once and keep it."""

    def __init__(self, staff: Staff, count: int) -> None:
        """Start so many workers.

        Args:
            staff: Where they come from.
            count: How many.
        """
        self._staff = staff
        self._deaths = Counter[str]()
        self._again: list[Unit] = []
        self._places = [_Place(number, staff.start(number)) for number in range(count)]

    def perform(self, following: Next, tell: Callable[[Unit], Progress]) -> Iterator[Performed]:
        """Yield units as they are done.

        Args:
            following: Returns the next unit, None where there is none for now.
            tell: Returns what is told a unit's progress.

        Yields:
            Each unit when it is done, and its wall-clock seconds by step.

        Raises:
            WorkerDiedError: workers die, which is what happens where memory runs out.
        """
        while True:
            nothing = self._hand_out(following)
            waiting = [each for each in self._places if each.unit or not each.ready]
            if nothing and not any(each.unit for each in waiting):
                return
            by_worker = {id(each.worker): each for each in waiting}
            for worker in self._staff.heard([each.worker for each in waiting]):
                place = by_worker[id(worker)]
                try:
                    kind, said = worker.receive()
                except LostError as error:
                    self._replace(place, error)
                    continue
                if kind == "ready":
                    place.ready = True
                    self._deaths.pop(NOTHING, None)
                elif kind == "failed":
                    raise said
                elif kind == "progress" and place.unit:
                    tell(place.unit)(*said)
                elif kind == "done" and place.unit:
                    unit, place.unit = place.unit, None
                    unit.note()
                    yield unit, said

    def end(self) -> None:
        """End the workers, whatever they are at: files are whole or absent."""
        for each in self._places:
            each.worker.end(busy=each.unit is not None or not each.ready)
        self._staff.end()

    def _hand_out(self, following: Next) -> bool:
        """Give units to whoever is free; return whether somebody got none, as there is none."""
        for place in self._places:
            if not place.ready or place.unit is not None:
                continue
            place.unit = self._again.pop(0) if self._again else following()
            if place.unit is None:
                return True
            try:
                place.worker.send(place.unit)
            except LostError as error:
                self._replace(place, error)
        return False

    def _replace(self, place: _Place, error: LostError) -> None:
        """Start another worker in a dead one's place; what that was at is handed out again."""
        task = place.task
        self._deaths[task] += 1
        if self._deaths[task] >= TRIES:
            before = f", as {TRIES - 1} others did" if TRIES > 1 else ""
            raise WorkerDiedError(
                f"{error} while it made {task}{before}; the same command resumes, and fewer "
                "--workers need less memory"
            )
        log.warning(f"{error} while it made {task}; another worker takes its place")
        place.worker.end(busy=True)
        if place.unit is not None:
            self._again.append(place.unit)
        place.unit, place.ready = None, False
        place.worker = self._staff.start(place.number)
