"""Search prompts or embeddings that bring an erased concept back.

Works on the runs that the command `run` makes with the same options; an erasure that is missing is
made first. Success is counted only over prompts whose un-erased image shows the concept; where none
does, nothing is searched. What is there already is kept: the same command resumes.
"""

from __future__ import annotations

import argparse

from bench.cli import config, output
from bench.cli.commands import _attacks, _plans, _runs
from bench.cli.commands._plans import Sweep
from bench.drawing import BATCH

HELP = "find what erasure leaves behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is attacked, how, where results go and where they are computed."""
    _runs.add_arguments(parser)
    _attacks.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Plan the trials, and carry them out unless only the plan is wanted."""
    from bench.runs import executors, plan
    from bench.runs.trials import attack

    # All of a file's is checked before any work.
    tried = [_checked(each) for each in config.lines(args)]
    if args.plan:
        return _plans.say(args, tried)
    for each in tried:
        if not attack.finished(each.specs, each.chosen, each.args.out):
            executors.check(each.setup, each.args.out, each.specs)
            plan.check_erasers(each.specs, each.args.out, each.setup.here)
    rows = [
        row
        for each in tried
        for row in _attacks.carry_out(each.args, each.specs, each.chosen, each.shared)
    ]
    return output.answer(args, {"attacks": rows})


def _checked(args: argparse.Namespace) -> Sweep:
    """Return what was asked for of one suite, or refuse it."""
    from bench.runs import folders
    from bench.runs.capacity import ERASURES, left
    from bench.runs.trials import attack
    from bench.runs.trials import plan as trials

    specs = _runs.specs(args)
    chosen = _attacks.attempts(args)
    trials.check(specs, chosen)
    folders.check(specs, args.out)
    due = {ERASURES: left(specs, args.out)[ERASURES]} | attack.left(
        specs, chosen, args.out, args.batch_size or BATCH
    )
    shared = _runs.capacity(args, specs, due)
    return Sweep(args, specs, chosen, shared, _runs.setup(args, shared), drawn=False)
