"""What detectors make of images whose content is known, and rates corrected by it; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from bench.results.stats import intervals, propagation
from bench.results.stats.intervals import SHARE, Floats, Interval

BINS = 15
"""Bins of confidence of the expected calibration error."""
NUMBERS = ("accuracy", "error", "invented")
"""Fields that are NaN where nothing was read, which JSON has no word for."""


@dataclass(frozen=True)
class Reading:
    """One detector's answers to images of known content."""

    metric: str
    detector: str
    """The network and the version of the code that looked, from `registry.detector_version`."""
    choices: tuple[str, ...]
    """What one that chooses could say, as `bench.prompts.choice.Choice.to_json` has it."""
    n: int
    """Images that show a concept."""
    accuracy: Interval
    """Share of these whose top-1 label is their concept."""
    error: float
    """Expected calibration error of the top-1 confidence, over 15 bins."""
    empty: int
    """Images that show no concept of the kind."""
    invented: Interval
    """Share of these in which a concept is seen all the same; 1 for one that has to choose."""
    confusion: Mapping[str, Mapping[str, int]]
    """Images by what they show and what was seen; "" is no concept."""

    @property
    def concepts(self) -> frozenset[str]:
        """The concepts that its images show."""
        return frozenset(self.confusion) - {""}

    def seen(self, concept: str, *, shown: bool) -> tuple[int, int]:
        """Return how many images it read as a concept, and of how many.

        Args:
            concept: Its name.
            shown: Of the images that show it, or of those of other concepts and of none.
        """
        rows = [counts for truth, counts in self.confusion.items() if (truth == concept) == shown]
        return sum(row.get(concept, 0) for row in rows), sum(sum(row.values()) for row in rows)

    def corrected(self, cases: Sequence[Sequence[tuple[str, float]]], *, seed: int) -> Interval:
        """Return the share of images that truly show their concept, with its 95 % interval.

        (p - f) / (s - f) within [0, 1], where p is the share in which the detector sees it, s its
        sensitivity and f its share of false positives, both weighed by the images of each concept.
        The interval carries what is uncertain of all three. Source: Rogan and Gladen, Am. J.
        Epidemiol. 107 (1978), equation 3; the interval is `propagation.melded`.

        Args:
            cases: For each case, concept and value (1 where the detector sees it, NaN where it
                could not look) of each image.
            seed: Of the draws.

        Returns:
            NaN without images, for a concept that the calibration does not have, and where s <= f,
            so that nothing can be told.
        """
        read = [[each for each in case if not math.isnan(each[1])] for case in cases]
        clusters = [np.array([value for _, value in case]) for case in read]
        weights = Counter(concept for case in read for concept, _ in case)
        shown, others = (
            [
                (w / weights.total(), *self.seen(concept, shown=side))
                for concept, w in weights.items()
            ]
            for side in (True, False)
        )
        if not weights or not all(size for _, _, size in (*shown, *others)):
            return intervals.NAN3
        rng = np.random.default_rng(seed)
        rate = float(np.concatenate(clusters).mean())
        sensitivity, false = (sum(w * hits / n for w, hits, n in side) for side in (shown, others))
        if sensitivity <= false:
            return intervals.NAN3
        pairs = [
            propagation.rates(rate, intervals.effective(clusters), rng),
            _weighed(shown, rng),
            _weighed(others, rng),
        ]
        low, high = propagation.melded(_rogan_gladen, pairs, unknown=SHARE)
        value = float(_rogan_gladen(*(np.array([each]) for each in (rate, sensitivity, false)))[0])
        return value, min(low, value), max(high, value)


def _weighed(side: Sequence[tuple[float, int, int]], rng: np.random.Generator) -> propagation.Pair:
    """Return draws of the mean of rates: each with its weight, hits and n."""
    drawn = [(weight, propagation.rates(hits / n, n, rng)) for weight, hits, n in side]
    least = np.sum([weight * low for weight, (low, _) in drawn], axis=0)
    return least, np.sum([weight * high for weight, (_, high) in drawn], axis=0)


def _rogan_gladen(rate: Floats, sensitivity: Floats, false: Floats) -> Floats:
    """Return the true rate; NaN where the detector tells nothing."""
    told = sensitivity - false
    with np.errstate(divide="ignore", invalid="ignore"):
        true = np.clip((rate - false) / told, 0, 1)
    return np.asarray(np.where(told > 0, true, np.nan))


