"""Which units a few runs are cut into, and in what order these are handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from bench import prompts
from bench.drawing import BATCH
from bench.images import ReferenceImages
from bench.models.means import PLAIN, Means
from bench.runs import folders, provenance
from bench.runs.measuring import Again, Measure, stale
from bench.runs.mending import swept
from bench.runs.per_image import PerImage
from bench.runs.resolved import Resolved
from bench.runs.units import Batch, Fit, Unit, draws, fits, now, wanted
from bench.types import InputError, Progress, RunSpec

IMAGES = "images"
"""What drawing calls its progress."""
THREADS = "OMP_NUM_THREADS"
"""The environment variable that says how many threads a process computes with."""


@dataclass(frozen=True)
class Setup:
    """The device, the batch size and the processes that runs are carried out with."""

    device: str = "cpu"
    """A device as torch names it."""
    batch_size: int = BATCH
    """Images drawn at once, which decides the last bit of a pixel."""
    workers: int = 1
    """Units performed at once; one is performed in this process."""
    threads: int | None = None
    """What each computes with on a CPU; None for what torch takes."""
    real: ReferenceImages | None = None
    """Images to compare with; a finished run that was not is measured again."""
    metrics: tuple[str, ...] | None = None
    """What measures, metrics of the suite by name; None for all of them."""
    means: Means = PLAIN
    """By what means images are drawn, none of which decides any."""
    cluster: str | None = None
    """Address of the Ray cluster whose workers perform units; "" for the usual one, None for
    processes of this machine."""

    @property
    def here(self) -> str:
        """Where this process computes, which finds out what cannot be done: not where others do."""
        return self.device if self.workers == 1 and self.cluster is None else "cpu"

    @property
    def threads_each(self) -> int:
        """CPU threads of each process."""
        if self.threads is None and self.workers == 1:
            import torch

            return torch.get_num_threads()
        return self.threads or 1


def check(setup: Setup, resolved: Resolved) -> None:
    """Refuse a setup that a run cannot be carried out with; needs no torch.

    Args:
        setup: Where and by what means it is to be computed.
        resolved: What the run's spec names.

    Raises:
        InputError: the run has no such metric, or there is no GPU to take parts of a model off.
    """
    resolved.measuring(setup.metrics)
    if setup.means.offload and setup.device == "cpu":
        raise InputError("--offload takes off a GPU what does not compute; the device is cpu")


class Begun:
    """A run that is under way: its folder, and what is left of it."""

    def __init__(self, spec: RunSpec, out: Path, setup: Setup) -> None:
        """Open the run's folder."""
        self.spec, self.out, self.setup = spec, out, setup
        self.started = provenance.now()
        self.folder, self.resumed = folders.opened(spec, out)
        self.seconds = dict.fromkeys(("load", "erase", "generate", "measure"), 0.0)
        self.images = 0
        """How many were drawn."""
        self.left: set[str] = set()
        """The names of the units that must be done before it is measured."""
        self.since: float | None = None

    @cached_property
    def resolved(self) -> Resolved:
        """The run's suite, cases, prompts and metrics."""
        return Resolved(self.spec)

    @property
    def _where(self) -> tuple[RunSpec, Path, str]:
        return self.spec, self.out, self.setup.device

    def check(self) -> None:
        """Refuse damaged files of an earlier attempt and load the metrics, before any work."""
        from bench.models.erasures import read

        if self.folder.is_done():
            return
        resolved, setup = self.resolved, self.setup
        for case in resolved.cases:
            if self.folder.erasure_path(case.name).exists():
                read(self.folder.erasure_path(case.name))
        metrics = resolved.measuring(setup.metrics)
        PerImage(resolved, self.folder, metrics).read()
        for metric in metrics:
            metric.prepare(resolved.family, setup.here)
        _ = self.facts

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The provenance of the run's numbers: code, machine, model, prompts, processes."""
        setup, resolved = self.setup, self.resolved
        prompt_hash = prompts.file_hash(resolved.suite, resolved.family)
        model = self.spec.place("model")
        return provenance.gather(model, prompt_hash, setup.device, setup.batch_size) | {
            "offload": setup.means.offload,
            "compiled": setup.means.compiled,
            "workers": setup.workers,
            "threads": setup.threads_each,
            **({} if setup.cluster is None else {"executor": "ray"}),
            "places": dict(self.spec.places),
            "own_settings": resolved.own,
            "resumed": self.resumed,
            "started": self.started,
        }

    @cached_property
    def fits(self) -> list[Fit]:
        """The erasures that are missing."""
        return fits(self.resolved, self.out, self.setup.device)

    @cached_property
    def draws(self) -> list[Batch]:
        """The batches of which an image is missing."""
        return draws(self.resolved, self.out, self.setup.device, self.setup.batch_size)

    def spend(self, unit: Unit, seconds: Mapping[str, float]) -> None:
        """Add what a unit took, by step.

        Args:
            unit: The piece of work that was done.
            seconds: Wall-clock seconds by step.
        """
        for step, passed in seconds.items():
            self.seconds[step] += passed
        if isinstance(unit, Batch):
            # What is drawn again beside a missing image takes its time too.
            self.images += len(unit.prompts)

    def last(self) -> Unit | None:
        """Return the unit that finishes the run, None for a run that is finished."""
        real = self.setup.real
        if not self.folder.is_done():
            # Nobody writes here any more; what was killed may have.
            swept(self.folder)
            seconds = {**self.seconds, "total": now() - self.since if self.since else 0.0}
            if self.images:
                seconds["image"] = seconds["generate"] / self.images
            return Measure(*self._where, self.setup.metrics, real, seconds, self.facts)
        again = stale(self.resolved, self.folder.read_record(), real, self.setup.metrics)
        return Again(*self._where, again, real) if again else None


