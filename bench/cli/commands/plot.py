"""Draw a figure of finished runs for a paper.

The un-erased model is shown too; where it lies beside the first RUN, it need not be named.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import output
from bench.cli.commands import _finished
from bench.types import InputError

HELP = "a figure of finished runs, as SVG, PNG or PDF"
KINDS = (
    *("axes", "tradeoff", "intactness", "interference", "cases", "cost", "residue", "attacks"),
    "concepts",
)
FORMATS = ("svg", "png", "pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which runs, which figure, and where to."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs")
    add("--kind", default="tradeoff", metavar="NAME", help=", ".join(KINDS))
    add("--format", default="", metavar="NAME", help=f"{', '.join(FORMATS)} (default: --to's)")
    add("--to", type=Path, metavar="FILE", help="the file (default: KIND.svg)")
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Draw the figure and say where it is."""
    from bench.names import find
    from bench.results.report import figures, plots

    find("kind", args.kind, figures.KINDS)
    path = args.to or Path(f"{args.kind}.{args.format or FORMATS[0]}")
    form = args.format or path.suffix.lstrip(".")
    find("format", form, plots.FORMATS)
    if path.suffix != f".{form}":
        raise InputError(f"--to {path} does not end in .{form}, which --format asks for")
    kind = figures.KINDS[args.kind]
    group = _finished.group(args.runs, of_cases=kind.of_cases)
    figure = kind.of(group) if group.metrics else None
    if figure is None:
        raise InputError(f"these runs have nothing that {args.kind} shows: it needs {kind.needs}")
    done = plots.write(path, figure)
    return output.answer(args, {"written": done}, lambda: print(done))
