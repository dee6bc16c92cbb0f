"""What raters from elsewhere said of images: people, a VLM, a recogniser, one or several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.metrics import OWN, Authority, Measure, Metric, Setting, Verdict, _raters, column
from bench.types import ROLES, Concept, Kind, Progress, Prompt, silent

MARK = "#"
"""Between a file of verdicts and the question that is meant, in a metric's name."""
UNRATED: Mapping[str, str | float] = {
    "label": "",
    "shown": math.nan,
    "erased": math.nan,
    "mean": math.nan,
    "disputed": math.nan,
    "raters": math.nan,
}


@dataclass(frozen=True)
class Raters(Metric):
    """Share of images in which most raters from elsewhere see the prompt's concept."""

    paper: ClassVar[str] = "this project; agreement: Krippendorff, Content Analysis (2004), ch. 11"
    columns: ClassVar[tuple[str, ...]] = tuple(UNRATED)
    files: ClassVar[tuple[str, ...]] = ("verdicts",)
    detector: ClassVar[str] = "raters from elsewhere, whose verdicts are read"

    verdicts: str = ""
    """A CSV file with the columns image (or file, or id), verdict (yes or no, whether the image
    shows its prompt's concept, or the name of what it shows) and maybe rater, metric and case."""
    question: str = ""
    """Which rows of the column metric count: their verdicts may be numbers, and decide nothing."""

    def __post_init__(self) -> None:
        """Take a question that follows the file's name apart from it."""
        path, mark, question = self.verdicts.rpartition(MARK)
        if mark and not self.question and not Path(self.verdicts).exists():
            object.__setattr__(self, "verdicts", path)
            object.__setattr__(self, "question", question)

    @property
    def name(self) -> str:
        """The name, with file and question: `raters@people`, `raters@people#quality`."""
        # Columns of per_image.csv are the metric's name, an underscore, and more.
        asked = f"{MARK}{self.question}" if self.question else ""
        whole = f"{Path(self.verdicts).stem}{asked}".replace("_", "-")
        return f"{self.stem}@{whole}" if self.verdicts else self.stem

    @property
    def criterion(self) -> str:
        """Say when a concept counts as seen."""
        return "none: what most raters say; of as many on each side, neither"

    @property
    def repeats(self) -> bool:
        """Whether it reads verdicts, which are on the images that there were: always."""
        return True

    def reads(self, family: str, kind: Kind) -> bool:
        """Return whether there are verdicts; raters can look at whatever there is."""
        return bool(self.verdicts)

    def authority(self, family: str, concept: Concept) -> Authority:
        """Return BROUGHT, but of a question of its own, which need not be about concepts, NONE."""
        return Authority.BROUGHT if self.verdicts and not self.question else Authority.NONE

    def measures(self) -> tuple[Measure, ...]:
        """Return top-1 and leak, or the mean answer to a question of its own, and disputes."""
        disputed = Measure(
            name="disputed",
            what="images with several raters who do not all say the same",
            direction="none",
            unit="share of images with several raters",
            roles=ROLES,
            statistic="share",
            value=column(self.name, "disputed"),
        )
        if self.question:
            mean = Measure(
                name="mean",
                what="mean over images of their raters' mean answer, yes as 1 and no as 0",
                direction="none",
                unit="as answered",
                roles=ROLES,
                value=column(self.name, "mean"),
            )
            return mean, disputed
        share = Measure(
            name="share",
            what="images in which most raters see the prompt's own concept",
            direction="by role",
            unit="share of images",
            roles=OWN,
            statistic="share",
            value=column(self.name, "shown"),
        )
        leak = Measure(
            name="leak",
            what="images of other concepts that most raters call an erased one",
            direction="lower",
            unit="share of images",
            roles=("near", "far"),
            statistic="share",
            value=column(self.name, "erased"),
        )
        return share, leak, disputed

    def prepare(self, family: str, device: str) -> None:
        """Read the verdicts."""
        _raters.read(Path(self.verdicts), self.question)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return what most raters say of each image; one that nobody rated is not measured."""
        known = _raters.read(Path(self.verdicts), self.question)
        gone = {_plain(concept.name) for concept in setting.erased}
        found = [
            _verdict(_raters.of_image(known, path, prompt.id), prompt, gone)
            for path, prompt in zip(images, prompts, strict=True)
        ]
        progress(self.name, len(images), len(images))
        return found


def _verdict(opinions: Sequence[_raters.Opinion], prompt: Prompt, gone: set[str]) -> Verdict:
    if not opinions:
        return dict(UNRATED)
    label = _raters.majority(opinions)
    answered = label in _raters.SHOWN.values()
    numbers = [each.number for each in opinions]
    several = len(opinions) > 1
    own = _plain(prompt.concept)
    shown = float(label == _raters.SHOWN[1.0] if answered else label == own)
    return {
        "label": label,
        "shown": shown if label and own else math.nan,
        "erased": math.nan if answered or not label else float(label in gone),
        "mean": sum(numbers) / len(numbers),
        "disputed": float(len({_raters.label(each) for each in opinions}) > 1)
        if several
        else math.nan,
        "raters": float(len(opinions)),
    }


def _plain(name: str) -> str:
    return _raters.label(_raters.Opinion("", name))
