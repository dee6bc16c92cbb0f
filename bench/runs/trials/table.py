"""The trials of a run together: attacks.csv, and their rates among the run's scores.

<run>/attacks.csv           the summaries
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench import digests
from bench.files import Row, csv_bytes, read_rows, write_bytes
from bench.results.report import attacks
from bench.results.store import RunFolder
from bench.runs import record
from bench.runs.trials.folder import SUMMARY
from bench.types import ATTACK, InputError, Score


def collect(run: RunFolder) -> list[Row]:
    """Write the run's attacks.csv from its finished trials, and return its rows.

    Trials of an erasure that is no longer there, and those that cannot be read (`unread`), are left
    out.
    """
    rows, _ = _summaries(run)
    erasures = {case: run.erasure_path(case) for case in {row["case"] for row in rows}}
    hashes = {case: digests.file(erasure) for case, erasure in erasures.items() if erasure.exists()}
    rows = [row for row in rows if row["erasure"] == hashes.get(row["case"])]
    rows.sort(key=lambda row: [row[name] for name in ("case", "attack", "convention", "trial")])
    table = csv_bytes(SUMMARY, rows)
    run.sums.announce(run.attacks_path, table)
    write_bytes(run.attacks_path, table)
    _into_scores(run, rows)
    return rows


def unread(run: RunFolder) -> list[str]:
    """Return why trials are missing in attacks.csv: damaged, or written by another version."""
    _, problems = _summaries(run)
    return [f"left out of attacks.csv: {problem}" for problem in problems]


def _summaries(run: RunFolder) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    problems = []
    for path in sorted((run.path / "attacks").glob("*/*/summary.csv")):
        try:
            rows += read_rows(path, SUMMARY)
        except InputError as error:
            problems.append(str(error))
    return rows, problems


@dataclass(frozen=True)
class _Rate:
    """A rate that is a score of the run."""

    row: Row
    measure: str
    """`pre_asr` or `asr`, which is its column too."""
    tag: str
    """The attack as tables call it; "" before any."""
    folder: str
    """Where it was measured; where several have the same tag, they are told apart by this."""

    @property
    def key(self) -> tuple[str, ...]:
        return self.row["case"], self.row["metric"], self.measure, self.tag


def _into_scores(run: RunFolder, rows: Sequence[Row]) -> None:
    """Put pre-ASR and each ASR among a finished run's scores, in the role of attacks."""
    if not run.is_done():
        return
    before = run.read_record()
    unattacked = {row["unattacked"]: _Rate(row, "pre_asr", "", row["unattacked"]) for row in rows}
    after = [_Rate(row, "asr", attacks.label(row), row["trial"]) for row in rows]
    every = [*unattacked.values(), *after]
    several = Counter(each.key for each in every)
    found = [
        Score(
            **{name: each.row[name] for name in ("method", "model", "suite", "case", "metric")},
            measure=each.measure,
            role=ATTACK,
            tag=each.tag if several[each.key] == 1 else each.folder,
            value=float(each.row[each.measure]),
            low=float(each.row[f"{each.measure}_low"]),
            high=float(each.row[f"{each.measure}_high"]),
            n=int(each.row["n"]),
        )
        for each in every
    ]
    kept = [score for score in before.scores if score.role != ATTACK]
    scores = (*kept, *found)
    if scores != before.scores:
        record.write(run, replace(before, scores=scores))
