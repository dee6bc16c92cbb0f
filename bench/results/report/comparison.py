"""All pages in every format: in the terminal, and as comparison.csv, .md and .tex."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.files import csv_bytes, write_bytes
from bench.results.report.latex import latex
from bench.results.report.markdown import markdown
from bench.results.report.page import Page
from bench.results.report.table import EMPTY, Cell, Table
from bench.results.report.terminal import print_table
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
        left_out: Why runs are missing, one sentence each; the page says so.
    """
    made = {"csv": sheet(pages), "md": document(pages, left_out), "tex": paper(pages)}
    paths = [out / f"comparison.{ending}" for ending in made]
    for path, text in zip(paths, made.values(), strict=True):
        write_bytes(path, text.encode())
    return paths


def show(pages: Sequence[Page], form: str) -> int:
    """Print pages as terminal, csv, markdown or latex, and return the status of success."""
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
    """Return one CSV over all runs: one row a score, with its interval and what its run is."""
    rows = [row for page in pages for run in page.group.runs for row in _rows(page.group.case, run)]
    if not rows:
        return csv_bytes(("note",), [{"note": EMPTY}]).decode()
    return csv_bytes(list(rows[0]), rows).decode()


def _rows(case: str, run: Finished) -> Iterator[dict[str, object]]:
    """Yield the scores of a case, in the order of scores.csv."""
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
                **{name: f"{getattr(score, name):.6g}" for name in ("value", "low", "high")},
                "n": score.n,
                "seconds_to_erase": f"{record.seconds.get('erase', math.nan):.2f}",
                "flags": "; ".join(record.flags),
                "unconfirmed": "; ".join(record.unconfirmed),
                "run_id": spec.run_id,
            }


def document(pages: Sequence[Page], left_out: Sequence[str] = ()) -> str:
    """Return the pages as one Markdown document."""
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
