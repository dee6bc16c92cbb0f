"""How many workers share the work of runs, and with how many threads each computes."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.drawing import BATCH
from bench.models import devices
from bench.runs import provenance
from bench.runs.resolved import Resolved
from bench.runs.schedule import THREADS
from bench.runs.units import draws, fits
from bench.types import ORIGINAL, InputError, RunSpec

SHARE = 4
"""Pieces of work that make a further worker worth its start: it imports torch and loads the model,
five seconds, and one batch of mini takes seven on a thread of its own."""
ERASURES, BATCHES = "erasures", "batches of images"
"""What is done apart."""
RESIDENT = 2**30
"""Bytes that a process has with its libraries, about."""
COPIES = 6
"""How many times the bytes of a model's weights a process takes to draw with it, about: the model,
an erased one, and what drawing a batch takes."""
MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class Capacity:
    """How many processes share the work of runs, with how many CPU threads each, and why."""

    workers: int
    """Units performed at once; one is performed in this process."""
    threads: int | None
    """What each computes with; None for what torch takes."""
    why: str
    """Where the numbers come from."""

    def __str__(self) -> str:
        """Say it in a line."""
        count = f"{self.workers} worker" + ("s" if self.workers > 1 else "")
        each = "" if self.threads is None else f" of {self.threads} thread"
        each += "s" if (self.threads or 1) > 1 else ""
        return f"{count}{each} ({self.why})"


def capacity(
    runs: Sequence[RunSpec],
    due: Mapping[str, int],
    *,
    device: str,
    workers: int | None = None,
    threads: int | None = None,
    cluster: str | None = None,
) -> Capacity:
    """Return how the work that is left is shared; needs no torch.

    On a CPU, by default, as many workers of one thread as there are cores: two processes of one
    thread draw faster than one of two, and stay as fast where another job takes a core, since
    threads wait for the last of them and processes do not. Fewer, of more threads each, where
    memory is short; fewer where little is left to do. Neither decides a result's digits but the
    threads, which depend on the machine and the model alone.

    Args:
        runs: The runs.
        due: How much is left to do, by what it is called.
        device: Where to compute.
        workers: How many were asked for, None for the default.
        threads: How many were asked for, None for the default.
        cluster: Address of a Ray cluster, "" for the usual one; None for this machine alone.

    Raises:
        InputError: more workers were asked for than there are GPUs, or a cluster does not answer.
    """
    if cluster is not None:
        return _of_cluster(cluster, due, device, workers, threads)
    if device != "cpu":
        return _of_cards(due, device, workers, threads)
    free, fitting = cores(), _fitting(runs)
    most = max(1, min(free, fitting))
    said = int(os.environ.get(THREADS, "0")) if os.environ.get(THREADS, "").isdigit() else 0
    each = threads or said or free // most
    if workers is not None:
        return Capacity(workers, each, "as asked")
    why = f"{free} usable cores" if free > 1 else "1 usable core"
    why += f", memory for {fitting}" if fitting < free else ""
    return Capacity(_worth(most, due), each, f"{why}{_to_do(due)}")


def left(runs: Sequence[RunSpec], out: Path, batch_size: int = BATCH) -> Counter[str]:
    """Return how many erasures, and batches of images, are left of runs.

    Args:
        runs: The runs.
        out: Folder that holds the run folders.
        batch_size: Images drawn at once.
    """
    found = Counter[str]()
    for content in map(Resolved, runs):
        if not (out / content.spec.run_id / "record.json").exists():
            # Erasing nothing takes no time.
            if content.spec.method != ORIGINAL:
                found[ERASURES] += len(fits(content, out, "cpu"))
            found[BATCHES] += len(draws(content, out, "cpu", batch_size))
    return found


def _of_cards(
    due: Mapping[str, int], device: str, workers: int | None, threads: int | None
) -> Capacity:
    """Return how work is shared by the GPUs of this machine, of which each has one worker."""
    cards = devices.cards() if device == "cuda" else 1
    if workers is not None and workers > cards:
        most = "1" if cards == 1 else f"1 to {cards}"
        raise InputError(f"got --workers {workers} on {device}, must be {most}: one a GPU")
    if cards == 1:
        return Capacity(1, threads, f"one on {device}")
    if workers is not None:
        return Capacity(workers, threads, f"as asked, on {cards} GPUs")
    return Capacity(_worth(cards, due), threads, f"{cards} GPUs{_to_do(due)}")


def _of_cluster(
    address: str, due: Mapping[str, int], device: str, workers: int | None, threads: int | None
) -> Capacity:
    """Return how work is shared by the workers of a cluster, each of one thread unless asked."""
    from bench.runs.executors import connection

    offered = connection.offer(address, device, threads or 1)
    if workers is not None:
        return Capacity(workers, threads or 1, f"as asked, on {offered.why}")
    return Capacity(_worth(offered.workers, due), threads or 1, f"{offered.why}{_to_do(due)}")


def _worth(most: int, due: Mapping[str, int]) -> int:
    """Return how many workers, of so many at most, have enough to do."""
    return max(1, min(most, sum(due.values()) // SHARE))


def _to_do(due: Mapping[str, int]) -> str:
    pieces = ", ".join(f"{what} {number}" for what, number in due.items() if number)
    return f"; to do: {pieces or 'nothing'}"


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fitting(runs: Sequence[RunSpec]) -> int:
    """Return how many workers fit into memory; one where the model's size is not known."""
    sizes = [provenance.weights_size(spec.place("model")) for spec in runs]
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", MEMORY.read_text())
    except OSError:
        found = None
    if None in sizes:
        return 1
    if found is None:
        return cores()
    need = RESIDENT + COPIES * max((size or 0 for size in sizes), default=0)
    return max(1, int(found[1]) * 1024 // need)
