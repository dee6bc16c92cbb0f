"""In what order the units of trials are handed out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest

from bench.results.store import RunFolder
from bench.runs.schedule import Tally
from bench.runs.trials.trial import Trial
from bench.runs.units import Unit
from bench.types import Progress


class Trials:
    """Hands out the units of trials, each when what it needs is there.

    What is left is read from the files after every unit that is done: a search's images are known
    only when it has found something, and an erasure's trials only when it is there.
    """

    def __init__(self, trials: Sequence[Trial], progress: Progress) -> None:
        """Find out what is left.

        Args:
            trials: Run by run, and erasure by erasure.
            progress: Told the progress of all units together.
        """
        self._open = [trial for trial in trials if trial.finished() is None]
        self._runs = {trial.spec.run_id: trial.erasure.run_folder for trial in trials}
        self._count, self._progress = len(self._open), progress
        self._tally = Tally(progress, named=len(self._runs) > 1)
        self._handed: set[str] = set()
        self._waiting = list(self._due())

    @property
    def left(self) -> int:
        """How many units can be handed out now."""
        return len(self._waiting)

    def following(self) -> Unit | None:
        """Hand out the next unit that has what it needs, None while there is none."""
        if not self._waiting:
            return None
        unit = self._waiting.pop(0)
        self._handed.add(unit.name)
        return unit

    def tell(self, unit: Unit) -> Progress:
        """Return what is told of a unit's progress."""
        return self._tally.of(unit)

    def done(self) -> list[RunFolder]:
        """Take note that a unit is done and return the runs whose trials are finished by it."""
        self._open = [trial for trial in self._open if trial.finished() is None]
        self._progress("trials", self._count - len(self._open), self._count)
        self._waiting = list(self._due())
        return self.finished()

    def finished(self) -> list[RunFolder]:
        """Return the runs whose trials are finished and were not returned before."""
        open_runs = {trial.spec.run_id for trial in self._open}
        return [self._runs.pop(name) for name in list(self._runs) if name not in open_runs]

    def _due(self) -> Iterator[Unit]:
        """Yield what can be performed now and was not handed out, what others wait for first."""
        seen = set(self._handed)
        for unit in self._ready():
            if unit.name not in seen:
                seen.add(unit.name)
                yield unit

    def _ready(self) -> Iterator[Unit]:
        """Yield what can be performed now, some of it several times."""
        runs = [list(some) for _, some in groupby(self._open, key=lambda each: each.spec.run_id)]
        for mine, following in zip_longest(runs, runs[1:], fillvalue=()):
            for trial in mine:
                yield from trial.erasure.baseline.due()
            # The next run is erased while this one is attacked, so that no worker waits.
            for trial in (*mine, *following):
                yield from trial.erasure.fits()
            for trial in mine:
                yield from trial.erasure.due()
                yield from trial.due()
