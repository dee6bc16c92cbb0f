"""Compare finished runs: rates with intervals, and differences against a baseline.

RUN is a run's folder, or a bundle that `export` has written, as a folder or an archive. Runs of one
protocol share a table; those of a method that differ in their cases alone are one run there, as if
their cases had run at once. Without RUN, all of --out are compared; comparison.csv, .md and .tex,
axes.csv, interference.csv and the page index.html are written there. comparison.csv has a row a
score, comparison.tex one table a protocol; --columns picks the columns of another. A run whose
record or per_image.csv is not as it was written is left out; --verify reads every file of the runs,
images and erasures too, and refuses what is damaged.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.cli import arguments, output
from bench.cli.commands import _finished
from bench.names import typed
from bench.types import InputError

if TYPE_CHECKING:
    from bench.results import Results
    from bench.results.store import Finished

HELP = "tables of finished runs, with differences and tests"
FORMATS = ("terminal", "csv", "markdown", "latex")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which runs, against what, and in which form."""
    add = parser.add_argument
    add(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="run folders or bundles (default: all of --out)",
    )
    arguments.add_out(parser)
    add("--baseline", metavar="NAME", help="a method or run id (default: original)")
    add("--metric", metavar="NAME", help="only this metric's tables (default: all)")
    add("--format", default="terminal", metavar="NAME", help=", ".join(FORMATS))
    add(
        "--columns",
        metavar="NAMES",
        help="one table of these columns, by their headings: target,near,H_o,clip:target",
    )
    add(
        "--intervals",
        default="brackets",
        metavar="FORM",
        help="brackets, half-width (0.10 ± 0.05) or none (default: brackets)",
    )
    add("--label", metavar="NAME", help="\\label of the LaTeX table: tab:erasure")
    add("--wide", action="store_true", help="comparison_wide.csv too: a row a run")
    add("--anyway", action="store_true", help="compare different protocols, and mark the table")
    add("--verify", action="store_true", help="check every file of the runs by its checksum")
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Read the records, refuse what cannot be compared, and print."""
    from bench.names import find

    find("format", args.format, FORMATS)
    _check_forms(args)
    with TemporaryDirectory() as scratch:
        return _compare(args, _results(args.runs, args.out, Path(scratch)))


def _compare(args: argparse.Namespace, results: Results) -> int:
    from bench.names import find
    from bench.results import report

    if args.verify:
        _verify(results)
    mixed = bool(args.runs) and args.anyway
    groups = [report.group(results.runs)] if mixed else report.groups(results.runs)
    if args.runs and not mixed:
        way = "; --anyway compares them and marks the table"
        _finished.check(groups, results.runs, way=way)
    missing = [*results.problems, *(() if args.runs else report.unfinished(args.out))]
    for problem in missing:
        print(f"{typed()}: left out: {' '.join(problem.split())}", file=sys.stderr)
    for what, asked, known in (
        ("baseline", args.baseline, [name for group in groups for name in group.names]),
        ("metric of these runs", args.metric, [n for group in groups for n in group.metrics]),
    ):
        if asked:
            find(what, asked, dict.fromkeys(known))
    pages = [report.page(each, baseline=args.baseline, metric=args.metric) for each in groups]
    # Before a file is written: a name that is unknown changes nothing.
    chosen = report.narrowed(pages, _names(args.columns)) if args.columns else pages
    shown = [report.written(each, args.intervals) for each in chosen]
    if not args.runs:
        report.write_comparison(pages, args.out, missing)
        report.write_site(pages, args.out, results.problems)
        if args.wide:
            report.write_wide(pages, args.out)
    return output.answer(
        args,
        report.data(shown, missing),
        lambda: report.show(shown, args.format, label=args.label or "", rows=not args.wide),
    )


def _check_forms(args: argparse.Namespace) -> None:
    """Refuse what the format that is asked for has no use for, which would be lost unsaid."""
    from bench.names import find
    from bench.results import report

    find("form of intervals", args.intervals, report.INTERVALS)
    if args.label is not None:
        report.check_label(args.label)
        if args.format != "latex":
            raise InputError(f"--label is of LaTeX tables; --format is {args.format}, not latex")
    if args.columns is not None and args.format == "csv":
        raise InputError(
            "--columns is of tables; a CSV has all: --format terminal, markdown, latex"
        )
    if args.wide and args.runs and args.format != "csv":
        raise InputError("--wide with RUN prints: say --format csv too; without RUN it is written")
    if args.columns is not None and not _names(args.columns):
        raise InputError(f"--columns is '{args.columns}', must be headings: target,near,H_o")


def _names(text: str) -> list[str]:
    """Return names between commas, each once."""
    return list(dict.fromkeys(filter(None, (each.strip() for each in text.split(",")))))


def _verify(results: Results) -> None:
    """Refuse runs with files that are not as they were written, all of them in one message."""
    from bench.results import verification

    problems, files = list(results.problems), 0
    for run in results.runs:
        try:
            files += verification.check_files(run.folder, run.record)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("; ".join(problems))
    print(f"{typed()}: {files} files of {len(results.runs)} runs verified", file=sys.stderr)


def _results(runs: Sequence[Path], out: Path, scratch: Path) -> Results:
    from bench.results import store

    paths = [
        each for number, path in enumerate(runs) for each in _folders(path, scratch / str(number))
    ] or store.folders(out)
    if not paths:
        command = f"{typed('run')} --method NAME --out {shlex.quote(str(out))}"
        raise InputError(f"there is no finished run under {out}; `{command}` makes one")
    results = store.read(paths)
    if not results.runs:
        raise InputError("; ".join(results.problems))
    # Bundles of two runs may both bring the same un-erased one along.
    once = {run.record.spec.run_id: run for run in reversed(results.runs)}
    again = [run for run in results.runs if run is not once[run.record.spec.run_id]]
    problems = results.problems + tuple(_others(again, once))
    return replace(results, runs=tuple(once.values())[::-1], problems=problems)


def _others(again: Iterable[Finished], once: Mapping[str, Finished]) -> Iterator[str]:
    """Say of runs that were given twice where the second has other numbers."""
    for run in again:
        name = run.record.spec.run_id
        one, other = (each.folder.per_image_path for each in (once[name], run))
        if one.is_file() and other.is_file() and one.read_bytes() != other.read_bytes():
            yield f"{name} was given twice, with other numbers; the first counts"


def _folders(path: Path, scratch: Path) -> list[Path]:
    """Return the run folders at a path: it is one, or a bundle, which is unpacked into scratch."""
    from bench.results import bundles

    if (path / "record.json").exists():
        # It may be a link, or "."; a run is called by its own folder.
        return [path.resolve()]
    bundle = bundles.found(path)
    if bundle is None:
        raise InputError(
            f"{path} is no finished run: it has no record.json, and it is no bundle of runs"
        )
    return bundles.unpacked(bundles.read(bundle), scratch)
