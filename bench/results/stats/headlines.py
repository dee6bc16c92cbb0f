"""What the scores of a run amount to: headlines and effects, by the metric that decides; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.results.authority import tells_loss
from bench.results.stats import effects, intervals, propagation
from bench.results.stats.aggregate import ALL, KEPT, Rows, bounds, values
from bench.results.stats.intervals import Interval
from bench.types import ORIGINAL, Kind, RunSpec, Score

if TYPE_CHECKING:
    from bench.metrics import Measure, Metric


@dataclass(frozen=True)
class Headline:
    """One number for a kind of concept, from the means of a measure over groups of roles."""

    name: str
    formula: Callable[..., npt.ArrayLike]
    roles: tuple[tuple[str, ...], ...]
    """The roles that are pooled into each argument of the formula."""
    measures: Mapping[str, str]
    """What is added to the headline's name for each measure it is made from; `{}` stands for the
    metric that decides."""
    better: str = "higher"
    unit: str = "harmonic mean"


RATES = {"{}": "", "{}_probability": "_probability"}
STYLE = {"style_clip": ""}
HEADLINES: Mapping[Kind, tuple[Headline, ...]] = {
    "object": (
        Headline("H_o", intervals.harmonic_objects, (("target",), KEPT, ("synonym",)), RATES),
    ),
    "person": (Headline("H_c", intervals.harmonic_celebrities, (("target",), KEPT), RATES),),
    "style": (
        Headline("CLIP_e", np.asarray, (("target",),), STYLE, "lower", "100 cos"),
        Headline("CLIP_s", np.asarray, (KEPT,), STYLE, "higher", "100 cos"),
        Headline(
            "H_a", lambda e, s: np.subtract(s, e), (("target",), KEPT), STYLE, "higher", "100 cos"
        ),
    ),
}
"""H_o, H_c and H_a as MACE defines them (sections 4.1, 4.2 and 4.4)."""
NAMES = (
    *(headline.name for some in HEADLINES.values() for headline in some),
    *effects.BETTER,
)
"""What names of these scores start with."""


def conclude(
    rows: Rows,
    spec: RunSpec,
    metrics: Sequence[Metric],
    kind: Kind,
    *,
    decides: Metric | None,
    unerased: Rows = (),
    left_out: Collection[str] = (),
) -> list[Score]:
    """Return the headlines and effects of a run, per case and, of several cases, over all.

    Headlines (H_o, H_c; H_a), their twins from mean probabilities, and effects (`stats.effects`)
    come from the metric that decides (`results.authority`). Over several cases, a headline is the
    mean over those that have one, as papers average it over concepts.

    Args:
        rows: `per_image.csv`.
        spec: The run's spec.
        metrics: The metrics measured.
        kind: Kind of the suite's concepts.
        decides: The metric whose word counts most; without one, there is what other metrics give.
        unerased: `per_image.csv` of the un-erased model's run, for effects relative to it; only
            those that the metric measured too.
        left_out: Concepts that the un-erased model is not seen to draw: their images count
            nowhere, a case that has no others is NaN, and the pool does without it.
    """
    parts = {
        case: [row for row in rows if row["case"] == case and row["concept"] not in left_out]
        for case in spec.cases
    }
    groups = {case: [some] for case, some in parts.items()}
    if len(parts) > 1:
        groups[ALL] = list(parts.values())
    score = partial(Score, spec.method_name, spec.model, spec.suite)
    scores = []
    for case, group in groups.items():
        for name, (value, low, high), n in _headlines(group, metrics, decides, kind, spec.seed):
            scores.append(score(case, name, ALL, value, low, high, n))
        # Only a share of images that show their own concept says what an erasure did to it.
        shows = decides.measures()[0].value if decides and tells_loss(decides) else None
        if shows is not None:
            # Beside itself the un-erased model has lost nothing, by construction.
            before = () if spec.method == ORIGINAL else unerased
            for name, role, (value, low, high), n in effects.of(group, before, shows):
                scores.append(score(case, name, role, value, low, high, n))
    return scores


def _headlines(
    parts: Sequence[Rows],
    metrics: Sequence[Metric],
    decides: Metric | None,
    kind: Kind,
    seed: int,
) -> Iterator[tuple[str, Interval, int]]:
    known = {measure.name: measure for metric in metrics for measure in metric.measures()}
    name = decides.name if decides is not None else ""
    for headline in HEADLINES.get(kind, ()):
        for template, suffix in headline.measures.items():
            measure = known.get(template.format(name))
            if measure is not None and measure.direction == "by role":
                yield (headline.name + suffix, *_headline(parts, headline, measure, seed))


def _headline(
    parts: Sequence[Rows], headline: Headline, measure: Measure, seed: int
) -> tuple[Interval, int]:
    value = measure.value
    assert value is not None
    cases = [
        [values([row for row in rows if row["role"] in roles], value) for roles in headline.roles]
        for rows in parts
    ]
    # A case that lacks one of the roles has no headline of its own to average.
    whole = [groups for groups in cases if all(group.size for group in groups)]
    interval = propagation.formula_interval(
        headline.formula, whole, seed=seed, bounds=bounds(measure)
    )
    return interval, sum(group.size for groups in whole for group in groups)
