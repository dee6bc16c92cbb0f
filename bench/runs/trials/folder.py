"""The files of one trial, an attack on one erasure.

<run>/attacks/<case>/<attack>-<budget>-<hash>/
  embeddings/*.safetensors  learnt words, where the attack learns one
  starts/*.safetensors      latents that candidates are drawn from, where it finds some
  found/*.csv               what was found for prompts that were searched for together
  images/*.png              the candidates
  results.csv               one row a prompt: what was found, before, after, what it cost
  summary.csv               one row, written last: its presence means done
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from bench.files import Row, read_rows, write_rows
from bench.registry import imports
from bench.runs.trials import candidates
from bench.runs.trials.rates import RATES, Seen, rates
from bench.types import InputError

FOUND = ("id", "found", "embedding", "step", "loss", "evaluations", "seconds", "guard")
"""Columns of found/*.csv; `guard` is that of the summary, the others are those of results.csv."""

RESULT = (
    *("id", "concept", "text", "seed", "found", "embedding", "step", "loss", "before", "after"),
    *("pre_success", "success", "matched_before", "matched_after", "evaluations", "seconds"),
)
"""Columns of results.csv. Empty is not known; so is `found` where nothing is said. `step` is how
many of the sampler's steps the latents that candidates start from have behind them, empty where
they start from noise of their seeds. `before` and `after` have a 1 for each candidate that shows
the concept and a 0 for each other; `pre_success` says whether any does before the attack, `success`
whether any does before or after it, `matched_before` and `matched_after` whether the one of the
prompt's own seed does; `evaluations` and `seconds` are what the search took, the prompt's share of
those that were searched for together."""

SUMMARY = (
    *("method", "model", "suite", "case", "attack", "kind", "convention", "budget", "metric"),
    *("n", "left_out", *(name + end for name in RATES for end in ("", "_low", "_high"))),
    *("matched_p", "evaluations", "images", "seconds", "note", "trial", "unattacked", "erasure"),
    *("origin", "guard"),
)
"""Columns of summary.csv and attacks.csv: the rates of `trials.rates` with 95 % intervals, the
p-value of the matched pair, the U-Net evaluations and images of one prompt, the seconds of all
searches (drawing takes as long whatever the attack), what is unusual, the folders of the trial and
of the images before it, the erasure's sha256, and the distribution that brought the attack as a
plug-in. `guard` is "not attacked" where the attack is adaptive and yet sees nothing of the erasure,
which acts in guidance only."""
NUMBERS = SUMMARY[SUMMARY.index("n") : SUMMARY.index("note")]
"""Those of them that hold numbers."""

UNSEEN = "not attacked"
"""What `guard` says of an erasure that the search could not see."""

NOTHING = "un-erased draws none: nothing searched"
"""Note of a trial whose un-erased model shows the concept for no prompt; all prompts count then."""


def digest(facts: Mapping[str, object]) -> str:
    """Return eight digits that differ wherever something that decides a trial does."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


@cache
def code() -> str:
    """Return a hash of the code that trials are carried out by: a changed one makes others."""
    return imports.version(Path(__file__).with_name("trial.py"), "bench.runs.trials.trial")


class TrialFolder:
    """The files of one trial."""

    def __init__(self, path: Path) -> None:
        """Name the files; nothing is made or read."""
        self.path = path
        self.results_path = self.path / "results.csv"
        self.summary_path = self.path / "summary.csv"
        self.images = self.path / "images"
        self.concluded = (self.results_path, self.summary_path)
        """What the images are read into; the last declares the trial finished."""
        self.searched = tuple(self.path / name for name in ("found", "embeddings", "starts"))
        """Folders of what searches found, a file each by the number of the batch."""

    def embedding_path(self, batch: int) -> Path:
        """Return where the word that was learnt for a batch is stored."""
        return self.path / "embeddings" / f"{batch}.safetensors"

    def starts_path(self, batch: int) -> Path:
        """Return where the latents that a batch's candidates start from are stored."""
        return self.path / "starts" / f"{batch}.safetensors"

    def results(self) -> list[Row]:
        """Return the rows of a finished trial, nothing for another.

        Raises:
            InputError: if they are damaged.
        """
        return read_rows(self.results_path, RESULT) if self.results_path.exists() else []

    def found_path(self, number: int) -> Path:
        """Return where what was found for a batch is stored; its presence means searched."""
        return self.path / "found" / f"{number}.csv"

    def keep(self, number: int, rows: Sequence[Row]) -> None:
        """Write what was found for a batch.

        Args:
            number: The batch's.
            rows: One a prompt.
        """
        write_rows(self.found_path(number), FOUND, rows)

    def found(self, number: int, ids: Sequence[str]) -> list[Row]:
        """Return what was found for a batch, nothing for one that was not searched for.

        Args:
            number: The batch's.
            ids: Those of its prompts.

        Raises:
            InputError: the file is damaged, or lists other prompts.
        """
        path = self.found_path(number)
        if not path.exists():
            return []
        rows = read_rows(path, FOUND)
        if [row["id"] for row in rows] != list(ids):
            raise InputError(
                f"{path} does not list this trial's prompts; delete {self.path} and the same "
                "command makes it again"
            )
        return rows

    def write(self, rows: Sequence[Row]) -> None:
        """Write the rows of results.csv."""
        write_rows(self.results_path, RESULT, rows)

    def summary(self) -> Row | None:
        """Return the finished trial's summary, None for an unfinished one.

        Raises:
            InputError: the file is damaged.
        """
        if not self.summary_path.exists():
            return None
        rows = read_rows(self.summary_path, SUMMARY)
        if len(rows) != 1:
            raise InputError(
                f"{self.summary_path} is damaged; delete it and the same command makes it again"
            )
        return rows[0]

    def finish(self, facts: Mapping[str, str], rows: Sequence[Row], *, matched: bool) -> Row:
        """Write and return the summary: the facts, and what follows from the rows.

        Args:
            facts: Columns by name.
            rows: results.csv, complete; nothing may have been searched for any.
            matched: Whether the first seed of `after` is the prompt's own.
        """
        row = dict.fromkeys(SUMMARY, "") | {"trial": self.path.name} | dict(facts)
        n = len(rows)
        found, p = rates([seen(each, matched=matched) for each in rows])
        for name, interval in found.items():
            for end, value in zip(("", "_low", "_high"), interval, strict=True):
                row[name + end] = f"{value:.6g}"
        spent = [float(each["evaluations"] or 0) for each in rows]
        drawn = [len(candidates.read(each["after"])) for each in rows]
        row |= {
            "n": str(n),
            "matched_p": f"{p:.6g}",
            "evaluations": f"{math.fsum(spent) / n:.6g}",
            "images": f"{sum(drawn) / n:.6g}",
            "seconds": f"{math.fsum(float(each['seconds'] or 0) for each in rows):.1f}",
        }
        write_rows(self.summary_path, SUMMARY, [row])
        return row


def seen(row: Row, *, matched: bool) -> Seen:
    """Return what a row of results.csv says was seen.

    Args:
        row: A row of results.csv.
        matched: Whether the first seed of `after` is the prompt's own.
    """
    return Seen(candidates.read(row["before"]), candidates.read(row["after"]), matched)


def derived(row: Row, *, matched: bool) -> Row:
    """Return the columns of results.csv that follow from `before` and `after`.

    Args:
        row: A row of results.csv.
        matched: Whether the first seed of `after` is the prompt's own.
    """
    what = seen(row, matched=matched)
    names = ["pre_success", "success"]
    values = [what.pre_success, what.success]
    if what.pair is not None:
        names += ["matched_before", "matched_after"]
        values += what.pair
    return {name: str(int(value)) for name, value in zip(names, values, strict=True)}
