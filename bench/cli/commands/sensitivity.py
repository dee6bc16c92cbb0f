"""Run erasers with one known fault each on mini, and say which axes each fault moves.

Writes the table planted fault x axis, sensitivity.csv and README.md. The exit status is 1 where an
axis does not do what it must.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import arguments, output, progress
from bench.cli.commands import print_lines
from bench.names import typed

HELP = "test the benchmark: whether planted faults move their own axes alone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the size, and where runs and the table go."""
    add = parser.add_argument
    add("--size", default="quick", metavar="NAME", help="of the suite objects (default: quick)")
    add("--steps", type=arguments.steps, metavar="N", help="sampling steps (default: mini's)")
    add("--fault", action="append", default=[], metavar="NAME", help="default: all")
    add("--to", type=Path, default=Path("reports/sensitivity"), metavar="DIR", help="the table's")
    arguments.add_out(parser)
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the faults, write the table, and say what moved and where it is."""
    from bench.names import find
    from bench.runs.folders import check_out
    from bench.runs.sensitivity import table

    for name in args.fault:
        find("planted fault", name, table.OFFENDS)
    check_out(args.to)
    steps = f", {args.steps} steps" if args.steps else ""
    lines = table.measure(
        args.out, size=args.size, steps=args.steps, faults=args.fault, told=progress.teller(args)
    )
    again = f"`{typed('sensitivity')}` measures it again"
    how = f"Suite objects of mini, size {args.size}{steps}: {again}."
    paths = table.write(lines, args.to, how)
    wrong = table.wrong(lines)
    output.answer(
        args,
        {"faults": lines, "wrong": wrong, "written": paths},
        lambda: print_lines([*table.moves(lines), *wrong, *map(str, paths)]),
    )
    return 1 if wrong else 0
