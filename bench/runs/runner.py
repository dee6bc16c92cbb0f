"""One run: erase, generate, measure, aggregate, record; whatever is there already is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import prompts
from bench.files import Row
from bench.images import ReferenceImages
from bench.models import pipelines
from bench.models.generate import due_batches, generate
from bench.results.store import UNERASED, RunFolder
from bench.runs import erasing, folders, provenance, record, reference, rescore
from bench.runs.per_image import PerImage, image_folder
from bench.runs.resolved import Resolved
from bench.types import Form, Progress, Prompt, RunRecord, RunSpec, silent


def run(
    spec: RunSpec,
    out: Path,
    *,
    device: str = "cpu",
    batch_size: int = 25,
    real: ReferenceImages | None = None,
    progress: Progress = silent,
) -> RunRecord:
    """Carry out a run, or what is left of it, and return its record.

    Killed anywhere, the same call resumes and ends with the same scores.

    Args:
        spec: What to run.
        out: Folder that holds the run folders.
        device: Where to compute, "cpu" or "cuda".
        batch_size: Images drawn at once.
        real: Images to compare with; a finished run that was not is measured again.
        progress: Told what is under way.

    Raises:
        InputError: the run folder or a file in it cannot be used; nothing has been erased then.
    """
    started, clock = provenance.now(), _Clock()
    folder, resumed = folders.opened(spec, out)
    if folder.is_done():
        return _compared(folder, real, device, progress)
    work = _Work(Resolved(spec), folder, device, batch_size, progress, clock, real)
    prompt_hash = prompts.file_hash(work.content.suite, work.content.family)
    facts = provenance.gather(spec.place("model"), prompt_hash, device, batch_size)
    facts |= {"places": dict(spec.places), "plugins": work.content.plugins}
    with clock.step("total"):
        work.check()
        work.erase()
        work.generate()
        facts |= {"classes": work.content.choice.to_json()}
        found = work.score(work.measure(), facts)
    facts |= {"form": work.form(), "detectors": work.content.detectors}
    facts |= {"resumed": resumed, "started": started, "finished": provenance.now()}
    return record.finish(work.per_image, found, clock.seconds, facts)


def _compared(
    folder: RunFolder, real: ReferenceImages | None, device: str, progress: Progress
) -> RunRecord:
    """Return a finished run's record, compared with these real images."""
    found = folder.read_record()
    if reference.compared(found, real):
        return found
    content = Resolved(found.spec)
    names = [each.name for each in content.metrics if each.least_reference(content.family)]
    return rescore.score_again(folder, names, device=device, real=real, progress=progress)


def erase(
    spec: RunSpec, out: Path, *, device: str = "cpu", progress: Progress = silent
) -> RunFolder:
    """Make what is missing of a run's erasures and return its folder; `run` goes on from there."""
    folder, _ = folders.opened(spec, out)
    _Work(Resolved(spec), folder, device, 1, progress, _Clock()).erase()
    return folder


@dataclass
class _Clock:
    """Wall-clock seconds per step, of the work this process did."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + passed


@dataclass
class _Work:
    """The steps of one run, over what its spec names."""

    content: Resolved
    folder: RunFolder
    device: str
    batch_size: int
    progress: Progress
    clock: _Clock
    real: ReferenceImages | None = None

    @cached_property
    def per_image(self) -> PerImage:
        """What is measured of the run's images."""
        content = self.content
        some = (content.metrics, self.device, self.progress, self.real)
        return PerImage(content, self.folder, *some)

    @cached_property
    def pipe(self) -> Any:
        """The un-erased pipeline, loaded when something is left to erase or draw."""
        spec = self.content.spec
        with self.clock.step("load"):
            return pipelines.shared(spec.place("model"), self.device, spec.precision)

    def check(self) -> None:
        """Read what an earlier attempt left and load the metrics: damage must show before work."""
        from bench.models.erasures import read

        for case in self.content.cases:
            if self.folder.erasure_path(case.name).exists():
                read(self.folder.erasure_path(case.name))
        self.per_image.read()
        self.clock.seconds |= dict.fromkeys(("load", "erase", "generate", "measure"), 0.0)
        with self.clock.step("load"):
            for metric in self.content.metrics:
                metric.prepare(self.content.family, self.device)

    def erase(self) -> None:
        from bench.models.erasures import read

        seconds = []
        for case in self.content.cases:
            path = self.folder.erasure_path(case.name)
            if not path.exists():
                device, progress = self.device, self.progress
                erasing.fit(self.content, case, self.pipe, path, device=device, progress=progress)
            seconds.append(read(path).seconds)
        self.clock.seconds["erase"] = sum(seconds) / len(seconds)

    def form(self) -> Form:
        """Return what the erasures of the run are: weights, adapters or ways to draw."""
        from bench.models.erasures import read

        return read(self.folder.erasure_path(self.content.cases[0].name)).form

    def generate(self) -> None:
        drawn, cases = 0, {case.name: case for case in self.content.cases}
        for name, wanted in self._image_folders().items():
            images = self.folder.images(name)
            due = due_batches(wanted, images, self.batch_size)
            if not due:
                continue
            # What is drawn again beside a missing image takes its time too.
            drawn += sum(map(len, due))
            pipe = self.pipe
            if name != UNERASED:
                with self.clock.step("load"):
                    path = self.folder.erasure_path(name)
                    pipe = erasing.apply(self.content, cases[name], pipe, path)
            with self.clock.step("generate"):
                generate(
                    pipe,
                    wanted,
                    images,
                    self.content.spec.sampler,
                    batch_size=self.batch_size,
                    progress=self.progress,
                )
        if drawn:
            self.clock.seconds["image"] = self.clock.seconds["generate"] / drawn

    def _image_folders(self) -> dict[str, list[Prompt]]:
        """Return the prompts of each image folder; cases that share one share its images."""
        wanted: dict[str, dict[str, Prompt]] = {}
        for case, some in self.content.prompts.items():
            by_id = wanted.setdefault(image_folder(self.content.spec, case), {})
            for prompt in some:
                by_id.setdefault(prompt.id, prompt)
        return {name: list(by_id.values()) for name, by_id in wanted.items()}

    def measure(self) -> list[Row]:
        with self.clock.step("measure"):
            return self.per_image.measure(self.per_image.read() or self.per_image.blank())

    def score(self, rows: list[Row], facts: Mapping[str, Any]) -> record.Outcome:
        """Return what the images say."""
        with self.clock.step("measure"):
            return record.outcome(self.per_image, rows, self.clock.seconds, facts)
