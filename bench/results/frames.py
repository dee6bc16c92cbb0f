"""Finished runs as pandas frames, for notebooks; the command line has no need of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from bench.results import store
from bench.results.store import PROMPT_COLUMNS, Results, load

KEYS = ["run_id", "seed"]
"""Columns in front of those that a run's own files have."""


def scores(root: Results | Path | str = "reports/runs") -> pd.DataFrame:
    """Return every score of the finished runs under a folder, one a row.

    Columns: run_id, seed, and those of scores.csv (method, model, suite, case, metric, measure,
    role, tag, value, low, high, n).
    """
    rows = [
        {"run_id": run.record.spec.run_id, "seed": run.record.spec.seed} | asdict(score)
        for run in _results(root).runs
        for score in run.record.scores
    ]
    return pd.DataFrame(rows, columns=[*KEYS, *store.SCORE_COLUMNS])


def images(root: Results | Path | str = "reports/runs") -> pd.DataFrame:
    """Return what was measured of every image of the finished runs under a folder, one a row.

    Columns: run_id, method, run_seed (of the erasure), and those of the runs' per_image.csv; what
    metrics measured is numbers, NaN where they could not, and texts stay texts even where they read
    "null" or "NA".
    """
    parts = []
    for run in _results(root).runs:
        # Read as text: pandas would take a prompt that is the word "null" for a missing one.
        part = pd.DataFrame(run.images)
        for name in part.columns:
            if name not in PROMPT_COLUMNS and not name.endswith("_label"):
                part[name] = [float(text or "nan") for text in part[name]]
        spec = run.record.spec
        part.insert(0, "run_seed", spec.seed)
        part.insert(0, "method", spec.method_name)
        part.insert(0, "run_id", spec.run_id)
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _results(root: Results | Path | str) -> Results:
    return root if isinstance(root, Results) else load(root)