class Schedule:
    """Hands out the units of runs, each after what it needs."""

    def __init__(self, runs: Sequence[Begun], progress: Progress) -> None:
        """Cut the runs into units.

        Args:
            runs: In the order in which they are drawn.
            progress: Told the progress of all units together.
        """
        self._runs = {each.spec.run_id: each for each in runs}
        self._open = dict(self._runs)
        self._last: dict[str, str] = {}
        self._tally = Tally(progress, named=len(runs) > 1)
        due = [each for each in runs if not each.folder.is_done()]
        erased: list[Sequence[Unit]] = [each.fits for each in due]
        drawn: list[Sequence[Unit]] = [each.draws for each in due]
        # A run is erased while the one before it is drawn, so that no worker waits for an erasure.
        rounds = zip_longest(erased, [[], *drawn], fillvalue=())
        self._waiting = [unit for some in rounds for units in some for unit in units]
        for unit in self._waiting:
            self._runs[unit.spec.run_id].left.add(unit.name)
        for each in due:
            self._tally.expect(each)

    @property
    def left(self) -> int:
        """How many units are still to be handed out."""
        return len(self._waiting)

    def following(self) -> Unit | None:
        """Hand out the next unit that has what it needs, None while there is none."""
        unit = next((unit for unit in self._waiting if unit.ready()), None)
        if unit is not None:
            self._waiting.remove(unit)
            run = self._runs[unit.spec.run_id]
            run.since = run.since or now()
        return unit

    def tell(self, unit: Unit) -> Progress:
        """Return what is told of a unit's progress."""
        return self._tally.of(unit)

    def done(self, unit: Unit, seconds: Mapping[str, float]) -> list[Begun]:
        """Take note of a unit that is done and return the runs that are finished by it.

        Args:
            unit: What was handed out.
            seconds: What it took, by step.
        """
        run = self._runs[unit.spec.run_id]
        if self._last.get(unit.spec.run_id) == unit.name:
            del self._open[unit.spec.run_id]
            return [run, *self.finished()]
        run.left.remove(unit.name)
        run.spend(unit, seconds)
        return self.finished()

    def finished(self) -> list[Begun]:
        """Queue the measuring of runs whose images are all there, and return what is finished."""
        found = []
        for name, run in list(self._open.items()):
            first = run.resolved.original.run_id
            if run.left or name in self._last or (first != name and first in self._open):
                continue
            last = run.last()
            if last is None:
                del self._open[name]
                found.append(run)
            else:
                self._last[name] = last.name
                self._waiting.insert(0, last)
        # What waited for the un-erased model's run may be next.
        return found + self.finished() if found else []


class Tally:
    """Adds up the progress of units that may be under way at once."""

    def __init__(self, progress: Progress, *, named: bool) -> None:
        """Begin with nothing.

        Args:
            progress: Told the sums.
            named: Whether it is told the method too.
        """
        self._progress, self._named = progress, named
        self._parts: dict[str, dict[str, tuple[int, int]]] = {}

    def expect(self, run: Begun) -> None:
        """Count the images of a run: those that are there, and those to be drawn."""
        parts = self._parts.setdefault(self._label(run.spec, IMAGES), {})
        due = sum(len(each.prompts) for each in run.draws)
        there = sum(map(len, wanted(run.resolved).values())) - due
        parts[run.spec.run_id] = (there, there)
        parts |= {each.name: (0, len(each.prompts)) for each in run.draws}

    def of(self, unit: Unit) -> Progress:
        """Return what is told of a unit's progress."""

        def tell(what: str, done: int, total: int) -> None:
            label = self._label(unit.spec, what)
            parts = self._parts.setdefault(label, {})
            parts[unit.name] = (done, total)
            self._progress(label, *map(sum, zip(*parts.values(), strict=True)))

        return tell

    def _label(self, spec: RunSpec, what: str) -> str:
        return f"{spec.method_name}: {what}" if self._named else what
