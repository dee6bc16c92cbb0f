"""Which metric decides, and what counts as shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.content import Content
from bench.plan import specs
from bench.trials.detector import Detector, detector
from bench.types import InputError, Prompt


class Scripted:
    """A metric that says what it is told, and remembers what it was prepared for."""

    name = "scripted"
    columns = ("label",)

    def __init__(self, *labels: str) -> None:
        self.labels, self.prepared = labels, ""

    def prepare(self, family: str, device: str) -> None:
        self.prepared = f"{family} {device}"

    def measure(self, paths: Any, rows: Any, setting: Any, progress: Any = None) -> Any:
        return [{"label": label} for label in self.labels]


class Unlabelled(Scripted):
    columns = ("similarity",)  # type: ignore[assignment]


def content(*metrics: Any) -> Content:
    made = Content(specs(["original"], model="mini", suite="objects", size="smoke")[0])
    made.__dict__["metrics"] = list(metrics)
    return made


def test_what_is_shown_is_the_label_of_the_prompts_own_concept() -> None:
    rows = [Prompt(str(i), "x", 0, "target", name) for i, name in enumerate(("cat", "dog", "cat"))]
    made = Detector("scripted", Scripted("cat", "cat", ""), None)  # type: ignore[arg-type]
    assert made.shows([Path("x")] * 3, rows) == [True, False, False]


def test_the_first_metric_with_labels_decides_and_is_prepared() -> None:
    first, second, third = Unlabelled(), Scripted(), Scripted()
    found = content(first, second, third)
    made = detector(found, found.cases[0], "cpu")
    assert made.metric is second  # type: ignore[comparison-overlap]
    assert (first.prepared, second.prepared, third.prepared) == ("", "mini cpu", "")


def test_a_suite_without_such_a_metric_is_refused() -> None:
    found = content(Unlabelled())
    with pytest.raises(InputError, match="no metric of suite objects tells what images of mini"):
        detector(found, found.cases[0], "cpu")
