"""The files of trials have the columns that the glossary explains."""

from __future__ import annotations

from bench.runs.trials.table import collect

from ...columns import explained
from .conftest import Bench


def test_every_column_is_explained(bench: Bench) -> None:
    bench.attack("ring_a_bell")
    collect(bench.folder)
    files = {"attacks.csv", "seen.csv", "results.csv", "found/N.csv"}
    assert explained(bench.out) - {"prompts.csv"} == files
