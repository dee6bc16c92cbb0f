"""The pieces that a run's work is cut into: each finds what it needs as files, and leaves files.

Whoever performs them, in whatever order and however often, the same files are there afterwards.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.images import ReferenceImages
from bench.models import loading
from bench.models.generate import due_batches, generate
from bench.results.store import UNERASED, RunFolder
from bench.runs import erasing, provenance
from bench.runs.per_image import PerImage, image_folder
from bench.runs.resolved import Resolved
from bench.types import ORIGINAL, Case, Progress, Prompt, RunSpec


@dataclass
class Clock:
    """Wall-clock seconds by step, of what one process does."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add what the code inside takes to a step."""
        start = now()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + now() - start


def now() -> float:
    """Return seconds since some moment, the same for all of a process."""
    return time.perf_counter()


class Kept:
    """What a process keeps between units, so that nothing is looked up or made twice."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._resolved: dict[str, Resolved] = {}
        self._erased: tuple[Path | None, Any] = (None, None)

    def resolved(self, spec: RunSpec) -> Resolved:
        """Return a run's suite, cases, prompts and metrics, looked up once."""
        return self._resolved.setdefault(spec.run_id, Resolved(spec))

    def erased(self, unit: Draw, pipe: Any) -> Any:
        """Return the pipeline that draws a unit; only the last erased one is kept.

        Args:
            unit: What is to be drawn.
            pipe: The un-erased pipeline.
        """
        if unit.case is None:
            return pipe
        path = unit.folder.erasure_path(unit.case.name)
        if self._erased[0] != path:
            # The last one goes first, so that there are never two in memory.
            self._erased = (None, None)
            resolved = self.resolved(unit.spec)
            self._erased = (path, erasing.apply(resolved, unit.case, pipe, path))
        return self._erased[1]


@dataclass(frozen=True)
class Unit(ABC):
    """A piece of the work of a run, small enough to be sent to another process."""

    spec: RunSpec
    out: Path
    """Holds the run folders."""
    device: str

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.out, self.spec.run_id)

    @property
    @abstractmethod
    def name(self) -> str:
        """What it makes, in words that differ from every other unit's."""

    def ready(self) -> bool:
        """Return whether the files that it starts from are there."""
        return True

    @abstractmethod
    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Make what is missing of it.

        Args:
            kept: What this process keeps between units.
            clock: Told what it took.
            progress: Told what is under way.
        """

    def pipe(self, clock: Clock) -> Any:
        """Return the un-erased pipeline."""
        with clock.step("load"):
            return loading.shared(self.spec.place("model"), self.device, self.spec.precision)


@dataclass(frozen=True)
class Fit(Unit):
    """Fits the eraser to one case and stores the erasure."""

    case: Case

    @property
    def name(self) -> str:
        """The erasure, its case and its run."""
        return f"the erasure {self.case.name} of {self.spec.run_id}"

    @property
    def path(self) -> Path:
        """The erasure's file."""
        return self.folder.erasure_path(self.case.name)

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Fit the erasure if it is missing; its file says what that cost."""
        if not self.path.exists():
            resolved, pipe = kept.resolved(self.spec), self.pipe(clock)
            some = {"device": self.device, "progress": progress}
            erasing.fit(resolved, self.case, pipe, self.path, **some)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Draw(Unit):
    """Draws one batch of images with an erased model, or with the un-erased one.

    A batch is drawn whole and by itself, so no rounding depends on who draws it, or when.
    """

    case: Case | None
    """What is erased; None for the un-erased model, whose images all cases share."""
    prompts: tuple[Prompt, ...]

    @property
    def name(self) -> str:
        """The images, their folder and their run."""
        ends = f"{self.prompts[0].id} to {self.prompts[-1].id}"
        return f"images {ends} of {self.images.name} of {self.spec.run_id}"

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.folder.images(UNERASED if self.case is None else self.case.name)

    def ready(self) -> bool:
        """Return whether the erasure to draw with is there."""
        return self.case is None or self.folder.erasure_path(self.case.name).exists()

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Draw those of the images that are missing."""
        pipe = self.pipe(clock)
        with clock.step("load"):
            pipe = kept.erased(self, pipe)
        with clock.step("generate"):
            count, sampler = len(self.prompts), self.spec.sampler
            generate(pipe, self.prompts, self.images, sampler, batch_size=count, progress=progress)


