"""Compares CSV files with what the glossary explains."""

from __future__ import annotations

import re
from pathlib import Path

from bench.files import read_rows
from bench.prompts.rows import OPTIONAL
from bench.results.glossary import GLOSSARY, VERDICTS, named

FILES = {"summary.csv": "attacks.csv"}
"""Files that have the columns of another."""


def explained(folder: Path) -> set[str]:
    """Return the files of the glossary that lie below a folder; every CSV there must be as it says.

    Args:
        folder: Where files were written.
    """
    return {_explained(path) for path in sorted(folder.rglob("*.csv"))}


def _explained(path: Path) -> str:
    rows = read_rows(path)
    assert rows, f"{path} has no row"
    header, (file, *others) = list(rows[0]), _called(path, list(rows[0]))
    assert not others, f"{path} could be {file} or {others}"
    if file == "per_image.csv":
        for column in header[len(named(file)) :]:
            metric, _, name = column.partition("_")
            assert name in VERDICTS[metric.partition("@")[0]], column
    return file


def _called(path: Path, header: list[str]) -> list[str]:
    whole = "".join(f"{column}," for column in header)
    known = FILES.get(path.name, path.name)
    known = f"{path.parent.name}/N.csv" if path.stem.isdigit() else known
    known = "prompts.csv" if path.parent.name == "suite" else known
    found = [file for file in GLOSSARY if re.fullmatch(_pattern(file), whole)]
    fits = [file for file in found if file == known]
    fits = fits or [file for file in found if file.removesuffix(".csv").isupper()]
    assert fits, f"{path} has columns that the glossary does not explain: {header}"
    return fits


def _pattern(file: str) -> str:
    """Return what the columns of a file match, each followed by a comma."""
    own, found = named(file), []
    for column in GLOSSARY[file]:
        if column not in own:
            found.append("([^,]+,)*")
        else:
            may = "?" * (file == "prompts.csv" and column in OPTIONAL)
            found.append(f"({re.escape(column)},){may}")
    return "".join(found)
