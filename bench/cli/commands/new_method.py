"""Write methods/NAME.py, its test and its page: a start that already works."""

from __future__ import annotations

import argparse

from bench.names import typed

HELP = "start an eraser of your own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the name and the kind."""
    parser.add_argument("name", help="in lower case, for example my_eraser")
    parser.add_argument(
        "--kind",
        default="weights",
        metavar="KIND",
        help="what it leaves: weights, inference (it acts while drawing) or adapter "
        "(tensors to add); default weights",
    )


def execute(args: argparse.Namespace) -> int:
    """Write the files and say what to do next."""
    from bench.registry import scaffold

    for path in scaffold.create(args.name, args.kind):
        print(f"wrote {path}")
    print(f"next: {typed('check-method')} {args.name}, then {typed('run')} --method {args.name}")
    return 0