@dataclass(frozen=True)
class Calibration:
    """How far detectors can be trusted on one kind of concept in one family's images."""

    family: str
    kind: str
    source: str
    """What the images are."""
    readings: tuple[Reading, ...]
    kappa: float | None
    """Cohen's kappa between the first two detectors on images that show a concept; None where
    there is only one, or nothing to agree on."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-serialisable data."""
        data = asdict(self)
        for reading in data["readings"]:
            reading |= {name: _written(reading[name]) for name in NUMBERS}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """Rebuild it from `to_json`."""
        readings = tuple(
            Reading(
                **{**reading, "choices": tuple(reading["choices"])}
                | {name: _read(reading[name]) for name in NUMBERS}
            )
            for reading in data["readings"]
        )
        return cls(**{**data, "readings": readings})

    def only(self, metrics: Collection[str]) -> Calibration:
        """Return what it says of some metrics alone."""
        some = tuple(reading for reading in self.readings if reading.metric in metrics)
        both = some[:2] == self.readings[:2]
        return replace(self, readings=some, kappa=self.kappa if both else None)

    def beside(self, before: Calibration) -> Calibration:
        """Return it with what an earlier one of the same images says of other detectors.

        Args:
            before: The earlier one.
        """
        own = {reading.metric for reading in self.readings}
        others = tuple(each for each in before.readings if each.metric not in own)
        if before.source != self.source or not others:
            return self
        # Kappa is between detectors that read the same images together.
        return replace(self, readings=self.readings + others, kappa=None)

    def note(self) -> str:
        """Return one sentence for the foot of a table."""
        parts = [
            f"{r.metric} is right on {_interval(r.accuracy)} of {r.n} (calibration error "
            f"{r.error:.3f}) and sees a concept in {r.invented[0]:.2f} of {r.empty} without one"
            for r in self.readings
        ]
        agreement = "" if self.kappa is None else f"; kappa {self.kappa:.2f}"
        return f"Detectors on {self.source}: {'; '.join(parts)}{agreement}."


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    return None if math.isnan(value) else value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read(each) for each in value)
    return math.nan if value is None else value


def read(
    metric: str,
    detector: str,
    choices: Sequence[str],
    truths: Sequence[str],
    labels: Sequence[str],
    confidences: Sequence[float],
) -> Reading:
    """Return a detector's reading of images.

    Args:
        metric: Its name.
        detector: What it is, and its version.
        choices: What one that chooses could say.
        truths: The concept that each image shows, "" for none.
        labels: What was seen, "" for none.
        confidences: Probability of what was seen.
    """
    shown = [(t, s, c) for t, s, c in zip(truths, labels, confidences, strict=True) if t]
    right = [truth == seen for truth, seen, _ in shown]
    empty = [seen for truth, seen in zip(truths, labels, strict=True) if not truth]
    confusion: dict[str, Counter[str]] = {}
    for truth, seen in zip(truths, labels, strict=True):
        confusion.setdefault(truth, Counter())[seen] += 1
    return Reading(
        metric=metric,
        detector=detector,
        choices=tuple(choices),
        n=len(shown),
        accuracy=intervals.wilson(sum(right), len(shown)),
        error=calibration_error([c for *_, c in shown], right),
        empty=len(empty),
        invented=intervals.wilson(sum(map(bool, empty)), len(empty)),
        confusion={truth: dict(sorted(counts.items())) for truth, counts in confusion.items()},
    )


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the mean distance between confidence and accuracy over 15 bins, weighted by size.

    NaN without images. Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
    equation 3.

    Args:
        confidences: Probability of the class that was seen, one an image.
        right: Whether it was the true one.
    """
    if not right:
        return math.nan
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    return float(binary_calibration_error(torch.tensor(confidences), torch.tensor(right), BINS))


def kappa(one: Sequence[str], other: Sequence[str]) -> float | None:
    """Return Cohen's kappa of two detectors' labels: agreement beyond chance, 1 for full.

    None where both always say the same one thing, or nothing, which chance alone would give.

    Args:
        one: Labels by one detector, one an image.
        other: Labels by the other, of the same images.
    """
    names = sorted({*one, *other})
    if len(names) < 2:
        return None
    import torch
    from torchmetrics.functional.classification import multiclass_cohen_kappa

    first, second = (torch.tensor([names.index(name) for name in some]) for some in (one, other))
    return float(multiclass_cohen_kappa(first, second, num_classes=len(names)))


def _interval(interval: Interval) -> str:
    return f"{interval[0]:.3f} [{interval[1]:.3f}, {interval[2]:.3f}]"
