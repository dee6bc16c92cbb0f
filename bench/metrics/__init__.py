"""What a metric is: something that looks at a run's images and says what they show.

A metric is one file in this folder; the registry finds it there. Nothing here, nor at the top of
its file, imports torch, so that what a metric measures can be listed and aggregated without.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.metrics._measures import (
    GONE,
    OF_CASES,
    OWN,
    STATISTICS,
    STAYING,
    Direction,
    Measure,
    Row,
    SetScore,
    Statistic,
    column,
)
from bench.types import Concept, InputError, Kind, Progress, Prompt, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.models.downloads import Download

__all__ = [
    "GONE",
    "OF_CASES",
    "OWN",
    "STATISTICS",
    "STAYING",
    "Authority",
    "Direction",
    "Measure",
    "Metric",
    "Row",
    "SetScore",
    "Setting",
    "Statistic",
    "Verdict",
    "View",
    "column",
]

Verdict = dict[str, str | float]
"""What a metric says about one image: column name to value, NaN where it could not tell."""


class Authority(IntEnum):
    """How far a metric's word goes on whether an image shows a concept."""

    NONE = 0
    """It does not say."""
    GENERAL = 1
    """It chooses between whatever words it is offered."""
    KIND = 2
    """It is made for this kind of concept."""
    BROUGHT = 3
    """It repeats verdicts that the user brought for these images."""


@dataclass(frozen=True)
class Setting:
    """What a metric is told of a case beside images and prompts: concepts, model family, device."""

    erased: tuple[Concept, ...]
    """The concepts that were erased together."""
    classes: tuple[Concept, ...]
    """The concepts to choose between: the suite's in its order, then others of their kind."""
    family: str
    """Model family (`mini`, `sd`, `sdxl`) that drew the images."""
    device: str
    unerased: Mapping[str, Path] = field(default_factory=dict)
    """The un-erased model's image of a prompt, by prompt id; without the run of the un-erased
    model beside this one there is none."""
    none: bool = False
    """Whether an image may also show none of the classes."""


@dataclass(frozen=True)
class View:
    """All images of a finished case, for metrics of sets of images or of the run itself."""

    images: Mapping[str, Sequence[Path]]
    """Images by role."""
    unerased: Mapping[str, Sequence[Path]]
    """The un-erased model's images of the same prompts and seeds; empty where it was not run."""
    setting: Setting
    facts: Mapping[str, float] = field(default_factory=dict)
    """What the run cost, by column of the `cost` metric; what is not known is not there."""
    reference: ReferenceImages | None = None
    """Real images to compare with, if there are any."""


class Metric(ABC):
    """A metric: looks at a run's images, one by one or as sets, and scores what they show.

    A metric of single images has `columns` and overrides `measure`; one of sets of images or of the
    run overrides `of_run`. Its name is its class's in lower case, which is its file's. Options are
    dataclass fields, as a method's are. Listings show the first line of its docstring.
    """

    paper: ClassVar[str]
    """Who defined it, or what it is taken from."""
    families: ClassVar[frozenset[str] | None] = None
    """Model families whose images it can read; None for all."""
    kinds: ClassVar[frozenset[Kind] | None] = None
    """Kinds of erased concepts it is made for; None for all."""
    columns: ClassVar[tuple[str, ...]] = ()
    """Columns of a verdict; in per_image.csv they carry the metric's name in front."""
    files: ClassVar[tuple[str, ...]] = ()
    """Options that are paths: their content belongs to who measures, not the path."""
    chooses: ClassVar[bool] = False
    """Whether it chooses between the classes of its setting."""
    detector: ClassVar[str]
    """The network that looks, for each model family."""

    @property
    def stem(self) -> str:
        """What it is listed and asked for by: its name without what follows an @."""
        return type(self).__name__.lower()

    @property
    def name(self) -> str:
        """What its scores and columns are called; a threshold that decides them follows an @."""
        return self.stem

    @property
    def criterion(self) -> str:
        """Say in words when something counts as seen."""
        return "none"

    @abstractmethod
    def measures(self) -> tuple[Measure, ...]:
        """Return the kinds of scores it gives, the main one first."""

    @property
    def kin(self) -> frozenset[str]:
        """Families whose generator shares weights with it: there it is no independent witness."""
        return frozenset()

    @property
    def repeats(self) -> bool:
        """Whether it only repeats what was said elsewhere, so that it cannot see new images."""
        return False

    def authority(self, family: str, concept: Concept) -> Authority:
        """Return how far its word goes on whether an image of a model family shows a concept.

        One that has any says it by its main measure: 1 for an image that shows it.

        Args:
            family: Model family that drew the images.
            concept: What they may show.
        """
        return Authority.NONE

    def sees(self, family: str, erased: Sequence[Concept], prompts: Sequence[Prompt]) -> bool:
        """Return whether it has authority on the concepts, and passes `check`.

        Args:
            family: Model family that drew the images.
            erased: The concepts that are erased together.
            prompts: What the images were drawn for.
        """
        if not erased or not all(self.authority(family, concept) for concept in erased):
            return False
        try:
            self.check(family, erased, prompts)
        except InputError:
            return False
        return self.reads(family, erased[0].kind)

    def shows(self, row: Row) -> bool:
        """Return whether an image shows its prompt's concept, for a metric that has authority."""
        value = self.measures()[0].value
        return value is not None and value(row) == 1

    def check(self, family: str, erased: Sequence[Concept], prompts: Sequence[Prompt]) -> None:  # noqa: B027  most read all
        """Refuse prompts whose images it could not read; called without torch, before any work.

        Args:
            family: Model family that draws the images.
            erased: The concepts that are erased together.
            prompts: What the images are drawn for.

        Raises:
            InputError: it has no label for what a prompt's image should show.
        """

    def reads(self, family: str, kind: Kind) -> bool:
        """Return whether it can read the images of a model family and fits a kind of concept.

        Args:
            family: Model family that drew the images.
            kind: Kind of the erased concepts.
        """
        fits = self.kinds is None or kind in self.kinds
        return fits and (self.families is None or family in self.families)

    @property
    def relative(self) -> bool:
        """Whether all it says is relative to the un-erased model's images."""
        return all(measure.relative for measure in self.measures())

    def missing(self, row: Row) -> bool:
        """Return whether it could tell nothing of an image."""
        return all(row[f"{self.name}_{column}"] in ("", "nan") for column in self.columns)

    def least_reference(self, family: str) -> int:
        """Return how many real images it needs to compare with; 0 if it compares with none."""
        return 0

    def downloads(self, family: str) -> tuple[Download, ...]:
        """Return the networks that it needs and the package does not bring.

        Args:
            family: Model family that draws the images.
        """
        return ()

    def prepare(self, family: str, device: str) -> None:  # noqa: B027  most metrics need nothing
        """Load what measuring needs, so that what is missing shows before any erasing.

        Args:
            family: Model family that draws the images.
            device: Where the networks compute, as torch names it.

        Raises:
            InputError: if a network is neither on this machine nor to be had.
        """

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return one verdict an image, in order; NaN and "" for one that cannot be opened.

        Args:
            images: PNG files, one a prompt.
            prompts: What they were drawn for, in the same order.
            setting: What else there is to know of the case.
            progress: Told how many images are done.
        """
        return [{} for _ in images]

    def of_run(self, view: View, progress: Progress = silent) -> list[SetScore]:
        """Return the scores of a case as a whole.

        Args:
            view: The case's images, and the un-erased model's.
            progress: Told how many images are done.
        """
        return []
