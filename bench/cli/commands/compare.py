"""Compare finished runs: rates with intervals, and differences against a baseline.

Runs of one protocol share a table. Without RUN, all of --out are compared and comparison.csv, .md
and .tex are written there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments, output
from bench.names import typed
from bench.types import InputError

if TYPE_CHECKING:
    from bench.results import Results

HELP = "tables of finished runs, with differences and tests"
FORMATS = ("terminal", "csv", "markdown", "latex")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which runs, against what, and in which form."""
    add = parser.add_argument
    add("runs", nargs="*", type=Path, metavar="RUN", help="run folders (default: all of --out)")
    arguments.add_out(parser)
    add("--baseline", metavar="NAME", help="a method or run id (default: un-erased)")
    add("--metric", metavar="NAME", help="only this metric's tables (default: all)")
    add("--format", default="terminal", metavar="NAME", help=", ".join(FORMATS))
    add("--anyway", action="store_true", help="compare different protocols, and mark the table")
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Read the records, refuse what cannot be compared, and print."""
    from bench.names import find
    from bench.results import report

    find("format", args.format, FORMATS)
    results = _results(args.runs, args.out)
    mixed = bool(args.runs) and args.anyway
    if args.runs and not mixed:
        _check_protocols(results)
    groups = [report.group(results.runs)] if mixed else report.groups(results.runs)
    for problem in results.problems:
        print(f"{typed()}: left out: {' '.join(problem.split())}", file=sys.stderr)
    for what, asked, known in (
        ("baseline", args.baseline, [name for group in groups for name in group.names]),
        ("metric of these runs", args.metric, [n for group in groups for n in group.metrics]),
    ):
        if asked:
            find(what, asked, dict.fromkeys(known))
    pages = [report.page(each, baseline=args.baseline, metric=args.metric) for each in groups]
    if not args.runs:
        report.write_comparison(pages, args.out, results.problems)
    return output.answer(
        args, report.data(pages, results.problems), lambda: report.show(pages, args.format)
    )


def _results(runs: Sequence[Path], out: Path) -> Results:
    from bench.results import store

    paths = list(runs) or store.folders(out)
    for path in runs:
        if not (path / "record.json").is_file():
            raise InputError(f"{path} is no finished run: it has no record.json")
    if not paths:
        raise InputError(f"there is no finished run under {out}; `{typed('run')}` makes one")
    results = store.read(paths)
    if not results.runs:
        raise InputError("; ".join(results.problems))
    return results


def _check_protocols(results: Results) -> None:
    from bench.results import protocol

    first = results.runs[0]
    for other in results.runs[1:]:
        fields = protocol.differences(first.record, other.record)
        if fields:
            names = f"{first.folder.path.name} and {other.folder.path.name}"
            raise InputError(
                f"{names} have different protocols ({'; '.join(fields)}); --anyway compares "
                "them and marks the table"
            )
