"""The eye that decides whether a picture shows a concept: the suite's first that can read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import pipelines, prompts, registry
from bench.types import Case, InputError, Progress, Prompt, Suite, silent

if TYPE_CHECKING:
    from bench.metrics import Metric, Setting


@dataclass(frozen=True)
class Detector:
    """A metric, and what it has to know of a case."""

    name: str
    """The metric's name."""
    metric: Metric
    setting: Setting

    def shows(
        self, pictures: Sequence[Path], rows: Sequence[Prompt], progress: Progress = silent
    ) -> list[bool]:
        """Return for each picture whether the concept of its prompt is what it shows most."""
        verdicts = self.metric.measure(pictures, rows, self.setting, progress)
        return [
            verdict["label"] == row.concept for verdict, row in zip(verdicts, rows, strict=True)
        ]


def detector(suite: Suite, case: Case, model: str, device: str) -> Detector:
    """Return the detector of a case, ready to measure.

    Raises:
        InputError: no metric of the suite can read the model's pictures or tell this kind apart.
    """
    from bench.metrics import Setting

    known, family = registry.metrics(), pipelines.family(model)
    concepts = prompts.concepts()
    classes = dict.fromkeys(name for each in suite.cases for name in each.concepts)
    setting = Setting(
        erased=tuple(concepts[name] for name in case.concepts),
        classes=tuple(concepts[name] for name in classes),
        family=family,
        device=device,
    )
    for name in suite.metrics:
        metric = registry.load_metric(known[registry.find("metric", name, known)])
        if metric.families is None or family in metric.families:
            if "label" not in metric.columns:
                continue
            metric.prepare(family, device)
            return Detector(name, metric, setting)
    raise InputError(
        f"no metric of suite {suite.name} tells what images of {model} show, so no attack on it "
        "can be judged"
    )
