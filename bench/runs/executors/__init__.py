"""Who performs units: this process, processes that it starts, or workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.runs.executors.crew import Crew, Executor, Staff
from bench.runs.executors.here import here
from bench.runs.schedule import Setup
from bench.types import RunSpec

__all__ = ["Executor", "check", "executor"]


def check(setup: Setup, out: Path, specs: Sequence[RunSpec]) -> None:
    """Refuse workers that cannot do the work of runs, before any of it; needs no torch.

    Args:
        setup: By whom it is to be done.
        out: Folder that holds the run folders.
        specs: The runs.

    Raises:
        InputError: a machine of a cluster runs other code, or does not see the files.
    """
    if setup.cluster is not None:
        from bench.runs.executors import nodes

        nodes.check(setup, out, specs)


@contextmanager
def executor(setup: Setup, out: Path) -> Iterator[Executor]:
    """Start what performs units, this process or workers, which end with the block.

    Args:
        setup: By how many, and by what means.
        out: Folder that holds the run folders.
    """
    if setup.cluster is None and setup.workers == 1:
        with here(setup) as alone:
            yield alone
        return
    crew = Crew(_staff(setup, out), setup.workers)
    try:
        yield crew
    finally:
        crew.end()


def _staff(setup: Setup, out: Path) -> Staff:
    if setup.cluster is None:
        from bench.runs.executors.processes import Processes

        return Processes(setup)
    from bench.runs.executors.cluster import Cluster

    return Cluster(setup, out)
