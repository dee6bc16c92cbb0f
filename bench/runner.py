"""One run: erase, generate, measure, aggregate, record; whatever is there already is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import pipelines, prompts, provenance, registry
from bench.generate import generate, image_path
from bench.scores import aggregate
from bench.store import UNEDITED, Row, RunFolder
from bench.types import Case, InputError, Progress, Prompt, RunRecord, RunSpec, Size, Suite, silent

if TYPE_CHECKING:
    from bench.metrics import Metric, Setting

PROMPT_COLUMNS = ("case", "id", "role", "tag", "concept", "text", "seed", "image")
"""Columns of per_image.csv before those of the metrics."""


def run(
    spec: RunSpec,
    out: Path,
    *,
    device: str = "cpu",
    batch_size: int = 25,
    progress: Progress = silent,
) -> RunRecord:
    """Carry out a run, or what is left of it, and return its record.

    Killed anywhere, the same call resumes and ends with the same scores.

    Args:
        spec: What to run.
        out: Folder that holds the run folders.
        device: Where to compute, "cpu" or "cuda".
        batch_size: Images drawn at once.
        progress: Told what is under way.

    Raises:
        InputError: the run folder or a file in it cannot be used; nothing has been erased then.
    """
    started, clock = provenance.now(), _Clock()
    folder = RunFolder(out, spec.run_id)
    resumed = folder.create(spec)
    if folder.is_done():
        return folder.read_record()
    work = _Work(spec, folder, device, batch_size, progress, clock)
    prompt_hash = prompts.file_hash(work.suite)
    facts = provenance.gather(spec.model, prompt_hash, device, batch_size)
    with clock.step("total"):
        work.check()
        work.erase()
        work.generate()
        rows = work.measure()
        scores = aggregate(rows, spec, [*work.metrics], work.suite.kind)
        folder.write_scores(scores)
    facts |= {"resumed": resumed, "started": started, "finished": provenance.now()}
    record = RunRecord(spec, facts, dict(clock.seconds), tuple(scores))
    folder.write_record(record)
    return record


def erase(
    spec: RunSpec, out: Path, *, device: str = "cpu", progress: Progress = silent
) -> RunFolder:
    """Make what is missing of a run's edits and return its folder; `run` goes on from there."""
    folder = RunFolder(out, spec.run_id)
    folder.create(spec)
    _Work(spec, folder, device, 1, progress, _Clock()).erase()
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

    spec: RunSpec
    folder: RunFolder
    device: str
    batch_size: int
    progress: Progress
    clock: _Clock

    @cached_property
    def suite(self) -> Suite:
        suites = prompts.suites()
        return suites[registry.find("suite", self.spec.suite, suites)]

    @cached_property
    def size(self) -> Size:
        sizes = {size.name: size for size in self.suite.sizes}
        return sizes[registry.find("size", self.spec.size, sizes)]

    @cached_property
    def cases(self) -> list[Case]:
        known = {case.name: case for case in self.suite.cases}
        return [known[registry.find("case", name, known)] for name in self.spec.cases]

    @cached_property
    def prompts(self) -> dict[str, tuple[Prompt, ...]]:
        """The prompts of each case."""
        return {case.name: prompts.select(self.suite, case, self.size) for case in self.cases}

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The suite's metrics that can read this model's images, in the suite's order."""
        known, family = registry.metrics(), pipelines.family(self.spec.model)
        found = {}
        for name in self.suite.metrics:
            metric = registry.load_metric(known[registry.find("metric", name, known)])
            if metric.families is None or family in metric.families:
                found[name] = metric
        if not found:
            raise InputError(
                f"no metric of suite {self.suite.name} can read images of {self.spec.model}"
            )
        return found

    @cached_property
    def pipe(self) -> Any:
        """The un-erased pipeline, loaded when something is left to erase or draw."""
        with self.clock.step("load"):
            return pipelines.shared(self.spec.model, self.device)

    def check(self) -> None:
        """Read what an earlier attempt left and load the metrics: damage must show before work."""
        from bench.edits import read_header

        for case in self.cases:
            if self.folder.edit_path(case.name).exists():
                read_header(self.folder.edit_path(case.name))
        self._measured()
        self.clock.seconds |= dict.fromkeys(("load", "erase", "generate", "measure"), 0.0)
        with self.clock.step("load"):
            for metric in self.metrics.values():
                metric.prepare(pipelines.family(self.spec.model), self.device)

    def erase(self) -> None:
        from bench.edits import read_header, save_edit

        eraser = registry.load_method(registry.method(self.spec.method), self.spec.options)
        concepts = prompts.concepts()
        seconds = []
        for case in self.cases:
            path = self.folder.edit_path(case.name)
            if not path.exists():
                pipe = self.pipe
                start = time.perf_counter()
                erased = eraser.erase(
                    pipe,
                    [concepts[name] for name in case.concepts],
                    seed=self.spec.seed,
                    progress=self.progress,
                )
                save_edit(
                    pipe,
                    erased,
                    path,
                    method=self.spec.method,
                    options=self.spec.options,
                    concepts=case.concepts,
                    seconds=time.perf_counter() - start,
                )
                del erased
            seconds.append(float(read_header(path)[1]["seconds"]))
        self.clock.seconds["erase"] = sum(seconds) / len(seconds)

    def generate(self) -> None:
        from bench.edits import apply_edit

        for name, wanted in self._image_folders().items():
            images = self.folder.images(name)
            if all(image_path(images, prompt).exists() for prompt in wanted):
                continue
            pipe = self.pipe
            with self.clock.step("generate"):
                if name != UNEDITED:
                    pipe = apply_edit(pipe, self.folder.edit_path(name))
                generate(
                    pipe,
                    wanted,
                    images,
                    self.spec.sampler,
                    batch_size=self.batch_size,
                    progress=self.progress,
                )

    def _image_folders(self) -> dict[str, list[Prompt]]:
        """Return the prompts of each image folder; cases that share one share its images."""
        wanted: dict[str, dict[str, Prompt]] = {}
        for case in self.cases:
            by_id = wanted.setdefault(self._image_folder(case.name), {})
            for prompt in self.prompts[case.name]:
                by_id.setdefault(prompt.id, prompt)
        return {name: list(by_id.values()) for name, by_id in wanted.items()}

    def _image_folder(self, case: str) -> str:
        from bench.edits import read_header

        return case if read_header(self.folder.edit_path(case))[0] else UNEDITED

    def measure(self) -> list[Row]:
        with self.clock.step("measure"):
            rows = self._measured() or self._blank_rows()
            for case in self.cases:
                own = [row for row in rows if row["case"] == case.name]
                for name, metric in self.metrics.items():
                    columns = [f"{name}_{column}" for column in metric.columns]
                    if all(any(row[column] for column in columns) for row in own):
                        continue
                    verdicts = metric.measure(
                        [self.folder.path / row["image"] for row in own],
                        self.prompts[case.name],
                        self._setting(case),
                        self.progress,
                    )
                    for row, verdict in zip(own, verdicts, strict=True):
                        for column in metric.columns:
                            row[f"{name}_{column}"] = _cell(verdict[column])
                    self.folder.write_per_image(rows)
            return rows

    def _setting(self, case: Case) -> Setting:
        from bench.metrics import Setting

        known = prompts.concepts()
        names = dict.fromkeys(name for each in self.suite.cases for name in each.concepts)
        names |= dict.fromkeys(prompt.concept for prompt in self.prompts[case.name])
        return Setting(
            erased=tuple(known[name] for name in case.concepts),
            classes=tuple(known[name] for name in names),
            family=pipelines.family(self.spec.model),
            device=self.device,
        )

    def _blank_rows(self) -> list[Row]:
        """Return every row of per_image.csv with nothing measured yet."""
        rows = []
        for case in self.cases:
            images = self.folder.images(self._image_folder(case.name)).relative_to(self.folder.path)
            for prompt in self.prompts[case.name]:
                image = image_path(images, prompt).as_posix()
                values = (
                    case.name,
                    prompt.id,
                    prompt.role,
                    prompt.tag,
                    prompt.concept,
                    prompt.text,
                )
                cells = (*values, str(prompt.seed), image)
                row = dict(zip(PROMPT_COLUMNS, cells, strict=True))
                rows.append(row | dict.fromkeys(self._metric_columns(), ""))
        return rows

    def _metric_columns(self) -> Sequence[str]:
        return [f"{name}_{column}" for name, m in self.metrics.items() for column in m.columns]

    def _measured(self) -> list[Row]:
        """Return the rows measured so far, after checking that they are this run's."""
        rows = self.folder.read_per_image()
        if not rows:
            return []
        expected = [(case, p.id) for case, some in self.prompts.items() for p in some]
        columns = {*PROMPT_COLUMNS, *self._metric_columns()}
        if set(rows[0]) != columns or [(row["case"], row["id"]) for row in rows] != expected:
            raise InputError(
                f"{self.folder.per_image_path} does not list this run's images and metrics; delete "
                "it and the same command measures them again"
            )
        return rows


def _cell(value: str | float) -> str:
    """Return a value as it stands in per_image.csv; six digits hide what rounding may change."""
    return value if isinstance(value, str) else f"{value:.6g}"
