"""Two runs on the same prompts and noise: differences, tests and their correction; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr

from bench import stats
from bench.stats import Floats, Interval

EXACT = 12
"""Up to so many pairs every assignment of signs is counted, not a sample of them."""


def difference(run: Sequence[Floats], baseline: Sequence[Floats], *, seed: int) -> Interval:
    """Return the mean of run minus baseline over pairs, and its 95 % interval.

    Rates of one cluster get the interval of Bonett and Price (J. Educ. Behav. Stat. 37, 2012),
    which has a width even where no pair differs; all else gets `stats.bootstrap`'s.

    Args:
        run: Values of each cluster (concept), NaN where not measured.
        baseline: Those of the baseline, pair by pair.
        seed: Of the bootstrap.
    """
    pairs = [_measured(one, other) for one, other in zip(run, baseline, strict=True)]
    pairs = [(one, other) for one, other in pairs if one.size]
    if len(pairs) == 1 and _binary(*pairs[0]):
        return _rates(*pairs[0])
    return stats.mean_interval([one - other for one, other in pairs], seed=seed)


def p_value(run: Sequence[Floats], baseline: Sequence[Floats], *, seed: int) -> float:
    """Return the two-sided p-value of no difference; NaN without pairs.

    Rates of one cluster: McNemar's exact test. All else: a permutation test that swaps run and
    baseline within clusters, or within pairs where there is one cluster. Arguments as in
    `difference`.
    """
    pairs = [_measured(one, other) for one, other in zip(run, baseline, strict=True)]
    pairs = [(one, other) for one, other in pairs if one.size]
    if not pairs:
        return math.nan
    if len(pairs) > 1:
        return permutation(np.array([(one - other).mean() for one, other in pairs]), seed=seed)
    if _binary(*pairs[0]):
        return mcnemar(*pairs[0])
    return permutation(pairs[0][0] - pairs[0][1], seed=seed)


def mcnemar(run: Floats, baseline: Floats) -> float:
    """Return the p-value of McNemar's exact test of paired 0/1 values, two-sided.

    Source: the binomial test of the pairs that differ, McNemar, Psychometrika 12 (1947).
    """
    up, down = int((run > baseline).sum()), int((run < baseline).sum())
    return min(1.0, 2 * float(bdtr(min(up, down), up + down, 0.5))) if up + down else 1.0


def permutation(differences: Floats, *, seed: int, draws: int = 20_000) -> float:
    """Return the p-value of the mean being 0, from random signs of the differences, two-sided.

    All signs are tried for up to `EXACT` differences; else `draws` of them, counting the observed
    ones as one more, so that p is never 0. Source: Fisher's randomisation test.
    """
    n = differences.size
    observed = abs(differences.sum()) * (1 - 1e-9)
    if n <= EXACT:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float((np.abs((2 * bits - 1) @ differences) >= observed).mean())
    rng = np.random.default_rng(seed)
    signs = rng.integers(0, 2, (draws, n), dtype=np.int8) * 2 - 1
    return float((1 + (np.abs(signs @ differences) >= observed).sum()) / (1 + draws))


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for being several, by Holm's step-down; NaN stays and is no test.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted((p, i) for i, p in enumerate(values) if not math.isnan(p))
    corrected = list(values)
    least = 0.0
    for rank, (p, i) in enumerate(order):
        least = max(least, min(1.0, p * (len(order) - rank)))
        corrected[i] = least
    return corrected


def _measured(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    both = ~(np.isnan(one) | np.isnan(other))
    return one[both], other[both]


def _binary(one: Floats, other: Floats) -> bool:
    return bool(np.isin(np.concatenate([one, other]), (0.0, 1.0)).all())


def _rates(run: Floats, baseline: Floats) -> Interval:
    n = run.size
    up, down = (run > baseline).sum(), (run < baseline).sum()
    # One pair each way is added, which is what gives a width to no difference at all.
    more, less = (up + 1) / (n + 2), (down + 1) / (n + 2)
    spread = stats.Z95 * math.sqrt((more + less - (more - less) ** 2) / (n + 2))
    value, centre = float((up - down) / n), more - less
    return value, max(-1.0, min(centre - spread, value)), min(1.0, max(centre + spread, value))
