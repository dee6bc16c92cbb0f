"""Performs one unit after another in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.models.means import PLAIN, Means
from bench.runs.executors.crew import Next, Performed
from bench.runs.schedule import Setup
from bench.runs.units import Clock, Kept, Unit
from bench.types import Progress


@contextmanager
def here(setup: Setup) -> Iterator[Here]:
    """Give what performs units in this process, with as many threads as are asked for.

    Args:
        setup: With how many threads, and by what means.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(setup.threads_each)
    try:
        yield Here(setup.means)
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
            unit.note()
            yield unit, clock.seconds
