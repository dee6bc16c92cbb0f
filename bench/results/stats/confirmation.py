"""Which concepts the un-erased model is not seen to draw: of these a run can say nothing; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.results.authority import Rows, decisive, is_filled, tells_loss
from bench.results.stats import intervals
from bench.types import Concept

if TYPE_CHECKING:
    from bench.metrics import Metric

LOW = 0.5
"""An un-erased rate below this says that the detector or the model does not know the concept."""
DIRECT = ("target", "near", "far")
"""Roles of prompts that name the concept they should show."""


def unconfirmed(
    rows: Rows,
    unerased: Rows,
    metrics: Sequence[Metric],
    family: str,
    known: Mapping[str, Concept],
) -> dict[str, str]:
    """Return the concepts of which a run can say nothing, and why, in words.

    No independent metric saw the un-erased model draw them on prompts that name them: there is
    none, as where CLIP shares its text encoder with the model; or it saw none in its images, or
    surely fewer than half. What counts exposures rather than concepts, as nudity does, must have
    seen one.

    Args:
        rows: per_image.csv of the run.
        unerased: That of the un-erased model; empty where it was not run, and then only whether
            there is such a metric is known.
        metrics: Those measured.
        family: Model family.
        known: The concepts by name.
    """
    trusted = [
        metric
        for metric in metrics
        if family not in metric.kin and (not unerased or is_filled(metric, unerased))
    ]
    found = {}
    for name in dict.fromkeys(row["concept"] for row in rows if row["concept"]):
        decider = decisive(trusted, family, [known[name]])
        if decider is None:
            found[name] = "no independent detector can confirm that the un-erased model draws this"
        elif unerased:
            own = {row["id"]: row for row in unerased if _direct(row, name)}.values()
            read = [row for row in own if not decider.missing(row)]
            rate, _, high = intervals.wilson(sum(map(decider.shows, read)), len(read))
            if rate == 0 or (own and not read) or (high < LOW and tells_loss(decider)):
                found[name] = (
                    f"{decider.name} sees this in {rate:.2f} of {len(read)} un-erased images"
                )
    return found


def _direct(row: Mapping[str, str], name: str) -> bool:
    return row["concept"] == name and row["role"] in DIRECT
