"""Lets detectors read images whose content is known."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import prompts, registry
from bench.families import FAMILIES
from bench.models import recognition
from bench.names import find
from bench.prompts.choice import Choice
from bench.results.stats import calibration
from bench.results.stats.calibration import Calibration
from bench.types import InputError, Kind, Progress, Prompt, Suite, silent

if TYPE_CHECKING:
    from bench.metrics import Metric

CONFIDENCE = "confidence"
"""The column that a metric has if it chooses a concept and can be calibrated."""


@dataclass(frozen=True)
class Task:
    """What a calibration is made of: detectors, and the images of known content that they read."""

    family: str
    suite: Suite
    choice: Choice
    """What the detectors choose from, as in the suite's runs; its first concept is erased."""
    metrics: tuple[Metric, ...]
    folder: Path | None
    """Where the images are; None where they are rendered."""
    prompts: tuple[Prompt, ...]
    """Of given images: what each shows."""
    each: int
    """Rendered images a concept, and as many without one."""

    @property
    def names(self) -> list[str]:
        """The detectors' names."""
        return [metric.name for metric in self.metrics]


def task(
    model: str,
    suite: str,
    metrics: Sequence[str] = (),
    folder: Path | None = None,
    prompt_file: Path | None = None,
    each: int = 100,
) -> Task:
    """Check everything that can be checked without torch.

    Args:
        model: Whose family's detectors are meant.
        suite: Whose concepts.
        metrics: Names; empty for those of the suite that choose between concepts.
        folder: Images of known content, `<id>.png`; None renders them, for mini only.
        prompt_file: Their prompt file, whose column concept says what each shows.
        each: Rendered images a concept.

    Raises:
        InputError: a name is unknown, a metric cannot be calibrated, or images are missing.
    """
    chosen = prompts.suite(suite)
    recognition.check(model)
    family = recognition.family(model)
    found = tuple(
        metric
        for metric in map(registry.metric, metrics or chosen.metrics)
        if CONFIDENCE in metric.columns and metric.reads(family, chosen.kind)
    )
    if len(found) < len(metrics) or not found:
        every = registry.usable_metrics().items()
        fit = [name for name, each in every if CONFIDENCE in each.columns]
        raise InputError(
            f"calibrate got metrics {', '.join(metrics or chosen.metrics)}, allowed for {model} "
            f"are those that choose between concepts: {', '.join(fit)}"
        )
    if (folder is None) != (prompt_file is None):
        raise InputError("--images and --prompts go together")
    rows: tuple[Prompt, ...] = ()
    if folder is None and FAMILIES[family].world != "rendered":
        raise InputError(
            f"images of known content are rendered for mini only; for {model} give --images DIR "
            "and --prompts FILE"
        )
    choice = prompts.classes(chosen, family)
    if folder is not None and prompt_file is not None:
        rows = _given(folder, prompt_file)
        names = [concept.name for concept in choice.classes]
        for name in dict.fromkeys(row.concept for row in rows if row.concept):
            find(f"concept in {prompt_file}, for detectors of suite {suite}", name, names)
    else:
        from bench.models.mini import known

        for name in chosen.erased:
            find("concept of which mini has images", name, known.labels(chosen.kind))
    for metric in found:
        metric.check(family, choice.classes[:1], rows)
    return Task(family, chosen, choice, found, folder, rows, each)


def _given(folder: Path, prompt_file: Path) -> tuple[Prompt, ...]:
    rows = prompts.read(prompt_file)
    missing = [row.id for row in rows if not (folder / f"{row.id}.png").is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of {len(rows)} images, the first is {missing[0]}.png"
        )
    return rows


def run(task: Task, device: str = "cpu", progress: Progress = silent) -> Calibration:
    """Let the detectors read the images.

    Args:
        task: What to calibrate, and on which images.
        device: Where the networks compute, as torch names it.
        progress: Told what is under way.
    """
    if task.folder is not None:
        return _read(task, task.folder, task.prompts, device, progress)
    with tempfile.TemporaryDirectory() as folder:
        rows = _rendered(task, Path(folder), progress)
        return _read(task, Path(folder), rows, device, progress)


def _rendered(task: Task, folder: Path, progress: Progress) -> tuple[Prompt, ...]:
    from bench.models.mini import known

    rows = []
    for number, (image, concept) in enumerate(known.images(task.suite.kind, task.each)):
        image.save(folder / f"{number:05d}.png")
        rows.append(Prompt(f"{number:05d}", concept, number, "general", concept))
        progress("images", number + 1, task.each * len(known.labels(task.suite.kind)))
    return tuple(rows)


def _read(
    task: Task, folder: Path, rows: Sequence[Prompt], device: str, progress: Progress
) -> Calibration:
    from bench.metrics import Setting

    classes = task.choice.classes
    setting = Setting((classes[0],), classes, task.family, device, none=task.choice.none)
    names = {concept.name for concept in classes}
    truths = [row.concept for row in rows]
    readings, labels = [], []
    for metric in task.metrics:
        metric.prepare(task.family, device)
        paths = [folder / f"{row.id}.png" for row in rows]
        verdicts = metric.measure(paths, rows, setting, progress)
        seen = [str(v["label"]) if v["label"] in names else "" for v in verdicts]
        confidences = [float(v[CONFIDENCE]) for v in verdicts]
        labels.append(seen)
        detector, choices = registry.detector_version(metric), task.choice.to_json()
        readings.append(calibration.read(metric.name, detector, choices, truths, seen, confidences))
    shown = [number for number, truth in enumerate(truths) if truth]
    kappa = None
    if len(labels) > 1:
        kappa = calibration.kappa(*([some[i] for i in shown] for some in labels[:2]))
    kind: Kind = task.suite.kind
    source = (
        f"{len(rows)} rendered images of known content"
        if task.folder is None
        else f"{len(rows)} given images of known content"
    )
    return Calibration(task.family, kind, source, tuple(readings), kappa)
