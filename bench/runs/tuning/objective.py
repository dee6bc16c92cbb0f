"""What a tuning maximises: one number a case, a headline of its run; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.types import ALL, Score


def of_case(scores: Sequence[Score], case: str, headline: str) -> float:
    """Return a case's value of a headline, NaN where it was not measured.

    Args:
        scores: All of a run.
        case: Name of the case.
        headline: Its measure, such as `H_all`.
    """
    found = (s.value for s in scores if (s.case, s.measure, s.role) == (case, headline, ALL))
    return next(found, math.nan)
