"""What the scores of a run amount to: headlines and effects, by the metric that decides; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.prompts.sizes import cut_to
from bench.results.authority import tells_loss
from bench.results.stats import axes, effects, intervals, propagation
from bench.results.stats.aggregate import OTHERS, Rows, bounds, values
from bench.results.stats.intervals import Interval
from bench.types import ALL, ORIGINAL, Kind, RunSpec, Score

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
    """The headline's name by the measure that it is made from."""
    metric: str = ""
    """The metric that has these measures; "" for the one that decides."""
    better: str = "higher"
    unit: str = "harmonic mean"


STYLE = "style"
HEADLINES: Mapping[Kind, tuple[Headline, ...]] = {
    "object": (
        Headline(
            *("H_o", intervals.harmonic_objects, (("target",), OTHERS, ("synonym",))),
            {"share": "H_o", "probability": "H_o_probability"},
        ),
    ),
    "person": (
        Headline(
            *("H_c", intervals.harmonic_celebrities, (("target",), OTHERS)),
            {"share": "H_c", "probability": "H_c_probability"},
        ),
    ),
    "style": (
        Headline(
            *("CLIP_e", np.asarray, (("target",),), {"clip": "CLIP_e"}, STYLE),
            better="lower",
            unit="100 cos",
        ),
        Headline("CLIP_s", np.asarray, (OTHERS,), {"clip": "CLIP_s"}, STYLE, unit="100 cos"),
        Headline(
            *("H_a", lambda e, s: np.subtract(s, e), (("target",), OTHERS)),
            *({"clip": "H_a"}, STYLE),
            unit="100 cos",
        ),
    ),
}
"""H_o, H_c and H_a as MACE defines them (sections 4.1, 4.2 and 4.4)."""
NAMES = frozenset(
    [name for some in HEADLINES.values() for each in some for name in each.measures.values()]
    + [name for each in effects.BETTER for name in (each, effects.relative(each))]
    + list(axes.NAMES)
)
"""The measures of these scores; their metric is the one that they come from."""


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
    """Return headlines, effects and axes of a run, per case and, of several cases, over all.

    Headlines (H_o, H_c; H_a), their twins from mean probabilities, effects (`stats.effects`) and
    whether a concept is there, in axes (`stats.axes`), come from the metric that decides
    (`results.authority`). Over several cases, a headline is the mean over those that have one, as
    papers average it over concepts.

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
        found = _headlines(group, metrics, decides, kind, spec.seed)
        for metric, measure, (value, low, high), n in found:
            scores.append(score(case, metric, measure, ALL, "", value, low, high, n))
        # Only a share of images that show their own concept says what an erasure did to it.
        shows = decides.measures()[0].value if decides and tells_loss(decides) else None
        if decides and shows is not None:
            # Beside itself the un-erased model has lost nothing, by construction.
            before = () if spec.method == ORIGINAL else unerased
            for name, role, (value, low, high), n in effects.of(group, before, shows):
                what = (case, decides.name, name, role, "")
                scores.append(score(*what, value, low, high, n))
            found = axes.of(group, before, decides, metrics, seed=spec.seed)
            for metric, measure, (value, low, high), n in found:
                # Roles that nobody drew raise nothing.
                if measure != axes.OVERALL or not cut_to(spec.size):
                    scores.append(score(case, metric, measure, ALL, "", value, low, high, n))
    return scores


def _headlines(
    parts: Sequence[Rows],
    metrics: Sequence[Metric],
    decides: Metric | None,
    kind: Kind,
    seed: int,
) -> Iterator[tuple[str, str, Interval, int]]:
    """Yield metric, name, interval and n of each headline."""
    known = {(each.name, some.name): some for each in metrics for some in each.measures()}
    for headline in HEADLINES.get(kind, ()):
        metric = headline.metric or (decides.name if decides else "")
        for name, called in headline.measures.items():
            measure = known.get((metric, name))
            if measure is not None and measure.direction == "by role":
                yield metric, called, *_headline(parts, headline, measure, seed)


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
