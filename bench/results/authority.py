"""Which metric decides whether an image shows a concept: one rule for all that ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bench import registry
from bench.families import FAMILIES
from bench.types import Concept, Prompt

if TYPE_CHECKING:
    from bench.metrics import Authority, Metric

Rows = Sequence[Mapping[str, str]]


def decisive(metrics: Iterable[Metric], family: str, concepts: Sequence[Concept]) -> Metric | None:
    """Return the metric with the most authority on whether images show the concepts, if any has.

    Args:
        metrics: Those there are; of equals the first.
        family: Model family that drew the images.
        concepts: What it must be able to see, all of it.
    """
    found = [metric for metric in metrics if _over(metric, family, concepts)]
    return max(found, key=lambda metric: _over(metric, family, concepts), default=None)


def trusted(
    metrics: Iterable[Metric],
    families: Iterable[str],
    erased: Sequence[Concept],
    prompts: Sequence[Prompt],
) -> list[Metric]:
    """Return the metrics that can tell whether images show concepts, the most authority first.

    Args:
        metrics: Those there are.
        families: Model families whose images are meant; one that they can read is enough.
        erased: The concepts, of one kind.
        prompts: What the images are drawn for.
    """
    known, asked = list(metrics), list(families)

    def word(metric: Metric) -> int:
        seen = (family for family in asked if metric.sees(family, erased, prompts))
        return max((_over(metric, family, erased) for family in seen), default=0)

    return sorted((m for m in known if word(m) and not m.relative), key=lambda m: -word(m))


def trusted_names(erased: Sequence[Concept], prompts: Sequence[Prompt]) -> list[str]:
    """Return the package's metrics that can tell whether images show concepts, see `trusted`.

    They are named without thresholds: these go with the package's.

    Args:
        erased: The concepts that are erased together.
        prompts: What the images are drawn for.
    """
    found = trusted(registry.usable_metrics().values(), FAMILIES, erased, prompts)
    return [metric.stem for metric in found]


def _over(metric: Metric, family: str, concepts: Sequence[Concept]) -> Authority:
    return min(metric.authority(family, concept) for concept in concepts)


def tells_loss(metric: Metric) -> bool:
    """Return whether a metric says how many images still show their own concept.

    Nudity's share does not: a far image without any exposed part has lost nothing.
    """
    main = metric.measures()[0]
    return main.direction == "by role" and main.statistic == "share" and main.value is not None


def having_read(metrics: Iterable[Metric], rows: Rows) -> list[Metric]:
    """Return the metrics that have read images, without verdicts brought for a part of them alone.

    Args:
        metrics: Those there are.
        rows: per_image.csv.
    """
    found = [metric for metric in metrics if is_filled(metric, rows)]
    own = [metric for metric in found if metric.columns and not metric.repeats]
    read = [row for row in rows if not all(metric.missing(row) for metric in own)]
    return [
        metric
        for metric in found
        if not metric.repeats or not any(metric.missing(row) for row in read)
    ]


def is_filled(metric: Metric, rows: Rows) -> bool:
    """Return whether rows of per_image.csv have a metric's columns.

    Args:
        metric: The metric.
        rows: per_image.csv.
    """
    return bool(rows) and all(f"{metric.name}_{column}" in rows[0] for column in metric.columns)
