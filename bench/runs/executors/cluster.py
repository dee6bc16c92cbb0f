"""Workers that are actors of a Ray cluster, on whatever machines it has; files are shared."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import terminal
from bench.models.means import Means
from bench.runs.executors.connection import connected, environment
from bench.runs.executors.crew import LostError
from bench.runs.executors.performing import Performer
from bench.runs.schedule import THREADS, Setup
from bench.runs.units import Unit

log = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two questions what a worker is at."""
WAITING = 30.0
"""Seconds without any worker after which it is said that the cluster has no room."""


class Cluster:
    """Starts workers on a Ray cluster, spread over its nodes, one GPU each where they need one."""

    def __init__(self, setup: Setup, out: Path) -> None:
        """Connect.

        Args:
            setup: Which cluster, and what each worker computes with.
            out: Folder that holds the run folders.
        """
        self._ray, self._setup, self._out = connected(setup.cluster or ""), setup, out
        self._began, self._warned = time.monotonic(), False

    def start(self, number: int) -> Actor:
        """Ask for a worker; the cluster starts it where there is room.

        Args:
            number: Nothing depends on it here.
        """
        setup = self._setup
        kind = self._ray.remote(Remote)
        threads = setup.threads_each
        # Two calls at once: one that works, and one that asks what it is at.
        actor = kind.options(
            num_cpus=threads if setup.device == "cpu" else 1,
            num_gpus=0 if setup.device == "cpu" else 1,
            max_concurrency=2,
            scheduling_strategy="SPREAD",
            runtime_env=_with_threads(threads),
        ).remote(str(Path.cwd()), setup.device, threads, setup.means)
        return Actor(self._ray, actor)

    def heard(self, workers: Sequence[Actor]) -> Sequence[Actor]:
        """Return the workers that have something to say, or are no more.

        Args:
            workers: Those that are at something.
        """
        while True:
            for each in workers:
                each.listen()
            found = [each for each in workers if each.has_news]
            if found:
                return found
            self._ray.wait([each.pending for each in workers], num_returns=1, timeout=BEAT)
            self._warn(workers)

    def end(self) -> None:
        """Do nothing: what else is done by this process may need the cluster again."""

    def _warn(self, workers: Sequence[Actor]) -> None:
        """Say once that nothing begins for want of room."""
        if self._warned or any(each.started for each in workers):
            return
        if time.monotonic() - self._began > WAITING:
            self._warned = True
            free = {k: v for k, v in self._ray.available_resources().items() if k in ("CPU", "GPU")}
            log.warning(f"waiting for room on the Ray cluster, which has {free or 'nothing'} free")


class Remote:
    """A worker as it is on a node."""

    def __init__(self, here: str, device: str, threads: int, means: Means) -> None:
        """Go to the folder that relative paths start from.

        Args:
            here: That folder.
            device: Where to compute; "cuda" is the GPU that Ray gave to this worker alone.
            threads: CPU threads to compute with.
            means: By what means to draw.
        """
        os.chdir(here)
        self._performer = Performer(device, threads, means)
        self._told: deque[tuple[str, int, int]] = deque()

    def node(self) -> str:
        """Return the name of the machine, and the number of this process there."""
        return f"{os.getpid()} on {platform.node()}"

    def perform(self, unit: Unit) -> tuple[str, Any]:
        """Perform a unit; see `Performer.perform`.

        Args:
            unit: What to do.
        """
        with terminal.shown():
            return self._performer.perform(unit, lambda *said: self._told.append(said))

    def told(self) -> list[tuple[str, int, int]]:
        """Return what was under way since the last question; of one thing its latest state."""
        latest: dict[str, tuple[str, int, int]] = {}
        while self._told:
            said = self._told.popleft()
            latest[said[0]] = said
        return list(latest.values())


class Actor:
    """A worker as it is seen from here."""

    def __init__(self, ray: Any, actor: Any) -> None:
        """Ask it who it is, which it answers when it is ready.

        Args:
            ray: The module, connected.
            actor: Its handle.
        """
        self._ray, self._actor = ray, actor
        self._name = "of the Ray cluster"
        self.started = False
        self.pending: Any = actor.node.remote()
        """What it is to answer next, None for nothing."""
        self._news: deque[tuple[str, Any]] = deque()
        self._asked: Any = None

    @property
    def has_news(self) -> bool:
        """Whether `receive` returns at once."""
        return bool(self._news)

    def listen(self) -> None:
        """Collect what it says, without waiting."""
        if self.started and self._asked is None:
            self._asked = self._actor.told.remote()
        answers = [each for each in (self._asked, self.pending) if each is not None]
        if not answers:
            return
        done, _ = self._ray.wait(answers, num_returns=len(answers), timeout=0)
        if self._asked is not None and self._asked in done:
            said, self._asked = self._taken(self._asked), None
            self._news += [("progress", each) for each in said or ()]
        if self.pending is not None and self.pending in done and not self._is_lost:
            said, self.pending = self._taken(self.pending), None
            if said is not None and not self.started:
                self.started, self._name = True, said
                said = ("ready", None)
            if said is not None:
                self._news.append(said)

    @property
    def _is_lost(self) -> bool:
        return bool(self._news) and self._news[-1][0] == "lost"

    def _taken(self, answer: Any) -> Any:
        """Return an answer, None where the worker is lost."""
        try:
            return self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            if not self._is_lost:
                self._news.append(("lost", " ".join(str(error).split())[:200]))
            return None

    def send(self, unit: Unit) -> None:
        """Give it a unit.

        Args:
            unit: What to do.
        """
        self.pending = self._actor.perform.remote(unit)

    def receive(self) -> tuple[str, Any]:
        """Return what it says next.

        Raises:
            LostError: it is no more.
        """
        kind, said = self._news.popleft()
        if kind == "lost":
            raise LostError(f"worker {self._name} died ({said})")
        return kind, said

    def end(self, *, busy: bool) -> None:
        """End it.

        Args:
            busy: Whether it is at a unit; all the same here.
        """
        self._ray.kill(self._actor)


def _with_threads(threads: int) -> Mapping[str, Any]:
    found = environment()
    return {**found, "env_vars": {**found["env_vars"], THREADS: str(threads)}}
