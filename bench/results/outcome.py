"""What the images of a run say once they are measured: scores, what none confirms, and flags."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.files import Row
from bench.results import authority, calibrations
from bench.results.stats import collapse, confirmation
from bench.results.stats.aggregate import aggregate
from bench.results.stats.headlines import conclude
from bench.types import ALL, ORIGINAL, Concept, Kind, RunSpec, Score

if TYPE_CHECKING:
    from bench.metrics import Metric, SetScore


@dataclass(frozen=True)
class Measured:
    """The images of a run as metrics saw them, and what must be known to conclude from them."""

    spec: RunSpec
    rows: Sequence[Row]
    """per_image.csv."""
    unerased: Sequence[Row]
    """That of the un-erased model's run; empty where it is not there."""
    metrics: Sequence[Metric]
    """Those whose scores are wanted."""
    every: Sequence[Metric]
    """All that have measured the images: headlines come from whichever of these decides."""
    detectors: Mapping[str, str]
    """The detector, with its version, of each of `metrics`."""
    of_run: Mapping[str, Mapping[str, Sequence[SetScore]]]
    """By case and metric, what is said of it as a whole."""
    family: str
    """Model family that drew the images."""
    kind: Kind
    """Kind of the concepts that were erased."""
    erased: Sequence[Concept]
    """What was erased."""
    concepts: Mapping[str, Concept]
    """The concepts that prompts may name, by name."""
    choices: Collection[str]
    """What metrics that choose may say, see `bench.prompts.choice.Choice.to_json`."""


@dataclass(frozen=True)
class Outcome:
    """The scores of a run, the concepts that could not be judged, and the metric that decides."""

    scores: list[Score]
    unconfirmed: Mapping[str, str]
    """The concepts of which nothing can be said, and why."""
    decides: str
    """The metric that headlines and effects come from; "" for none."""


def outcome(seen: Measured) -> Outcome:
    """Return the scores of a run, from the verdicts on its images, and what none can confirm.

    Args:
        seen: The images, measured.
    """
    spec = seen.spec
    every = authority.having_read(seen.every, seen.rows)
    decides = authority.decisive(every, seen.family, seen.erased)
    left_out: dict[str, str] = {}
    # Of images that nothing has looked at yet there is nothing to confirm.
    if seen.metrics:
        before = seen.rows if spec.method == ORIGINAL else seen.unerased
        left_out = confirmation.unconfirmed(seen.rows, before, every, seen.family, seen.concepts)
    scores = aggregated(
        seen.rows,
        spec,
        seen.metrics,
        family=seen.family,
        kind=seen.kind,
        of_run=seen.of_run,
        choices=seen.choices,
        detectors=seen.detectors,
    )
    compared = decides is not None and authority.is_filled(decides, seen.unerased)
    scores += conclude(
        seen.rows,
        spec,
        every,
        seen.kind,
        decides=decides,
        unerased=seen.unerased if compared else [],
        left_out=left_out,
    )
    order = [*spec.cases, ALL]
    scores.sort(key=lambda score: order.index(score.case))
    return Outcome(scores, left_out, decides.name if decides else "")


def aggregated(
    rows: Sequence[Row],
    spec: RunSpec,
    metrics: Sequence[Metric],
    *,
    family: str,
    kind: Kind,
    of_run: Mapping[str, Mapping[str, Sequence[SetScore]]],
    choices: Collection[str],
    detectors: Mapping[str, str],
) -> list[Score]:
    """Return the scores of images by metrics, corrected where the detectors' errors are known.

    Args:
        rows: per_image.csv.
        spec: The run's spec.
        metrics: The metrics that measured.
        family: Model family that drew the images.
        kind: Kind of the concepts that were erased.
        of_run: By case and metric, what is said of it as a whole.
        choices: What metrics that choose may say, see `bench.prompts.choice.Choice.to_json`.
        detectors: The detector, with its version, of each metric.
    """
    looked = calibrations.Looked(
        family=family,
        kind=kind,
        detectors=detectors,
        concepts={row["concept"] for row in rows} - {""},
        choices=choices,
    )
    readings = calibrations.readings(looked)
    return aggregate(rows, spec, metrics, family=family, of_run=of_run, readings=readings)


def flags(
    metrics: Iterable[Metric],
    scores: Sequence[Score],
    before: Sequence[Score],
    family: str,
    erased: Sequence[Concept],
) -> tuple[str, ...]:
    """Return why images with these scores must not be ranked; nothing for honest ones.

    Args:
        metrics: All that have measured.
        scores: All that there are.
        before: Those of the un-erased model's images; empty where there are none.
        family: Model family that drew the images.
        erased: What was erased.
    """
    there = {(each.metric, each.measure) for each in before or scores}
    trusted = [
        each
        for each in metrics
        if authority.tells_loss(each)
        and family not in each.kin
        and (each.name, each.measures()[0].name) in there
    ]
    # Of equals, and of those that say nothing of what was erased, the suite's first.
    decider = authority.decisive(trusted, family, erased) or next(iter(trusted), None)
    rate = (decider.name, decider.measures()[0].name) if decider else ("", "")
    return collapse.flags(scores, before, rate, family)
