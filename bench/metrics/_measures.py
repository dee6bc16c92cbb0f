"""What metrics measure: quantities with a unit, a direction, roles, and a value for an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bench.types import ERASED_ROLES, ROLES

Row = Mapping[str, str]
"""A row of per_image.csv: what is known of an image and what every metric saw in it."""
Direction = Literal["lower", "higher", "by role", "none"]
"""Which values are better: `by role` is lower where a concept should be gone, higher where all of
the image should stay, neither on remainder prompts; `none` is a reading that is neither."""
Statistic = Literal["share", "mean", "sum"]
STATISTICS: Mapping[Statistic, str] = {
    "share": "of several cases the share of all their images, with an interval over cases",
    "mean": "of several cases the mean over all their images, with an interval over cases",
    "sum": "of several cases the total over all their images, with an interval over cases",
}
"""What each statistic is of one case and of several; `n` is the images that count."""
OF_CASES = "of a case as a whole, of several cases the mean over those that have it"
"""What is said of measures without a value for an image."""
GONE = tuple(role for role in ROLES if role in ERASED_ROLES)
"""Roles whose images should no longer show the erased concept."""
STAYING = tuple(role for role in ROLES if role not in ERASED_ROLES and role != "remainder")
"""Roles whose images should stay as they were; of remainder prompts only a part should."""
OWN = (*GONE, "near", "far")
"""Roles whose images the un-erased model draws with the prompt's own concept."""


@dataclass(frozen=True)
class Measure:
    """One quantity that a metric scores, for example the share of images that show the concept."""

    name: str
    """What its scores are called beside the metric's name, for example "share" or "leak"."""
    what: str
    """What it measures, in words."""
    direction: Direction
    unit: str
    roles: tuple[str, ...]
    """Roles it is scored on; (`ALL`,) for one score over all roles."""
    statistic: Statistic = "mean"
    """What images' values become, see `STATISTICS`: of 0 and 1 a share, of counts a sum."""
    value: Callable[[Row], float] | None = None
    """Its value for an image, NaN where not measured; None where a whole run is measured."""
    families: frozenset[str] | None = None
    """Model families it is made for; None for all."""
    shown: bool = True
    """Whether tables show it; scores.csv and comparison.csv have it in any case."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """The least and the greatest that a value can be; of a probability 0 and 1."""
    relative: bool = False
    """Whether a value compares with the un-erased model's image, and says nothing of that model."""

    def better(self, role: str) -> Direction:
        """Return which values are better on a role."""
        if self.direction != "by role":
            return self.direction
        if role == "remainder":
            return "none"
        return "lower" if role in ERASED_ROLES else "higher"


@dataclass(frozen=True)
class SetScore:
    """One score of a whole run or of a set of its images; NaN bounds where there is no interval."""

    measure: str
    role: str
    value: float
    n: int
    low: float = math.nan
    high: float = math.nan


def column(metric: str, name: str) -> Callable[[Row], float]:
    """Return a function that reads a number from a row of per_image.csv; NaN for an empty cell.

    Args:
        metric: Its name, with which its columns begin.
        name: The column, without that.
    """
    key = f"{metric}_{name}"
    return lambda row: float(row[key] or math.nan)
