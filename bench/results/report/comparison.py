"""All pages in every format: in the terminal, and as comparison.csv, .md and .tex."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.files import csv_bytes, write_bytes
from bench.results.report.groups import Group
from bench.results.report.latex import latex
from bench.results.report.markdown import markdown
from bench.results.report.page import Page
from bench.results.report.table import EMPTY, Cell, Table
from bench.results.report.terminal import print_table
from bench.results.stats.repeats import mean_and_spread
from bench.results.store import Finished
from bench.types import Score

LEGEND = (
    "↓ lower is better, ↑ higher is better; the best is bold, the second underlined. Brackets are "
    "95 % intervals. target, synonym, hyponym, related and adversarial images should no longer "
    "show the erased concept, near and far ones should still show their own; leak is the share of "
    "these that show the erased one."
)


def write_comparison(pages: Sequence[Page], out: Path, left_out: Sequence[str] = ()) -> list[Path]:
    """Write the pages in three formats and return the files' paths.

    Args:
        pages: One a protocol.
        out: The folder for comparison.csv, .md and .tex.
        left_out: Why runs are missing, one sentence each; the page says so.
    """
    made = {"csv": sheet(pages), "md": document(pages, left_out), "tex": paper(pages)}
    paths = [out / f"comparison.{ending}" for ending in made]
    for path, text in zip(paths, made.values(), strict=True):
        write_bytes(path, text.encode())
    return paths


def show(pages: Sequence[Page], form: str) -> int:
    """Print pages as terminal, csv, markdown or latex, and return the status of success.

    Args:
        pages: One a protocol.
        form: `terminal`, `csv`, `markdown` or `latex`.
    """
    written = {"csv": sheet, "markdown": document, "latex": paper}
    if form in written:
        sys.stdout.write(written[form](pages))
        return 0
    from rich.console import Console

    console = Console()
    for page in pages:
        console.print(page.heading, style="bold", highlight=False)
        for table in page.tables:
            print_table(console, table)
        for note in page.notes:
            console.print(note, highlight=False, markup=False)
        console.print()
    return 0


def show_scores(scores: Sequence[Score]) -> None:
    """Print scores as they stand in scores.csv, one a line, those not measured left out."""
    from rich.console import Console

    lines = tuple(
        (
            *map(Cell, (s.metric, s.measure, s.role, s.tag)),
            Cell(f"{s.value:.3g}", "" if math.isnan(s.low) else f"[{s.low:.3g}, {s.high:.3g}]"),
            Cell(str(s.n)),
        )
        for s in scores
        if s.case == scores[-1].case and not math.isnan(s.value)
    )
    title = f"case {scores[-1].case}" if scores else "scores"
    print_table(Console(), Table(title, ("metric", "measure", "role", "tag", "value", "n"), lines))


def sheet(pages: Sequence[Page]) -> str:
    """Return one CSV over all runs: one row a score, with its interval and what its run is.

    Args:
        pages: What is compared.
    """
    rows = [
        row
        | {key: f"{row[key]:.6g}" for key in ("value", "low", "high", "sd")}
        | {"seconds_to_erase": f"{row['seconds_to_erase']:.2f}"}
        for page in pages
        for row in rows_of(page.group)
    ]
    if not rows:
        return csv_bytes(("note",), [{"note": EMPTY}]).decode()
    return csv_bytes(list(rows[0]), rows).decode()


def data(pages: Sequence[Page], left_out: Sequence[str] = ()) -> dict[str, object]:
    """Return the pages for programs: the rows of comparison.csv with all their digits, and tables.

    Args:
        pages: What is compared.
        left_out: Why runs are missing, one sentence each.
    """
    found = [
        {
            "heading": page.heading,
            "scores": list(rows_of(page.group)),
            "tables": [
                {
                    "title": table.title,
                    "header": table.header,
                    "lines": [[cell.full for cell in line] for line in table.lines],
                    "notes": table.notes,
                }
                for table in page.tables
            ],
            "notes": page.notes,
        }
        for page in pages
    ]
    return {"comparisons": found, "left_out": left_out}


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
    for score in record.scores:
        if score.case == case:
            yield {
                "method": spec.method_name,
                "model": spec.model,
                "suite": spec.suite,
                "suite_version": spec.suite_version,
                "size": spec.size,
                "precision": spec.precision,
                "case": case,
                "metric": score.metric,
                "measure": score.measure,
                "role": score.role,
                "tag": score.tag,
                "value": score.value,
                "low": score.low,
                "high": score.high,
                "n": score.n,
                "sd": math.nan,
                "seed": spec.seed,
                "seconds_to_erase": record.seconds.get("erase", math.nan),
                "flags": "; ".join(record.flags),
                "unconfirmed": "; ".join(record.unconfirmed),
                "run_id": spec.run_id,
            }


def document(pages: Sequence[Page], left_out: Sequence[str] = ()) -> str:
    """Return the pages as one Markdown document.

    Args:
        pages: One a protocol.
        left_out: Why runs are missing, one sentence each.
    """
    lines = ["# Comparison", "", LEGEND, ""]
    for problem in left_out:
        lines += [f"Left out: {problem}.", ""]
    for page in pages:
        lines += [f"## {page.heading}", ""]
        for table in page.tables:
            lines += markdown(table)
        for note in page.notes:
            lines += [note, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def paper(pages: Sequence[Page]) -> str:
    """Return the pages as LaTeX that needs the packages booktabs and graphicx."""
    lines = ["% needs \\usepackage{booktabs,graphicx}"]
    for page in pages:
        for table in page.tables:
            lines += latex(table, page.heading, page.notes)
    return "\n".join(lines) + "\n"
