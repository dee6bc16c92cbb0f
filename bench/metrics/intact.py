"""Whether all that could be read in the un-erased model's image can still be read in this one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from bench.families import FAMILIES, World
from bench.metrics import STAYING, Measure, Metric, Setting, Verdict, _clip, _perceptual, column
from bench.metrics._images import SQUARE, in_batches, square
from bench.metrics.change import clip_distances
from bench.models.downloads import Download
from bench.types import InputError, Progress, Prompt, silent

BATCH = 100
"""Images that the judge reads at once; fixed, so that a resumed run reads the same batches."""
PIXELS = 64
QUANTILE = 0.1
"""Of the distances between un-erased images of one text and two seeds: what is intact has changed
less than that share of them differs."""
LEAST = 10
"""Pairs of such images without which nothing is said: a quantile of fewer is no limit."""
UNREAD: Mapping[str, str | float] = {
    "readable": math.nan,
    "lost": math.nan,
    "lost_label": "",
    "intact": math.nan,
}


@dataclass(frozen=True)
class Intact(Metric):
    """Share of images in which all that was readable un-erased is readable still."""

    paper: ClassVar[str] = "this project"
    columns: ClassVar[tuple[str, ...]] = tuple(UNREAD)
    detector: ClassVar[str] = (
        f"mini: all five heads of its judge ({SQUARE.format(PIXELS)}); others: "
        f"{_perceptual.DETECTOR.split('others: ')[1]}, and CLIP: {_clip.DETECTOR}"
    )

    confidence: float = 0.9
    """Least probability at which a label of the un-erased image counts as readable, 0 to 1."""

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        if not 0 <= self.confidence <= 1:
            raise InputError(f"intact's confidence is {self.confidence:g}, must be from 0 to 1")

    @property
    def name(self) -> str:
        """The name with the confidence, for example `intact@0.9`."""
        return f"{self.stem}@{self.confidence:g}"

    @property
    def criterion(self) -> str:
        """Say what counts as readable, and as readable still."""
        return (
            f"mini: a label with {self.confidence:g} or more un-erased, top-1 of its head still; "
            f"others: LPIPS and CLIP distance below the {QUANTILE:g} quantile of those between two "
            f"seeds of one text, of {LEAST} pairs or more"
        )

    def measures(self) -> tuple[Measure, ...]:
        """Return the share of images that lost nothing, and how much the others lost."""
        kinds = "labels of the un-erased image (mini), or distances (others),"
        return (
            Measure(
                name="share",
                what="images in which all that was readable un-erased is readable still",
                direction="higher",
                unit="share of images",
                roles=STAYING,
                statistic="share",
                value=column(self.name, "intact"),
                relative=True,
            ),
            Measure(
                name="lost",
                what=f"mean number of {kinds} that are lost",
                direction="lower",
                unit="labels an image",
                roles=STAYING,
                value=column(self.name, "lost"),
                shown=False,
                bounds=(0.0, math.inf),
                relative=True,
            ),
        )

    def downloads(self, family: str) -> tuple[Download, ...]:
        """Return the family's networks."""
        return (*_perceptual.downloads(family), *_clip.downloads(family))

    def prepare(self, family: str, device: str) -> None:
        """Load the family's networks."""
        _eye(family).prepare(family, device)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return what each image that should stay has lost; NaN for those of other roles.

        An image in which nothing was readable un-erased is neither intact nor not: NaN.
        """
        found: list[Verdict] = [dict(UNREAD) for _ in images]
        own = [
            number
            for number, prompt in enumerate(prompts)
            if prompt.role in STAYING and prompt.id in setting.unerased
        ]
        if own:
            some, asked = [images[n] for n in own], [prompts[n] for n in own]
            lost = _eye(setting.family).lost(self, some, asked, prompts, setting, progress)
            for number, each in zip(own, lost, strict=True):
                found[number] = each
        return found


def _verdict(readable: int, lost: Sequence[str]) -> Verdict:
    whole = float(not lost) if readable else math.nan
    labels = " ".join(lost)
    return {"readable": readable, "lost": len(lost), "lost_label": labels, "intact": whole}


def _judged(
    metric: Intact,
    images: Sequence[Path],
    prompts: Sequence[Prompt],
    every: Sequence[Prompt],
    setting: Setting,
    progress: Progress,
) -> list[Verdict]:
    """Compare what each head of mini's judge reads in both images; "none" is a label too."""
    from bench.models.mini.world.truth import LABELS

    before = _read([setting.unerased[prompt.id] for prompt in prompts], progress)
    after = _read(images, progress)
    found = []
    for was, now in zip(before, after, strict=True):
        if was is None or now is None:
            found.append(dict(UNREAD))
            continue
        readable = [head for head in LABELS if float(was[head].max()) >= metric.confidence]
        lost = [head for head in readable if int(was[head].argmax()) != int(now[head].argmax())]
        found.append(_verdict(len(readable), lost))
    return found


