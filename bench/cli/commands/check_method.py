"""Run the contract's checks on an eraser, with a tiny model of random weights.

The status is 1 if it violates any.
"""

from __future__ import annotations

import argparse

HELP = "say what an eraser violates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the name."""
    parser.add_argument("name", help="a method, path/to/file.py:Class or package.module:Class")


def execute(args: argparse.Namespace) -> int:
    """Print each check as it is made."""
    from bench.runs import contract

    results = []
    for result in contract.check(args.name):
        results.append(result)
        print(f"{'FAILS' if result.problem else 'ok   '}  {result.check}", flush=True)
        if result.problem:
            print(f"       {' '.join(result.problem.split())}")
    failed = sum(bool(result.problem) for result in results)
    print(f"{args.name}: {failed} of {len(results)} checks fail" if failed else "all checks pass")
    return 1 if failed else 0
