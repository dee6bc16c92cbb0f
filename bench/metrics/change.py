"""How much an image changed against the un-erased model's of the same prompt and seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.families import of_world
from bench.metrics import (
    STAYING,
    Direction,
    Measure,
    Metric,
    Setting,
    Verdict,
    _clip,
    _perceptual,
    column,
)
from bench.models.downloads import Download
from bench.types import ROLES, Progress, Prompt, silent


class Change(Metric):
    """Distance to the un-erased model's image of the same prompt and seed."""

    paper: ClassVar[str] = "LPIPS: Zhang et al. 2018 (1801.03924); judge distance: this project"
    columns: ClassVar[tuple[str, ...]] = ("distance", "clip")
    detector: ClassVar[str] = f"{_perceptual.DETECTOR}; CLIP: {_clip.DETECTOR}"

    def measures(self) -> tuple[Measure, ...]:
        """Return the perceptual and the CLIP distance, of what should stay and of what should go.

        Only what should stay has a better direction: an erased concept changes its images.
        """
        found = []
        others = tuple(role for role in ROLES if role not in STAYING)
        for roles, direction in ((STAYING, "lower"), (others, "none")):
            found += _measures(self.name, roles, direction)  # type: ignore[arg-type]
        return tuple(found)

    def downloads(self, family: str) -> tuple[Download, ...]:
        """Return the family's networks."""
        return (*_perceptual.downloads(family), *_clip.downloads(family))

    def prepare(self, family: str, device: str) -> None:
        """Load the family's networks."""
        _perceptual.load(family, device)
        _clip.reader(family, device)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return both distances; NaN where there is no un-erased image to compare with."""
        if not setting.unerased:
            return [{"distance": math.nan, "clip": math.nan} for _ in images]
        looks = _perceptual.distances(images, prompts, setting, self.name, progress)
        clips = clip_distances(images, prompts, setting, self.name, progress)
        pairs = zip(looks, clips, strict=True)
        return [{"distance": look, "clip": clip} for look, clip in pairs]


def _measures(metric: str, roles: tuple[str, ...], direction: Direction) -> list[Measure]:
    def measure(name: str, what: str, unit: str, families: frozenset[str] | None) -> Measure:
        value = column(metric, "clip" if name == "clip" else "distance")
        what = f"mean {what} to the un-erased image"
        return Measure(
            name,
            what,
            direction,
            unit,
            roles,
            value=value,
            families=families,
            bounds=(0.0, math.inf),
            relative=True,
        )

    return [
        measure(
            "judge", "distance in the judge's layers", "distance, 0 to 2", of_world("rendered")
        ),
        measure("lpips", "LPIPS (AlexNet)", "LPIPS", of_world("photographs")),
        measure("clip", "1 - cos of CLIP's image embeddings", "1 - cos", None),
    ]


def clip_distances(
    images: Sequence[Path],
    prompts: Sequence[Prompt],
    setting: Setting,
    what: str,
    progress: Progress,
) -> list[float]:
    """Return 1 - cos of CLIP's embeddings of each image and the un-erased one of its prompt.

    Args:
        images: PNG files, one a prompt.
        prompts: What they were drawn for, in the same order.
        setting: Says where the un-erased model's images are.
        what: Name of the metric, for `progress`.
        progress: Told how many images are done.

    Returns:
        Distances from 0 to 2, NaN where one of the two images is missing or cannot be opened.
    """
    reader = _clip.reader(setting.family, setting.device)
    there = [prompt.id for prompt in prompts if prompt.id in setting.unerased]
    mine, can = reader.images(images, what, progress)
    theirs, could = reader.images([setting.unerased[name] for name in there], what, progress)
    rows, others = iter(mine), iter(theirs)
    unerased = {name: next(others) for name, readable in zip(there, could, strict=True) if readable}
    found = []
    for prompt, readable in zip(prompts, can, strict=True):
        row, other = next(rows) if readable else None, unerased.get(prompt.id)
        close = math.nan if row is None or other is None else float(row @ other)
        # Rounding can put the cosine of an image with itself above 1.
        found.append(math.nan if math.isnan(close) else max(0.0, 1 - close))
    return found
