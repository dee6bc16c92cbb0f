"""How far raters agree with each other, and with detectors, on the same images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.files import Row, csv_bytes, write_bytes
from bench.metrics import _raters
from bench.results.stats import intervals
from bench.results.stats.calibration import kappa

if TYPE_CHECKING:
    from bench.metrics import Metric
    from bench.metrics.raters import Raters

BETWEEN = "between raters"
FILE = "agreement.csv"


@dataclass(frozen=True)
class Agreement:
    """How far the verdicts of one metric agree with those of another, or among themselves."""

    metric: str
    other: str
    """A detector, or `BETWEEN` for the raters among themselves."""
    n: int
    """Images that both could tell; among raters those with two verdicts or more."""
    agreeing: float
    """Share of these on which all say the same."""
    low: float
    high: float
    """Its 95 % interval (Wilson)."""
    alpha: float
    """Krippendorff's alpha of nominal verdicts: 1 for full agreement, 0 for that of chance; NaN
    where all always say one thing."""
    kappa: float
    """Cohen's kappa of the raters' majority and a detector; NaN among raters, and as alpha."""

    @property
    def words(self) -> str:
        """All of it, in a line."""
        if not self.n:
            return "no image that both could tell"
        same = f"{self.agreeing:.3f} [{self.low:.3f}, {self.high:.3f}] of {self.n} images alike"
        beyond = {"Krippendorff's alpha": self.alpha, "Cohen's kappa": self.kappa}
        said = (f"{name} {value:.3f}" for name, value in beyond.items() if not math.isnan(value))
        return ", ".join([same, *said])


def agreements(
    rows: Sequence[Row], raters: Raters, detectors: Iterable[Metric], folder: Path
) -> list[Agreement]:
    """Return the agreement among raters, and of their majority with each detector.

    Args:
        rows: per_image.csv, with the columns of all.
        raters: The metric that read the verdicts.
        detectors: Metrics that say whether an image shows its prompt's concept.
        folder: What the paths in `rows` are relative to.
    """
    known = _raters.read(Path(raters.verdicts), raters.question)
    said = [_raters.of_image(known, folder / row["image"], row["id"]) for row in rows]
    several = [[_raters.label(one) for one in each] for each in said if len(each) > 1]
    units = [[(one.rater, _raters.label(one)) for one in each] for each in said]
    same = [len(set(each)) == 1 for each in several]
    found = [_agreement(raters, BETWEEN, same, alpha(units), math.nan)]
    shown = raters.measures()[0].value
    if raters.question or shown is None:
        return found
    for detector in detectors:
        value = detector.measures()[0].value
        if value is None or detector.repeats:
            continue
        pairs = [(shown(row), value(row)) for row in rows]
        told = [pair for pair in pairs if not any(map(math.isnan, pair))]
        words = [[("raters", str(one)), ("detector", str(two))] for one, two in told]
        chance = kappa([str(one) for one, _ in told], [str(two) for _, two in told])
        same = [one == two for one, two in told]
        beyond = math.nan if chance is None else chance
        found.append(_agreement(raters, detector.name, same, alpha(words), beyond))
    return found


def alpha(units: Iterable[Sequence[tuple[str, str]]]) -> float:
    """Return Krippendorff's alpha of nominal verdicts, by NLTK; NaN where there is none.

    Source: Krippendorff, Content Analysis (2004), chapter 11.

    Args:
        units: For each image, rater and verdict of all who rated it; raters may be missing.
    """
    paired = [unit for unit in units if len(unit) > 1]
    if len({verdict for unit in paired for _, verdict in unit}) < 2:
        return math.nan
    from nltk.metrics.agreement import AnnotationTask

    data = [(rater, str(i), verdict) for i, unit in enumerate(paired) for rater, verdict in unit]
    return float(AnnotationTask(data).alpha())


def write(folder: Path, found: Sequence[Agreement]) -> Path:
    """Write agreements to a folder, and return the file.

    Args:
        folder: Where scores.csv is.
        found: One a row.
    """
    path = folder / FILE
    names = list(Agreement.__dataclass_fields__)
    write_bytes(path, csv_bytes(names, [asdict(each) for each in found]))
    return path


def _agreement(
    raters: Raters, other: str, same: Sequence[bool], alpha: float, kappa: float
) -> Agreement:
    share = sum(same) / len(same) if same else math.nan
    _, low, high = intervals.wilson(sum(same), len(same)) if same else intervals.NAN3
    return Agreement(raters.name, other, len(same), share, low, high, alpha, kappa)
