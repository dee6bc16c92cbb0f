"""What a tuning maximises: one number a case, from the scores of a run; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import harmonic_mean

from bench.results.stats.effects import FALLS, STAYS
from bench.types import ALL, Score

AXES = "axes"
"""The objective that every suite has: the harmonic mean of its axes."""
SURVIVAL = "remainder"
"""The role whose share of images says whether what stands beside the concept survives."""


def of_case(scores: Sequence[Score], case: str, name: str) -> float:
    """Return a case's value of an objective, NaN where it was not measured.

    Args:
        scores: All of a run.
        case: Name of the case.
        name: `AXES`, or a headline such as H_o.
    """
    own = [score for score in scores if score.case == case]
    if name != AXES:
        found = (s.value for s in own if (s.measure, s.role) == (name, ALL))
        return next(found, math.nan)
    measured = [value for value in axes(own).values() if not math.isnan(value)]
    return harmonic_mean(measured) if measured else math.nan


def axes(scores: Sequence[Score]) -> dict[str, float]:
    """Return what an erasure did on each axis, 1 being best.

    Efficacy and generality as they are, residue as one minus it, specificity as it is, each by
    role, and the share of images in which what stands beside the concept is still seen.

    Args:
        scores: Those of one case.
    """
    found = {}
    for score in scores:
        if (FALLS | STAYS).get(score.role) == score.measure:
            kept = 1 - score.value if score.measure == "residue" else score.value
            found[f"{score.measure} {score.role}"] = kept
        elif score.role == SURVIVAL and score.measure == "share":
            found["survival"] = score.value
    return found
