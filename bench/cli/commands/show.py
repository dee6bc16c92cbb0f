"""Show a suite's cases, prompts and sizes."""

from __future__ import annotations

import argparse

from bench.cli import output
from bench.cli.commands import print_lines
from bench.names import find

HELP = "show a suite's cases, prompts and sizes"
SHOWN = ("suite",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to show."""
    parser.add_argument("what", help="suite")
    parser.add_argument("name", help="its name, or its folder")
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Print what the suite holds."""
    from bench.cli.catalogue import suite
    from bench.cli.suites import show_suite

    find("thing to show", args.what, SHOWN)
    found = suite(args.name) if args.json else None
    return output.answer(args, found, lambda: print_lines(show_suite(args.name)))
