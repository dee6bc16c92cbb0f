"""A comparison as CSV, and the rows of it: one a score, with its interval and what its run is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bench.files import csv_bytes
from bench.results import elsewhere
from bench.results.joined import ids
from bench.results.report.groups import Group
from bench.results.report.table import EMPTY
from bench.results.stats.repeats import mean_and_spread
from bench.results.store import Finished
from bench.types import RunSpec

if TYPE_CHECKING:
    from bench.results.report.page import Page


def sheet(pages: Sequence[Page]) -> str:
    """Return one CSV over all runs: one row a score, with its interval and what its run is.

    Args:
        pages: What is compared.
    """
    rows = [row for page in pages for row in rows_of(page.group)]
    for row in rows:
        row["seconds_to_erase"] = f"{row['seconds_to_erase']:.2f}"
        for key in ("value", "low", "high", "sd"):
            row[key] = f"{row[key]:.6g}"
    if not rows:
        return csv_bytes(("note",), [{"note": EMPTY}]).decode()
    return csv_bytes(list(rows[0]), rows).decode()


def drawn(spec: RunSpec) -> dict[str, str]:
    """Return which images a row of a CSV is of, by column: model, suite, its version, and size.

    Args:
        spec: The run.
    """
    return {name: getattr(spec, name) for name in ("model", "suite", "suite_version", "size")}


def rows_of(group: Group) -> Iterator[dict[str, Any]]:
    """Yield one row a score of each run, then of each mean over the seeds of an erasure.

    A run's `sd` is NaN; a mean has the standard deviation over its seeds there, and no interval.
    """
    for run in group.runs:
        yield from _rows(group.case, run)
    for runs in group.repeats:
        yield from _means([list(_rows(group.case, run)) for run in runs])


def _means(repeated: Sequence[Sequence[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield the mean of each score that all of some seeds' runs have."""
    keys = ("metric", "measure", "role", "tag")
    by_key = [{tuple(row[key] for key in keys): row for row in rows} for rows in repeated]
    for key, first in by_key[0].items():
        same = [rows[key] for rows in by_key if key in rows]
        if len(same) == len(by_key):
            mean, spread = mean_and_spread([row["value"] for row in same])
            yield first | {
                "value": mean,
                "low": math.nan,
                "high": math.nan,
                "sd": spread,
                "n": sum(row["n"] for row in same),
                "seconds_to_erase": mean_and_spread([row["seconds_to_erase"] for row in same])[0],
                "flags": "; ".join(dict.fromkeys(row["flags"] for row in same if row["flags"])),
                "seed": " ".join(str(row["seed"]) for row in same),
                "run_id": " ".join(row["run_id"] for row in same),
            }


def _rows(case: str, run: Finished) -> Iterator[dict[str, Any]]:
    """Yield a run's scores of a case, in the order of scores.csv."""
    record, spec = run.record, run.record.spec
    made = elsewhere.made(spec)
    of_run = {
        "method": spec.method_name,
        "made": "elsewhere" if made else "here",
        **drawn(spec),
        "precision": "" if made else spec.precision,
        "case": case,
    }
    at_end = {
        "sd": math.nan,
        "seed": spec.seed,
        "seconds_to_erase": record.seconds.get("erase", math.nan),
        "flags": "; ".join(record.flags),
        "unconfirmed": "; ".join(record.unconfirmed),
        "run_id": ids(run),
    }
    for score in record.scores:
        if score.case == case:
            yield {
                **of_run,
                "metric": score.metric,
                "measure": score.measure,
                "role": score.role,
                "tag": score.tag,
                "value": score.value,
                "low": score.low,
                "high": score.high,
                "n": score.n,
                **at_end,
            }