@dataclass(frozen=True)
class Measure(Unit):
    """Measures a run's images, scores it and writes its record: the last unit of a run."""

    real: ReferenceImages | None
    """Real images to compare with."""
    seconds: Mapping[str, float]
    """What the run took so far, by step."""
    facts: Mapping[str, Any]
    """The run's provenance so far."""

    @property
    def name(self) -> str:
        """The scores, and their run."""
        return f"the scores of {self.spec.run_id}"

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Measure, aggregate, and declare the run finished."""
        # Here, so that a plan needs no scipy.
        from bench.models.erasures import read
        from bench.runs import record

        begun = now()
        resolved = kept.resolved(self.spec)
        with clock.step("load"):
            for metric in resolved.metrics:
                metric.prepare(resolved.family, self.device)
        per_image = PerImage(
            resolved, self.folder, resolved.metrics, self.device, progress, self.real
        )
        headers = [read(self.folder.erasure_path(case.name)) for case in resolved.cases]
        seconds = {**self.seconds, "erase": sum(each.seconds for each in headers) / len(headers)}
        facts = {**self.facts, "classes": resolved.choice.to_json(), "form": headers[0].form}
        facts |= {"plugins": resolved.plugins, "detectors": resolved.detectors}
        with clock.step("measure"):
            rows = per_image.measure(per_image.read() or per_image.blank())
            found = record.outcome(per_image, rows, seconds, facts)
        seconds["load"] += clock.seconds["load"]
        seconds["measure"] = clock.seconds["measure"]
        seconds["total"] += now() - begun
        record.finish(per_image, found, seconds, {**facts, "finished": provenance.now()})


@dataclass(frozen=True)
class Compare(Unit):
    """Measures a finished run again, against real images that it was not compared with."""

    real: ReferenceImages

    @property
    def name(self) -> str:
        """The scores, and their run."""
        return f"the scores of {self.spec.run_id}"

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Measure by the metrics that compare with real images."""
        from bench.runs import rescore

        resolved = kept.resolved(self.folder.read_record().spec)
        names = [each.name for each in resolved.metrics if each.least_reference(resolved.family)]
        some = {"device": self.device, "real": self.real, "progress": progress}
        rescore.score_again(self.folder, names, **some)  # type: ignore[arg-type]


def fits(resolved: Resolved, out: Path, device: str) -> list[Fit]:
    """Return a unit for each erasure of a run that is missing.

    Args:
        resolved: What the run's spec names.
        out: Folder that holds the run folders.
        device: Where to compute.
    """
    units = (Fit(resolved.spec, out, device, case) for case in resolved.cases)
    return [unit for unit in units if not unit.path.exists()]


def draws(resolved: Resolved, out: Path, device: str, batch_size: int) -> list[Draw]:
    """Return a unit for each batch of a run of which an image is missing.

    Args:
        resolved: What the run's spec names.
        out: Folder that holds the run folders.
        device: Where to compute.
        batch_size: Images drawn at once.
    """
    cases = {case.name: case for case in resolved.cases if resolved.spec.method != ORIGINAL}
    folder = RunFolder(out, resolved.spec.run_id)
    return [
        Draw(resolved.spec, out, device, cases.get(name), tuple(batch))
        for name, rows in wanted(resolved).items()
        for batch in due_batches(rows, folder.images(name), batch_size)
    ]


def wanted(resolved: Resolved) -> dict[str, list[Prompt]]:
    """Return the prompts of each image folder of a run; cases that share one share its images."""
    found: dict[str, dict[str, Prompt]] = {}
    for case, some in resolved.prompts.items():
        by_id = found.setdefault(image_folder(resolved.spec, case), {})
        for prompt in some:
            by_id.setdefault(prompt.id, prompt)
    return {name: list(by_id.values()) for name, by_id in found.items()}
