"""List methods, models, suites, metrics, attacks or protocols."""

from __future__ import annotations

import argparse

from bench.cli import output
from bench.cli.commands import print_lines

HELP = "list methods, models, suites, metrics, attacks or protocols"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to list."""
    parser.add_argument("what", help="methods, models, suites, metrics, attacks or protocols")
    parser.add_argument("-v", "--verbose", action="store_true", help="with options and details")
    parser.add_argument(
        "--kind",
        metavar="KIND",
        help="only methods that leave weights, adapter or inference (they act while drawing), "
        "or attacks that are adaptive or transfer",
    )
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Print the list."""
    from bench.cli.catalogue import catalogue
    from bench.cli.listing import listing

    found = catalogue(args.what, args.kind) if args.json else ()
    return output.answer(
        args, found, lambda: print_lines(listing(args.what, args.verbose, args.kind))
    )
