"""Write the page of a folder of runs: ranking, figures, gallery and a page a run.

--out/index.html opens from disk and needs no network; images lie beside it as small copies and open
at full size. `run` and `compare` write it too.
"""

from __future__ import annotations

import argparse

from bench.cli import arguments, output
from bench.types import InputError

HELP = "the page of a folder of runs: ranking, figures, gallery"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare of which runs."""
    arguments.add_out(parser)
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Read the runs, write the page and say where it is."""
    from bench.results import load, report

    if not args.out.is_dir():
        raise InputError(f"{args.out} is no folder; --out is the folder of the runs")
    results = load(args.out)
    pages = [report.page(each) for each in report.groups(results.runs)]
    index = report.write_site(pages, args.out, results.problems)
    found = {"page": index, "runs": len(results.runs), "left_out": results.problems}
    return output.answer(args, found, lambda: print(index))
