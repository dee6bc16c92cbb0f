"""Runs of different cases taken for one run of all of these, whose folder is nowhere.

Its numbers are those that one run of the same cases would have: rows of per_image.csv are put
together and concluded from as a run does. What is said of a case as a whole, such as FID, is taken
from the run that measured it, since one run too gives the mean over its cases.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import prompts, registry
from bench.files import Row
from bench.models import recognition
from bench.prompts import joint
from bench.results import authority, protocol
from bench.results.store import Finished, RunFolder
from bench.results.verification import CHANGED
from bench.types import ATTACK, RunRecord, Score, Suite

if TYPE_CHECKING:
    from bench.metrics import Metric, SetScore
    from bench.results.outcome import Measured

AGAIN = "scored_again"
"""Name in a record's provenance of the metrics that measured a finished run since."""
OWN_SETTINGS = "own_settings"
"""Name in a record's provenance of how many images are drawn by what their rows say."""


@dataclass(frozen=True)
class Joined(Finished):
    """Finished runs that differ in their cases alone, as one; its folder is the one of theirs."""

    runs: tuple[Finished, ...]
    """What it is joined of, in the order of their suite's cases."""
    rows: list[Row] = field(repr=False)

    @property
    def images(self) -> list[Row]:
        """What was measured of each image, in the columns that all of the runs have."""
        return self.rows

    @property
    def suite(self) -> Suite:
        """The tables of the suite, of which each of the runs keeps a copy."""
        return self.runs[0].suite


def parts(run: Finished) -> tuple[Finished, ...]:
    """Return the runs that a run is joined of, or itself."""
    return run.runs if isinstance(run, Joined) else (run,)


def called(run: Finished) -> str:
    """Return what a run's folder is called, or those of the runs that it is joined of."""
    return " and ".join(each.folder.path.name for each in parts(run))


def ids(run: Finished) -> str:
    """Return the ids of the runs that a run is joined of, or its own."""
    return " ".join(each.record.spec.run_id for each in parts(run))


def joined(runs: Sequence[Finished], unerased: Finished | None) -> Joined:
    """Return runs that differ in their cases alone as one.

    Args:
        runs: Two or more, no two of which have a case in common.
        unerased: The un-erased model's run of all these cases; None where it is not there, and for
            itself.

    Raises:
        InputError: their suite cannot be read.
    """
    # Statistics, which a comparison without any has no need of.
    from bench.results import outcome

    order = list(joint.choices(runs[0].suite, ()))
    some = tuple(sorted(runs, key=lambda run: order.index(run.record.spec.cases[0])))
    names = {name for run in some for name in run.record.spec.cases}
    spec = replace(some[0].record.spec, cases=tuple(name for name in order if name in names))
    root = Path(os.path.commonpath([run.folder.path.absolute().parent for run in some]))
    record = RunRecord(spec, _provenance(some), _seconds(some), ())
    whole = Joined(RunFolder(root.parent, root.name), record, some, _rows(some, spec.cases, root))
    seen = _measured(whole, unerased)
    found = outcome.outcome(seen)
    before = unerased.record.scores if unerased else ()
    flags = outcome.flags(seen.every, found.scores, before, seen.family, seen.erased)
    attacks = [score for run in some for score in run.record.scores if score.role == ATTACK]
    facts = {**record.provenance, "decides": found.decides}
    facts["protocol"] = protocol.digest(protocol.of(spec, facts))
    made = RunRecord(
        spec, facts, record.seconds, (*found.scores, *attacks), flags, found.unconfirmed
    )
    return replace(whole, record=made)


def _rows(runs: Sequence[Finished], cases: Sequence[str], root: Path) -> list[Row]:
    """Return the rows of all runs, case by case, in the columns that all of them have."""
    columns = [name for name in runs[0].images[0] if all(name in run.images[0] for run in runs)]
    found: dict[str, list[Row]] = {case: [] for case in cases}
    for run in runs:
        for row in run.images:
            image = _image(run, row["image"], root)
            found[row["case"]].append({name: row[name] for name in columns} | {"image": image})
    return [row for case in cases for row in found[case]]


