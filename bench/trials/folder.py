"""The files of one trial, an attack on one edit, and the table of a run's trials.

<run>/attacks/<case>/<attack>-<budget>-<hash>/
  results.csv               one row a prompt: what was found, before, after, what it cost
  embeddings/*.safetensors  learnt words, where the attack learns one
  images/*.png              the candidates
  summary.csv               one row, written last: its presence means done
<run>/attacks.csv           the summaries
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.stats import wilson
from bench.store import Row, RunFolder, read_rows, write_rows
from bench.types import ATTACK, InputError, Score

RESULT = (
    *("id", "concept", "text", "seed", "found", "embedding", "loss"),
    *("before", "after", "hits", "first", "candidates", "evaluations", "seconds"),
)
"""Columns of results.csv. Empty is not yet known; `before`, `after` are 0 or 1, `hits` how many
candidates show the concept, `first` the number of the first that does, `evaluations` and `seconds`
the prompt's share of its batch."""

SUMMARY = (
    *("method", "model", "suite", "case", "role", "kind", "convention", "budget"),
    *("metric", "n", "left_out"),
    *("before", "before_low", "before_high", "after", "after_low", "after_high"),
    *("evaluations", "images", "seconds", "edit"),
)
"""Columns of summary.csv and attacks.csv: rates with 95 % Wilson intervals, the U-Net evaluations
and images of one prompt, the seconds of all, and the sha256 of the edit."""


def digest(facts: Mapping[str, object]) -> str:
    """Return eight digits that differ wherever something that decides a trial does."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class TrialFolder:
    """The files of one trial."""

    def __init__(self, run: RunFolder, case: str, name: str) -> None:
        """Name the files; nothing is made or read."""
        self.path = run.path / "attacks" / case / name
        self.results_path = self.path / "results.csv"
        self.summary_path = self.path / "summary.csv"
        self.images = self.path / "images"

    def embedding_path(self, batch: int) -> Path:
        """Return where the word that was learnt for a batch is stored."""
        return self.path / "embeddings" / f"{batch}.safetensors"

    def read(self, ids: Sequence[str]) -> list[Row]:
        """Return the rows so far, nothing for a trial that has found nothing.

        Raises:
            InputError: if they are damaged or not of these prompts.
        """
        if not self.results_path.exists():
            return []
        rows = read_rows(self.results_path)
        if [row.get("id") for row in rows] != list(ids) or tuple(rows[0]) != RESULT:
            raise InputError(
                f"{self.results_path} does not list this trial's prompts; delete {self.path} and "
                "the same command makes it again"
            )
        return rows

    def write(self, rows: Sequence[Row]) -> None:
        """Write the rows."""
        write_rows(self.results_path, RESULT, rows)

    def summary(self) -> Row | None:
        """Return the finished trial's summary, None for an unfinished one."""
        if not self.summary_path.exists():
            return None
        rows = read_rows(self.summary_path)
        if len(rows) != 1 or tuple(rows[0]) != SUMMARY:
            raise InputError(
                f"{self.summary_path} is damaged; delete it and the same command makes it again"
            )
        return rows[0]

    def finish(self, facts: Mapping[str, str], rows: Sequence[Row]) -> Row:
        """Write and return the summary: the facts, and what follows from the rows."""
        row = {name: facts[name] for name in SUMMARY if name in facts}
        n = len(rows)
        for moment in ("before", "after"):
            rate, low, high = wilson(sum(int(each[moment]) for each in rows), n)
            row |= {moment: f"{rate:.6g}", f"{moment}_low": f"{low:.6g}"}
            row |= {f"{moment}_high": f"{high:.6g}"}
        spent = [float(each["evaluations"]) for each in rows]
        drawn = [int(each["candidates"]) for each in rows]
        row |= {
            "n": str(n),
            "evaluations": f"{math.fsum(spent) / n:.6g}",
            "images": f"{sum(drawn) / n:.6g}",
            "seconds": f"{math.fsum(float(each['seconds']) for each in rows):.1f}",
        }
        write_rows(self.summary_path, SUMMARY, [row])
        return row


def collect(run: RunFolder) -> list[Row]:
    """Write the run's attacks.csv from its finished trials, and return its rows.

    Trials of an edit that is no longer there are left out, as are those of another layout.
    """
    paths = sorted((run.path / "attacks").glob("*/*/summary.csv"))
    rows = [row for path in paths for row in read_rows(path) if tuple(row) == SUMMARY]
    edits = {case: run.edit_path(case) for case in {row["case"] for row in rows}}
    hashes = {case: sha256(edit) for case, edit in edits.items() if edit.exists()}
    rows = [row for row in rows if row["edit"] == hashes.get(row["case"])]
    write_rows(run.path / "attacks.csv", SUMMARY, rows)
    _into_scores(run, rows)
    return rows


def _into_scores(run: RunFolder, rows: Sequence[Row]) -> None:
    """Put success after each attack among a finished run's scores.

    The role is `attack.<name>.<convention>`, or `attack.<name>` of an attack that has only one.
    """
    if not run.is_done():
        return
    record = run.read_record()
    found = [
        Score(
            **{name: row[name] for name in ("method", "model", "suite", "case", "metric")},
            role=".".join(filter(None, (row["role"], row["convention"]))),
            value=float(row["after"]),
            low=float(row["after_low"]),
            high=float(row["after_high"]),
            n=int(row["n"]),
        )
        for row in rows
    ]
    kept = [score for score in record.scores if not score.role.startswith(ATTACK)]
    scores = (*kept, *found)
    if scores != record.scores:
        run.write_scores(scores)
        run.write_record(replace(record, scores=scores))
