"""The pieces that a run's work is cut into: each finds what it needs as files, and leaves files.

Whoever performs them, in whatever order and however often, the same files are there afterwards.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.models import loading
from bench.models.generate import due_batches, generate, image_path
from bench.models.means import PLAIN, Means, compiled, offloaded
from bench.models.pipelines import with_unet
from bench.models.samplers import sampled
from bench.results.store import RunFolder
from bench.runs import erasing
from bench.runs.per_image import image_folder
from bench.runs.resolved import Resolved
from bench.types import ORIGINAL, Case, Progress, Prompt, RunSpec

if TYPE_CHECKING:
    from torch import Tensor


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

    def __init__(self, means: Means = PLAIN) -> None:
        """Keep nothing yet.

        Args:
            means: By what means images are drawn.
        """
        self.means = means
        self._resolved: dict[str, Resolved] = {}
        self._erased: tuple[Path | None, Any] = (None, None)
        self._compiled: tuple[Any, Any] = (None, None)

    def resolved(self, spec: RunSpec) -> Resolved:
        """Return a run's suite, cases, prompts and metrics, looked up once."""
        return self._resolved.setdefault(spec.run_id, Resolved(spec))

    def erased(self, spec: RunSpec, case: Case, path: Path, pipe: Any) -> Any:
        """Return the pipeline that an erasure makes; only the last one is kept.

        Args:
            spec: Of the erasure's run.
            case: What is erased.
            path: The erasure's file.
            pipe: The un-erased pipeline.
        """
        if self._erased[0] != path:
            # The last one goes first, so that there are never two in memory.
            self.free()
            self._erased = (path, erasing.apply(self.resolved(spec), case, pipe, path))
        return self._erased[1]

    def free(self) -> None:
        """Let go of the last erased pipeline: erasing needs the room."""
        self._erased = self._compiled = (None, None)

    def quick(self, pipe: Any) -> Any:
        """Return the pipeline with its U-Net compiled, if that is asked for, once."""
        if not self.means.compiled:
            return pipe
        if self._compiled[0] is not pipe.unet:
            self._compiled = (pipe.unet, compiled(pipe).unet)
        return with_unet(pipe, self._compiled[1])


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

    @property
    def made(self) -> Sequence[Path]:
        """The files that it makes whose checksums are noted when it is done."""
        return ()

    def note(self) -> None:
        """Note the checksums of what it made: by who handed it out, so that one process writes."""
        if self.made:
            self.folder.sums.note(self.made)

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

    @property
    def made(self) -> Sequence[Path]:
        """The erasure's file."""
        return [self.path]

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Fit the erasure if it is missing; its file says what that cost."""
        if not self.path.exists():
            kept.free()
            resolved, pipe = kept.resolved(self.spec), self.pipe(clock)
            some = {"device": self.device, "progress": progress}
            erasing.fit(resolved, self.case, pipe, self.path, **some)  # type: ignore[arg-type]


@dataclass(frozen=True)
class WithModel(Unit):
    """A unit that needs a model: an erased one, or the un-erased one."""

    case: Case | None
    """What is erased; None for the un-erased model."""

    def ready(self) -> bool:
        """Return whether the erasure to draw with is there."""
        return self.case is None or self.folder.erasure_path(self.case.name).exists()

    def model(self, kept: Kept, clock: Clock) -> Any:
        """Return the pipeline.

        Args:
            kept: What this process keeps between units.
            clock: Told what loading took.
        """
        pipe = sampled(self.pipe(clock), self.spec.sampler.scheduler)
        if self.case is None:
            return pipe
        with clock.step("load"):
            path = self.folder.erasure_path(self.case.name)
            return kept.erased(self.spec, self.case, path, pipe)


@dataclass(frozen=True)
class Batch(WithModel):
    """Draws one batch of images with an erased model, or with the un-erased one.

    A batch is drawn whole and by itself, so no rounding depends on who draws it, or when.
    """

    prompts: tuple[Prompt, ...]
    images: Path
    """Their folder, in the run's."""

    @property
    def name(self) -> str:
        """The images, their folder and their run."""
        ends = f"{self.prompts[0].id} to {self.prompts[-1].id}"
        where = self.images.relative_to(self.folder.path).as_posix()
        return f"images {ends} in {where} of {self.spec.run_id}"

    @property
    def made(self) -> Sequence[Path]:
        """The images."""
        return [image_path(self.images, each) for each in self.prompts]

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Draw those of the images that are missing."""
        pipe, unerased = self.model(kept, clock), self.pipe(clock)
        aside = offloaded(pipe, unerased, self.device) if kept.means.offload else nullcontext()
        with clock.step("generate"), aside:
            generate(
                *(kept.quick(pipe), self.prompts, self.images, self.spec.sampler),
                batch_size=len(self.prompts),
                starts=self.starts(),
                progress=progress,
            )

    def starts(self) -> Mapping[str, Tensor] | None:
        """Return what images are drawn from, by their prompt's id; None for noise of the seeds."""
        return None


def fits(resolved: Resolved, out: Path, device: str) -> list[Fit]:
    """Return a unit for each erasure of a run that is missing.

    Args:
        resolved: What the run's spec names.
        out: Folder that holds the run folders.
        device: Where to compute.
    """
    units = (Fit(resolved.spec, out, device, case) for case in resolved.cases)
    return [unit for unit in units if not unit.path.exists()]


def draws(resolved: Resolved, out: Path, device: str, batch_size: int) -> list[Batch]:
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
        Batch(resolved.spec, out, device, cases.get(name), tuple(batch), folder.images(name))
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
