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
    from bench.results.report.groups import Group

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
    groups, problems = _groups(args.runs, args.out, args.anyway)
    for problem in problems:
        print(f"{typed()}: left out: {' '.join(problem.split())}", file=sys.stderr)
    for what, asked, known in (
        ("baseline", args.baseline, [name for group in groups for name in group.names]),
        ("metric of these runs", args.metric, [n for group in groups for n in group.metrics]),
    ):
        if asked:
            find(what, asked, dict.fromkeys(known))
    pages = [report.page(each, baseline=args.baseline, metric=args.metric) for each in groups]
    if not args.runs:
        report.write_comparison(pages, args.out, problems)
    return output.answer(
        args, report.data(pages, problems), lambda: report.show(pages, args.format)
    )


def _groups(runs: Sequence[Path], out: Path, anyway: bool) -> tuple[list[Group], list[str]]:
    from bench.results import protocol, report, store

    paths = list(runs) or store.folders(out)
    for path in runs:
        if not (path / "record.json").is_file():
            raise InputError(f"{path} is no finished run: it has no record.json")
    if not paths:
        raise InputError(f"there is no finished run under {out}; `{typed('run')}` makes one")
    found, problems = store.finished(paths)
    if not found:
        raise InputError("; ".join(problems))
    if runs and not anyway:
        for other in found[1:]:
            fields = protocol.differences(found[0].record, other.record)
            if fields:
                names = f"{found[0].folder.path.name} and {other.folder.path.name}"
                raise InputError(
                    f"{names} have different protocols ({'; '.join(fields)}); --anyway compares "
                    "them and marks the table"
                )
    return (report.groups(found) if not (runs and anyway) else [report.group(found)]), problems
