"""Decides whether an image shows a concept, by the suite's metric that is made for its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results import authority
from bench.runs.per_image import blank, fill, prompt_row
from bench.runs.resolved import Resolved
from bench.types import Case, InputError, Progress, Prompt, silent

if TYPE_CHECKING:
    from bench.metrics import Metric, Setting


@dataclass(frozen=True)
class Decider:
    """The metric that decides whether an image shows its prompt's concept, ready to measure."""

    name: str
    """The metric's name; a threshold that decides is part of it."""
    metric: Metric
    setting: Setting

    def shows(
        self, images: Sequence[Path], rows: Sequence[Prompt], progress: Progress = silent
    ) -> list[bool]:
        """Return for each image whether it shows the concept of its prompt.

        Args:
            images: Image files.
            rows: What they were drawn for, in the same order.
            progress: Told how many images are done.
        """
        read = [prompt_row("", row, "") | blank([self.metric]) for row in rows]
        fill(read, self.metric, images, rows, self.setting, progress)
        return [self.metric.shows(row) for row in read]


def decider(resolved: Resolved, case: Case, device: str) -> Decider:
    """Return the decider of a case, ready to measure; see `decisive_metric`.

    Args:
        resolved: The run's spec, looked up.
        case: One of its cases.
        device: Where the network computes, as torch names it.
    """
    metric = decisive_metric(resolved, case)
    metric.prepare(resolved.family, device)
    return Decider(metric.name, metric, resolved.setting(case, device, {}))


def decisive_metric(resolved: Resolved, case: Case) -> Metric:
    """Return the metric that decides on new images of a case's concepts; loads nothing.

    Args:
        resolved: The run's spec, looked up.
        case: One of its cases.

    Raises:
        InputError: no metric of the suite can tell whether an image shows them.
    """
    metrics = [metric for metric in resolved.metrics if not metric.repeats]
    metric = authority.decisive(metrics, resolved.family, resolved.erased(case))
    if metric is None:
        raise InputError(
            f"no metric of suite {resolved.suite.name} ({', '.join(m.name for m in metrics)}) "
            f"tells whether images of {resolved.spec.model} show {', '.join(case.concepts)}, "
            "so no attack can be judged"
        )
    return metric
