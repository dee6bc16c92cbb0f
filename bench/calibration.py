"""What detectors make of pictures whose content is known: accuracy, confusion, confidence; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench import stats

BINS = 15
"""Bins of confidence of the expected calibration error."""


@dataclass(frozen=True)
class Reading:
    """One detector's answers to pictures of known content."""

    metric: str
    detector: str
    n: int
    """Pictures that show a concept."""
    accuracy: stats.Interval
    """Share of these whose top-1 label is their concept."""
    error: float
    """Expected calibration error of the top-1 confidence, over 15 bins."""
    empty: int
    """Pictures that show no concept of the kind."""
    invented: stats.Interval
    """Share of these in which a concept is seen all the same; 1 for one that has to choose."""
    confusion: Mapping[str, Mapping[str, int]]
    """Pictures by what they show and what was seen; "" is no concept."""


@dataclass(frozen=True)
class Calibration:
    """How far detectors can be trusted on one kind of concept in one family's pictures."""

    family: str
    kind: str
    source: str
    """What the pictures are."""
    readings: tuple[Reading, ...]
    kappa: float | None
    """Cohen's kappa between the first two detectors on pictures that show a concept."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-serialisable data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """Rebuild it from `to_json`."""
        readings = tuple(
            Reading(**{**r, "accuracy": tuple(r["accuracy"]), "invented": tuple(r["invented"])})
            for r in data["readings"]
        )
        return cls(**{**data, "readings": readings})

    def note(self) -> str:
        """Return one sentence for the foot of a table."""
        parts = [
            f"{r.metric} is right on {_interval(r.accuracy)} of {r.n} (calibration error "
            f"{r.error:.3f}) and sees a concept in {r.invented[0]:.2f} of {r.empty} without one"
            for r in self.readings
        ]
        agreement = "" if self.kappa is None else f"; kappa {self.kappa:.2f}"
        return f"Detectors on {self.source}: {'; '.join(parts)}{agreement}."


def read(
    metric: str,
    detector: str,
    truths: Sequence[str],
    labels: Sequence[str],
    confidences: Sequence[float],
) -> Reading:
    """Return a detector's reading of pictures.

    Args:
        metric: Its name.
        detector: What it is.
        truths: The concept that each picture shows, "" for none.
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
        n=len(shown),
        accuracy=stats.wilson(sum(right), len(shown)),
        error=calibration_error([c for *_, c in shown], right),
        empty=len(empty),
        invented=stats.wilson(sum(map(bool, empty)), len(empty)),
        confusion={truth: dict(sorted(counts.items())) for truth, counts in confusion.items()},
    )


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the mean distance between confidence and accuracy over 15 bins, weighted by size.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    return float(binary_calibration_error(torch.tensor(confidences), torch.tensor(right), BINS))


def kappa(one: Sequence[str], other: Sequence[str]) -> float:
    """Return Cohen's kappa of two detectors' labels: agreement beyond chance, 1 for full."""
    import torch
    from torchmetrics.functional.classification import multiclass_cohen_kappa

    names = sorted({*one, *other})
    first, second = (torch.tensor([names.index(name) for name in some]) for some in (one, other))
    if len(names) == 1:
        return 1.0
    return float(multiclass_cohen_kappa(first, second, num_classes=len(names)))


def _interval(interval: stats.Interval) -> str:
    return f"{interval[0]:.3f} [{interval[1]:.3f}, {interval[2]:.3f}]"
