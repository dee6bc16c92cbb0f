"""The glossary and the files that are written have the same columns, in the same order."""

from __future__ import annotations

from dataclasses import fields

from bench.results import store
from bench.results.agreement import Agreement
from bench.results.glossary import GLOSSARY
from bench.results.report import axes, interference
from bench.runs.trials import folder


def test_it_has_the_columns_of_every_file_in_their_order() -> None:
    """Those of comparisons and of lora_errors.csv are compared where these are written."""
    written = {
        "scores.csv": store.SCORE_COLUMNS,
        "per_image.csv": store.PROMPT_COLUMNS,
        "axes.csv": axes.COLUMNS,
        "interference.csv": interference.COLUMNS,
        "attacks.csv": folder.SUMMARY,
        "results.csv": folder.RESULT,
        "agreement.csv": tuple(each.name for each in fields(Agreement)),
    }
    assert {file: tuple(GLOSSARY[file]) for file in written} == written
    assert GLOSSARY.keys() - written.keys() == {
        *("comparison.csv", "comparison_wide.csv", "lora_errors.csv")
    }
    assert all(words.endswith(".") for file in GLOSSARY.values() for words in file.values())