def _measured(whole: Joined, unerased: Finished | None) -> Measured:
    from bench.results.outcome import Measured

    spec, facts, suite = whole.record.spec, whole.record.provenance, whole.suite
    concepts = prompts.known_concepts(suite)
    detectors = {**(facts.get("detectors") or {}), **(facts.get(AGAIN) or {})}
    measured = registry.known_metrics(detectors).values()
    metrics = [each for each in measured if authority.is_filled(each, whole.images)]
    known = joint.choices(suite, ())
    erased = (name for case in spec.cases for name in known[case].concepts)
    return Measured(
        spec=spec,
        rows=whole.images,
        unerased=unerased.images if unerased else [],
        metrics=metrics,
        every=metrics,
        detectors={each.name: detectors[each.name] for each in metrics},
        of_run=_of_cases(whole.runs, metrics),
        family=recognition.family_of(spec),
        kind=whole.kind,
        erased=[concepts[name] for name in dict.fromkeys(erased)],
        concepts=concepts,
        choices=facts.get("classes") or (),
    )


def _of_cases(
    runs: Iterable[Finished], metrics: Iterable[Metric]
) -> dict[str, dict[str, list[SetScore]]]:
    """Return by case and metric what was said of a case as a whole."""
    whole = {
        metric.name: {each.name for each in metric.measures() if each.value is None}
        for metric in metrics
    }
    return {
        case: {
            metric: [
                _of_set(score)
                for score in run.record.scores
                if (score.case, score.metric) == (case, metric) and score.measure in measures
            ]
            for metric, measures in whole.items()
        }
        for run in runs
        for case in run.record.spec.cases
    }


def _of_set(score: Score) -> SetScore:
    from bench.metrics import SetScore

    return SetScore(score.measure, score.role, score.value, score.n, score.low, score.high)


def _provenance(runs: Sequence[Finished]) -> dict[str, Any]:
    """Return what all records say alike, and what is said of the runs together."""
    records = [run.record.provenance for run in runs]
    first = records[0]
    shared = {k: v for k, v in first.items() if all(each.get(k) == v for each in records)}
    shared.pop(CHANGED, None)
    again: list[Mapping[str, str]] = [each.get(AGAIN) or {} for each in records]
    versions = {
        name: version
        for name, version in again[0].items()
        if all(each.get(name) == version for each in again)
    }
    own: Counter[str] = Counter()
    for each in records:
        own.update(_counts(str(each.get(OWN_SETTINGS) or "")))
    return shared | {
        "joined": [run.record.spec.run_id for run in runs],
        "finished": max(str(each.get("finished", "")) for each in records),
        **({AGAIN: versions} if versions else {}),
        OWN_SETTINGS: ", ".join(f"{what} {count}" for what, count in own.items()),
    }


def _counts(text: str) -> dict[str, int]:
    """Return how many images are drawn by what their rows say, from what a record says of it."""
    parts = (each.rpartition(" ") for each in text.split(", ") if each)
    return {what: int(count) for what, _, count in parts}


def _seconds(runs: Sequence[Finished]) -> dict[str, float]:
    """Return what the runs took by step: sums, but for what is a mean over cases or images."""
    weights = {
        "erase": [len(run.record.spec.cases) for run in runs],
        "image": [len(run.images) for run in runs],
    }
    found = {}
    for name in dict.fromkeys(name for run in runs for name in run.record.seconds):
        counts = weights.get(name, [1] * len(runs))
        known = [
            (run.record.seconds[name], count)
            for run, count in zip(runs, counts, strict=True)
            if name in run.record.seconds
        ]
        total = sum(value * count for value, count in known)
        found[name] = total / sum(count for _, count in known) if name in weights else total
    return found


def _image(run: Finished, image: str, root: Path) -> str:
    """Return where a run's image is, seen from another folder; "" for one outside the run's."""
    inside = os.path.normpath(image)
    if not image or Path(inside).is_absolute() or inside.startswith(os.pardir):
        return ""
    return (run.folder.path.absolute() / inside).relative_to(root).as_posix()
