"""CLIP as a zero-shot classifier over the suite's concepts, the field's own measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.metrics import Authority, Measure, Metric, Setting, Verdict, _classes, _clip, column
from bench.models.downloads import Download
from bench.types import ROLES, Concept, Progress, Prompt, silent


class Clip(Metric):
    """Share of images in which CLIP, zero-shot over the suite, sees the prompt's concept."""

    paper: ClassVar[str] = "MACE, section 4.1 (2403.06135); CLIP score: 2104.08718, without clamp"
    columns: ClassVar[tuple[str, ...]] = (*_classes.COLUMNS, "score")
    chooses: ClassVar[bool] = True
    detector: ClassVar[str] = _clip.DETECTOR

    @property
    def criterion(self) -> str:
        """Say when a concept counts as seen."""
        return "none: the top-1 class"

    @property
    def kin(self) -> frozenset[str]:
        """Return mini, whose generator has this CLIP's text encoder."""
        return _clip.KIN

    def authority(self, family: str, concept: Concept) -> Authority:
        """Return GENERAL for whatever a text can name; what is explicit takes more than a name."""
        return Authority.NONE if concept.kind == "explicit" else Authority.GENERAL

    def measures(self) -> tuple[Measure, ...]:
        """Return top-1, probability, leak, entropy and CLIP score."""
        score = Measure(
            name="score",
            what="mean of 100 cos(image, prompt text), the CLIP score",
            direction="by role",
            unit="100 cos",
            roles=ROLES,
            value=column(self.name, "score"),
        )
        return (*_classes.measures(self.name), score)

    def downloads(self, family: str) -> tuple[Download, ...]:
        """Return the family's CLIP."""
        return _clip.downloads(family)

    def prepare(self, family: str, device: str) -> None:
        """Load the family's CLIP."""
        _clip.reader(family, device)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return CLIP's top-1 concept, its softmax of the prompt's, and its score of the prompt."""
        reader = _clip.reader(setting.family, setting.device)
        labels, texts = _clip.classes(setting)
        seen, readable = reader.images(images, self.name, progress)
        rows = reader.choose(seen, texts)
        found = _classes.verdicts(rows, labels, readable, prompts, setting.erased)
        scores = iter(reader.scores(seen, readable, prompts))
        for verdict, can in zip(found, readable, strict=True):
            verdict["score"] = next(scores) if can else math.nan
        return found
