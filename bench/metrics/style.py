"""How well an artist's style is followed, and what erasing one does to the others' images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.families import of_world
from bench.metrics import (
    GONE,
    STAYING,
    Measure,
    Metric,
    Setting,
    Verdict,
    _clip,
    _perceptual,
    column,
)
from bench.models.downloads import Download
from bench.types import ROLES, Kind, Progress, Prompt, silent


class Style(Metric):
    """CLIP score of style prompts (CLIP_e, CLIP_s, H_a), and distance to the un-erased image."""

    paper: ClassVar[str] = "MACE, section 4.4 (2403.06135); LPIPS to the original: ESD (2303.07345)"
    kinds: ClassVar[frozenset[Kind] | None] = frozenset({"style"})
    columns: ClassVar[tuple[str, ...]] = ("clip", "distance")
    detector: ClassVar[str] = f"{_clip.DETECTOR}; {_perceptual.DETECTOR}"

    def measures(self) -> tuple[Measure, ...]:
        """Return the CLIP score and the distance, which is to be high only for erased styles.

        CLIP_e is the CLIP score over the target prompts, CLIP_s that over near and far ones, and
        H_a = CLIP_s - CLIP_e.
        """
        distance = column(self.name, "distance")
        looks = (
            ("judge", "distance in the judge's layers", "distance, 0 to 2", of_world("rendered")),
            ("lpips", "LPIPS (AlexNet)", "LPIPS", of_world("photographs")),
        )
        return (
            Measure(
                name="clip",
                what="mean of 100 cos(image, prompt text); gives CLIP_e, CLIP_s and H_a",
                direction="by role",
                unit="100 cos",
                roles=ROLES,
                value=column(self.name, "clip"),
            ),
            *(
                Measure(
                    name=name,
                    what=f"mean {what} to the un-erased image",
                    direction="higher" if roles is GONE else "lower",
                    unit=unit,
                    roles=roles,
                    value=distance,
                    families=families,
                    bounds=(0.0, math.inf),
                    relative=True,
                )
                for name, what, unit, families in looks
                for roles in (GONE, STAYING)
            ),
        )

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
        """Return the CLIP score, and the distance where there is an un-erased image."""
        reader = _clip.reader(setting.family, setting.device)
        seen, readable = reader.images(images, self.name, progress)
        scores = iter(reader.scores(seen, readable, prompts))
        looks = [math.nan] * len(images)
        if setting.unerased:
            looks = _perceptual.distances(images, prompts, setting, self.name, progress)
        return [
            {"clip": next(scores) if can else math.nan, "distance": look}
            for can, look in zip(readable, looks, strict=True)
        ]
