"""What an erasure costs: time, U-Net evaluations, memory, the erasure's size, slower drawing."""

from __future__ import annotations

import math
from typing import ClassVar

from bench.metrics import Measure, Metric, SetScore, View
from bench.types import ALL, Progress, silent

FACTS = {
    "seconds": ("wall-clock time of erasing one case", "s"),
    "evaluations": ("latents that went through the U-Net while erasing", "evaluations"),
    "memory": ("peak memory while erasing: of the process with the model, or of the GPU", "bytes"),
    "parameters": ("values held by the tensors of the erasure", "parameters"),
    "bytes": ("size of the erasure's file", "bytes"),
    "step_evaluations": ("U-Net evaluations a step of drawing one image", "evaluations"),
    "slowdown": ("seconds an image, divided by the un-erased model's on this machine", "ratio"),
}
"""What is known of a case's cost: what it is, and its unit."""


class Cost(Metric):
    """What erasing costs: time, U-Net evaluations, memory, size of the erasure, slower drawing."""

    paper: ClassVar[str] = "this project"
    detector: ClassVar[str] = "none: metered while the run erases and draws"

    def measures(self) -> tuple[Measure, ...]:
        """Return one measure a fact, all over all roles."""
        return tuple(
            Measure(name, what, "lower", unit, (ALL,)) for name, (what, unit) in FACTS.items()
        )

    def of_run(self, view: View, progress: Progress = silent) -> list[SetScore]:
        """Return each fact of the case; NaN where it is not known.

        A run that found all its images there has no slowdown, nor one beside an un-erased run that
        was drawn on another machine.
        """
        known = {name: view.facts.get(name, math.nan) for name in FACTS}
        return [
            SetScore(name, ALL, value, int(name in view.facts)) for name, value in known.items()
        ]
