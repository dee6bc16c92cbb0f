"""Measures the images of a run: rows of per_image.csv, one a case and prompt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.files import Row
from bench.models.generate import image_path
from bench.portable import UNERASED
from bench.results.store import PROMPT_COLUMNS, RunFolder
from bench.runs.resolved import Resolved
from bench.types import ORIGINAL, Case, InputError, Progress, Prompt, RunSpec, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric, SetScore, Setting


@dataclass(frozen=True)
class PerImage:
    """Measures each image of a run, and keeps the verdicts as rows of per_image.csv."""

    resolved: Resolved
    folder: RunFolder
    metrics: Sequence[Metric]
    device: str = "cpu"
    progress: Progress = silent
    reference: ReferenceImages | None = None
    """Real images to compare the run's with."""

    def read(self) -> list[Row]:
        """Return the rows measured so far, none for a run that has measured nothing.

        Raises:
            InputError: they are not this run's images, lack a metric, or were edited by hand.
        """
        rows = self.folder.read_per_image()
        if rows:
            expected = (
                prompt_row(case, prompt, "")
                for case, some in self.resolved.prompts.items()
                for prompt in some
            )
            problem = _mismatch(rows, list(expected), columns(self.metrics))
            if problem:
                raise InputError(
                    f"{self.folder.per_image_path} does not list this run's images and metrics "
                    f"({problem}); delete it and the same command measures them again"
                )
        return rows

    def blank(self) -> list[Row]:
        """Return every row of per_image.csv with nothing measured yet."""
        return [
            prompt_row(case, prompt, self._images(case)) | blank(self.metrics)
            for case, some in self.resolved.prompts.items()
            for prompt in some
        ]

    def _images(self, case: str) -> str:
        folder = self.folder.images(image_folder(self.resolved.spec, case))
        return folder.relative_to(self.folder.path).as_posix()

    def measure(self, rows: list[Row], *, keep: bool = True) -> list[Row]:
        """Measure what is not measured yet, and keep per_image.csv up to date if told to.

        Args:
            rows: per_image.csv; cells of what is measured are filled in.
            keep: Whether per_image.csv is written.
        """
        for case in self.resolved.cases:
            own = [row for row in rows if row["case"] == case.name]
            images = [self.folder.path / row["image"] for row in own]
            setting = self.setting(case)
            for metric in self.metrics:
                some = self.resolved.prompts[case.name]
                if fill(own, metric, images, some, setting, self.progress) and keep:
                    self.folder.write_per_image(rows)
        if keep and not self.folder.per_image_path.exists():
            # Nothing looks at single images, and yet they are this run's.
            self.folder.write_per_image(rows)
        return rows

    def setting(self, case: Case) -> Setting:
        """Return what metrics have to know of a case, with the un-erased images that are there."""
        folder = RunFolder(self.folder.path.parent, self.resolved.original.run_id).images(UNERASED)
        paths = {each.id: image_path(folder, each) for each in self.resolved.prompts[case.name]}
        there = {name: path for name, path in paths.items() if path.exists()}
        return self.resolved.setting(case, self.device, there)

    @property
    def unerased(self) -> RunFolder | None:
        """The folder of the un-erased model's finished run, None where it is not there."""
        folder = RunFolder(self.folder.path.parent, self.resolved.original.run_id)
        return folder if folder.is_done() else None

    def of_run(
        self, rows: Iterable[Row], facts: Mapping[str, Mapping[str, float]]
    ) -> dict[str, dict[str, list[SetScore]]]:
        """Return for each case, by metric, the scores of all its images together, such as FID.

        Args:
            rows: per_image.csv.
            facts: What each case's erasure cost.
        """
        from bench.metrics import View

        found = {}
        for case in self.resolved.cases:
            setting = self.setting(case)
            images: dict[str, list[Path]] = {}
            unerased: dict[str, list[Path]] = {}
            for row in (row for row in rows if row["case"] == case.name):
                images.setdefault(row["role"], []).append(self.folder.path / row["image"])
                if row["id"] in setting.unerased:
                    others = unerased.setdefault(row["role"], [])
                    others.append(setting.unerased[row["id"]])
            view = View(images, unerased, setting, facts[case.name], self.reference)
            found[case.name] = {
                metric.name: metric.of_run(view, self.progress) for metric in self.metrics
            }
        return found


def image_folder(spec: RunSpec, case: str) -> str:
    """Return the name of the folder of a case's images; those of the un-erased model share one.

    Args:
        spec: The run's.
        case: Name of the case.
    """
    return UNERASED if spec.method == ORIGINAL else case


def prompt_row(case: str, prompt: Prompt, images: str) -> Row:
    """Return the columns of per_image.csv that say which image a row is about.

    Args:
        case: Name of the case.
        prompt: What the image is drawn for.
        images: The folder of the case's images, as the column names it.
    """
    values = (case, prompt.id, prompt.role, prompt.tag, prompt.concept, prompt.text)
    cells = (*values, str(prompt.seed), image_path(Path(images), prompt).as_posix())
    return dict(zip(PROMPT_COLUMNS, cells, strict=True))


def columns(metrics: Iterable[Metric]) -> list[str]:
    """Return the columns of per_image.csv that metrics fill, in their order."""
    return [f"{metric.name}_{name}" for metric in metrics for name in metric.columns]


def blank(metrics: Iterable[Metric]) -> Row:
    """Return the metrics' columns with nothing measured yet."""
    return dict.fromkeys(columns(metrics), "")


def fill(
    rows: Sequence[Row],
    metric: Metric,
    images: Sequence[Path],
    prompts: Sequence[Prompt],
    setting: Setting,
    progress: Progress = silent,
) -> bool:
    """Write a metric's verdicts into rows that lack one; return whether any did.

    Args:
        rows: One an image, changed in place.
        metric: The metric.
        images: Image files, in the rows' order.
        prompts: What they were drawn for, in the same order.
        setting: What else there is to know of the case.
        progress: Told how many images are done.
    """
    own = columns([metric])
    if all(any(row[name] for name in own) for row in rows) or not own:
        return False
    verdicts = metric.measure(images, prompts, setting, progress)
    for row, verdict in zip(rows, verdicts, strict=True):
        for name in metric.columns:
            row[f"{metric.name}_{name}"] = _cell(verdict.get(name, math.nan))
    return True


def _cell(value: str | float) -> str:
    """Return a value as it stands in per_image.csv; six digits hide what rounding may change."""
    return value if isinstance(value, str) else f"{value:.6g}"


def _mismatch(rows: Sequence[Row], expected: Sequence[Row], wanted: Sequence[str]) -> str:
    """Say what is wrong with rows that should begin with the expected columns; "" if nothing."""
    given = list(rows[0])
    if given[: len(PROMPT_COLUMNS)] != list(PROMPT_COLUMNS):
        return f"its columns are {', '.join(given)}"
    if missing := set(wanted) - set(given):
        return f"it has no column {min(missing)}"
    if len(rows) != len(expected):
        return f"it has {len(rows)} rows instead of {len(expected)}"
    for number, (row, right) in enumerate(zip(rows, expected, strict=True), start=2):
        for name in PROMPT_COLUMNS:
            same = row[name] == right[name]
            if name == "image":
                same = Path(row[name]).name == Path(right[name]).name
            if not same:
                return f"row {number}, {name}: '{row[name]}' instead of '{right[name]}'"
        for name in given[len(PROMPT_COLUMNS) :]:
            if not name.endswith("_label") and not _is_number(row[name]):
                return f"row {number}, {name}: '{row[name]}' is no number"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
