"""Search prompts or embeddings that bring an erased concept back.

Works on the runs that the command `run` makes with the same options; an erasure that is missing is
made first. Success is counted only over prompts whose un-erased image shows the concept; where none
does, nothing is searched. What is there already is kept: the same command resumes.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bench.cli.commands import _attacks, _runs, print_lines

if TYPE_CHECKING:
    pass

HELP = "find what erasure leaves behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is attacked, how, where results go and where they are computed."""
    _runs.add_arguments(parser)
    _attacks.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Plan the trials, and carry them out unless only the plan is wanted."""
    from bench.runs import plan
    from bench.runs.trials import plan as trials
    from bench.runs.trials.attack import finished

    specs = _runs.specs(args)
    chosen = _attacks.attempts(args)
    trials.check(specs, chosen)
    plan.check_out(args.out)
    plan.check_folders(specs, args.out)
    if args.plan:
        return print_lines([*plan.describe(specs, args.out), *trials.describe(specs, chosen)])
    if not finished(specs, chosen, args.out):
        _runs.prepare(specs, args.out, args.device)
    _attacks.carry_out(specs, chosen, args.out, args.device)
    return 0