def _read(paths: Sequence[Path], progress: Progress) -> list[dict[str, Any] | None]:
    """Return the probabilities of each head for each image, None for one that cannot be opened."""
    import torch

    from bench.models.mini import judge
    from bench.models.mini.world.truth import LABELS

    network = judge.load()
    sizes = [len(labels) for labels in LABELS.values()]

    def heads(pixels: Any) -> Any:
        seen = network.read(pixels)
        return torch.cat([seen[head] for head in LABELS], dim=1)

    rows, readable = in_batches(paths, square(PIXELS), BATCH, heads, "intact", progress)
    left = iter(rows)
    return [
        dict(zip(LABELS, next(left).split(sizes), strict=True)) if can else None for can in readable
    ]


def _compared(
    metric: Intact,
    images: Sequence[Path],
    prompts: Sequence[Prompt],
    every: Sequence[Prompt],
    setting: Setting,
    progress: Progress,
) -> list[Verdict]:
    """Compare the change of each image with what another seed of the same text changes."""
    ways = {"look": _perceptual.distances, "clip": clip_distances}
    ones, others = _reseeded(every, setting)
    seeds = replace(setting, unerased={each.id: setting.unerased[each.id] for each in others})
    paths = [setting.unerased[each.id] for each in ones]
    limits, changes = {}, {}
    for name, distances in ways.items():
        limits[name] = limit(distances(paths, others, seeds, metric.name, progress))
        changes[name] = distances(images, prompts, setting, metric.name, progress)
    if any(map(math.isnan, limits.values())):
        return [dict(UNREAD) for _ in images]
    found = []
    for row in zip(*changes.values(), strict=True):
        change = dict(zip(ways, row, strict=True))
        lost = [name for name in ways if change[name] >= limits[name]]
        unknown = any(map(math.isnan, row))
        found.append(dict(UNREAD) if unknown else _verdict(len(ways), lost))
    return found


def _reseeded(prompts: Sequence[Prompt], setting: Setting) -> tuple[list[Prompt], list[Prompt]]:
    """Return pairs of prompts of one text and two seeds whose un-erased images are there."""
    same: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        if prompt.id in setting.unerased:
            same.setdefault(prompt.text, []).append(prompt)
    pairs = [
        pair for some in same.values() for pair in pairwise(some) if pair[0].seed != pair[1].seed
    ]
    return [one for one, _ in pairs], [other for _, other in pairs]


def limit(distances: Sequence[float]) -> float:
    """Return the `QUANTILE` of the distances that are known; NaN where they are fewer than `LEAST`.

    Args:
        distances: Between images of one text and two seeds.
    """
    import numpy as np

    known = [each for each in distances if not math.isnan(each)]
    return float(np.quantile(known, QUANTILE)) if len(known) >= LEAST else math.nan


def _load_judge(family: str, device: str) -> None:
    from bench.models.mini import judge

    judge.load()


def _load_networks(family: str, device: str) -> None:
    _perceptual.load(family, device)
    _clip.reader(family, device)


Lost = Callable[
    [Intact, Sequence[Path], Sequence[Prompt], Sequence[Prompt], Setting, Progress], list[Verdict]
]


@dataclass(frozen=True)
class _Eye:
    """What sees in images of a world whether anything was lost."""

    lost: Lost
    prepare: Callable[[str, str], None]
    """Loads it, for a family and a device."""


EYES: Mapping[World, _Eye] = {
    "rendered": _Eye(_judged, _load_judge),
    "photographs": _Eye(_compared, _load_networks),
}


def _eye(family: str) -> _Eye:
    return EYES[FAMILIES[family].world]
