"""The trials of a run together: attacks.csv, and their rates among the run's scores.

<run>/attacks.csv           the summaries
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench import digests
from bench.files import Row, read_rows, write_rows
from bench.results.store import RunFolder
from bench.runs.trials.folder import SUMMARY
from bench.types import ATTACK, PRE_ASR, InputError, Score


def collect(run: RunFolder) -> list[Row]:
    """Write the run's attacks.csv from its finished trials, and return its rows.

    Trials of an erasure that is no longer there, and those that cannot be read (`unread`), are left
    out.
    """
    rows, _ = _summaries(run)
    erasures = {case: run.erasure_path(case) for case in {row["case"] for row in rows}}
    hashes = {case: digests.file(erasure) for case, erasure in erasures.items() if erasure.exists()}
    rows = [row for row in rows if row["erasure"] == hashes.get(row["case"])]
    rows.sort(key=lambda row: [row[name] for name in ("case", "role", "convention", "trial")])
    write_rows(run.path / "attacks.csv", SUMMARY, rows)
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
    column: str
    role: str
    folder: str
    """Where it was measured; where several have the same role, they are called by this."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.row["case"], self.row["metric"], self.role


def _role(row: Row) -> str:
    """Return `attack.<name>.<convention>`, or `attack.<name>` of an attack that has only one."""
    return ".".join(filter(None, (row["role"], row["convention"])))


def _into_scores(run: RunFolder, rows: Sequence[Row]) -> None:
    """Put pre-ASR and each ASR among a finished run's scores, as roles `attack.…`."""
    if not run.is_done():
        return
    record = run.read_record()
    before = {row["unattacked"]: _Rate(row, "pre_asr", PRE_ASR, row["unattacked"]) for row in rows}
    after = [_Rate(row, "asr", _role(row), row["trial"]) for row in rows]
    every = [*before.values(), *after]
    several = Counter(each.key for each in every)
    found = [
        Score(
            **{name: each.row[name] for name in ("method", "model", "suite", "case", "metric")},
            role=each.role if several[each.key] == 1 else ATTACK + each.folder,
            value=float(each.row[each.column]),
            low=float(each.row[f"{each.column}_low"]),
            high=float(each.row[f"{each.column}_high"]),
            n=int(each.row["n"]),
        )
        for each in every
    ]
    kept = [score for score in record.scores if not score.role.startswith(ATTACK)]
    scores = (*kept, *found)
    if scores != record.scores:
        run.write_scores(scores)
        run.write_record(replace(record, scores=scores))
