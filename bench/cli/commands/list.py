"""List methods, models, suites, metrics or attacks."""

from __future__ import annotations

import argparse

from bench.cli.commands import print_lines

HELP = "list methods, models, suites, metrics or attacks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to list."""
    parser.add_argument("what", help="methods, models, suites, metrics or attacks")
    parser.add_argument("-v", "--verbose", action="store_true", help="with options and details")


def execute(args: argparse.Namespace) -> int:
    """Print the list."""
    from bench.cli.listing import listing

    return print_lines(listing(args.what, args.verbose))
