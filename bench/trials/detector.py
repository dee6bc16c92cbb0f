"""The eye that decides whether a picture shows a concept: the suite's first that can read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.content import Content
from bench.types import Case, InputError, Progress, Prompt, silent

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


def detector(content: Content, case: Case, device: str) -> Detector:
    """Return the detector of a case, ready to measure; see `judge`."""
    metric = judge(content)
    metric.prepare(content.family, device)
    return Detector(metric.name, metric, content.setting(case, device, {}))


def judge(content: Content) -> Metric:
    """Return the metric that decides; loads nothing.

    Raises:
        InputError: no metric of the suite can read the model's pictures or tell this kind apart.
    """
    for metric in content.metrics:
        if "label" in metric.columns:
            return metric
    raise InputError(
        f"no metric of suite {content.suite.name} tells what images of {content.spec.model} show, "
        "so no attack on it can be judged"
    )
