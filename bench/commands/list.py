"""List methods, models, suites or metrics."""

from __future__ import annotations

import argparse

from bench.commands import print_lines

HELP = "list methods, models, suites or metrics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to list."""
    parser.add_argument("what", help="methods, models, suites or metrics")
    parser.add_argument("-v", "--verbose", action="store_true", help="with options and details")


def execute(args: argparse.Namespace) -> int:
    """Print the list."""
    from bench.listing import listing

    return print_lines(listing(args.what, args.verbose))
