"""Prompts with their images side by side: same noise, un-erased first, worst misses first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.files import Row
from bench.names import find
from bench.results.report import strip
from bench.results.report.groups import Group
from bench.results.store import Finished
from bench.types import ORIGINAL, ROLES, InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from bench.metrics import Measure, Metric

Key = tuple[str, str]
"""Case and id of a prompt."""
VERDICTS = ("erased", "still there", "kept", "lost", "no verdict")
"""What became of an image: the first two where the concept is to go, the next two where not."""
MISSES = ("still there", "lost")


@dataclass(frozen=True)
class View:
    """An image of a run: what became of it, what metrics saw, and where it is."""

    run: Finished
    label: str
    image: str
    """As per_image.csv names it, "" for one that the run lacks."""
    verdict: str
    row: Row | None
    """Of per_image.csv; None for one that the run lacks."""
    metrics: Sequence[Metric]
    """Those measured."""

    @property
    def saw(self) -> tuple[str, ...]:
        """In a few words what each metric says of it."""
        return saw(self.row, self.metrics)

    @property
    def missed(self) -> bool:
        """Whether an erasure left it as it should not be."""
        return self.verdict in MISSES and self.run.record.spec.method != ORIGINAL


@dataclass(frozen=True)
class Prompt:
    """A prompt with its image by each run, the un-erased one first."""

    row: Row
    views: tuple[View, ...]

    @cached_property
    def misses(self) -> int:
        """How many erasures failed on it, of which the un-erased image is as it should be."""
        before = [v for v in self.views if v.run.record.spec.method == ORIGINAL]
        if any(view.verdict in ("lost", "erased") for view in before):
            return 0
        return sum(view.missed for view in self.views)


def prompts(group: Group) -> list[Prompt]:
    """Return the prompts of a group, the worst misses first, and else as they are drawn.

    Args:
        group: Runs of one protocol.
    """
    rows = [_rows(run) for run in group.runs]
    labels = [group.label(run) for run in group.runs]
    first: dict[Key, Row] = {}
    for some in reversed(rows):
        first |= some
    main = group.metrics[group.main].measures()[0] if group.metrics else None
    metrics = list(group.metrics.values())
    found = []
    for key, row in first.items():
        views = []
        for run, label, some in zip(group.runs, labels, rows, strict=True):
            own = some.get(key)
            image = own["image"] if own else ""
            views.append(View(run, label, image, verdict(own, main), own, metrics))
        found.append(Prompt(row, tuple(views)))
    return sorted(found, key=lambda prompt: -prompt.misses)


def worst(found: Sequence[Prompt], count: int) -> list[Prompt]:
    """Return the first prompts of each case and role, in order.

    Args:
        found: Prompts, the worst first.
        count: How many of a case and role.
    """
    taken: dict[Key, int] = {}
    chosen = []
    for prompt in found:
        key = prompt.row["case"], prompt.row["role"]
        taken[key] = taken.get(key, 0) + 1
        if taken[key] <= count:
            chosen.append(prompt)
    return chosen


def verdict(row: Row | None, main: Measure | None) -> str:
    """Return what became of an image, by the metric that decides.

    Args:
        row: Its row of per_image.csv; None where there is none.
        main: The metric's main measure.
    """
    if row is None or main is None or main.value is None or main.statistic != "share":
        return VERDICTS[-1]
    try:
        value = main.value(row)
    except (KeyError, ValueError):
        return VERDICTS[-1]
    if math.isnan(value):
        return VERDICTS[-1]
    better = main.better(row["role"])
    if better == "lower":
        return "still there" if value else "erased"
    return ("kept" if value else "lost") if better == "higher" else VERDICTS[-1]


def saw(row: Row | None, metrics: Sequence[Metric]) -> tuple[str, ...]:
    """Return in a few words what each metric says of an image.

    Args:
        row: Its row of per_image.csv; None where there is none.
        metrics: Those measured.
    """
    return tuple(filter(None, (_saw(row, metric) for metric in metrics))) if row else ()


def _saw(row: Mapping[str, str], metric: Metric) -> str:
    found = {column: row.get(f"{metric.name}_{column}", "") for column in metric.columns[:2]}
    found = {column: text for column, text in found.items() if text not in ("", "nan")}
    if all(map(_number, found.values())):
        # Numbers alone say nothing; one behind a word is how sure the metric is of it.
        shown = [
            f"{name} {text if text.isdigit() else _short(text)}" for name, text in found.items()
        ]
    else:
        shown = [_short(text) for text in found.values()]
    return f"{metric.name}: {', '.join(shown)}" if shown else ""


def _short(text: str) -> str:
    return f"{float(text):.2f}" if _number(text) else text[:60]


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rows(run: Finished) -> dict[Key, Row]:
    """Return the rows of a run; none where they cannot be read."""
    try:
        return {(row["case"], row["id"]): row for row in run.images}
    except (InputError, KeyError):
        return {}


def strip_of(group: Group, *, role: str, case: str, count: int) -> Image:
    """Return an image of the worst prompts of a role: a column each, a row a run.

    Args:
        group: Runs of one protocol.
        role: Only prompts of this role; "" for all.
        case: Only of this case; "" for all.
        count: How many prompts.

    Raises:
        InputError: there is no prompt of that role or case.
    """
    every = prompts(group)
    for what, asked, known in (
        ("role of these runs", role, [prompt.row["role"] for prompt in every]),
        ("case of these runs", case, [prompt.row["case"] for prompt in every]),
    ):
        if asked:
            find(what, asked, dict.fromkeys(known))
    chosen = [
        prompt
        for prompt in every
        if role in ("", prompt.row["role"]) and case in ("", prompt.row["case"])
    ][:count]
    if not chosen:
        raise InputError("nothing was measured image by image in these runs")
    # What stands under one heading stands together.
    chosen.sort(key=lambda prompt: ROLES.index(prompt.row["role"]))
    panels = [
        strip.Panel(prompt.row["role"], prompt.row["text"], tuple(map(_path, prompt.views)))
        for prompt in chosen
    ]
    return strip.draw(panels, [group.label(run) for run in group.runs])


def _path(view: View) -> Path | None:
    return view.run.folder.path / view.image if view.image else None
