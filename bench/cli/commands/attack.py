"""Search prompts or embeddings that bring an erased concept back.

Works on the runs that the command `run` makes with the same options; an erasure that is missing is
made first. Success is counted only over prompts whose un-erased image shows the concept; where none
does, nothing is searched. What is there already is kept: the same command resumes.
"""

from __future__ import annotations

import argparse

from bench.cli import output
from bench.cli.commands import _attacks, _runs, print_lines
from bench.drawing import BATCH

HELP = "find what erasure leaves behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is attacked, how, where results go and where they are computed."""
    _runs.add_arguments(parser)
    _attacks.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Plan the trials, and carry them out unless only the plan is wanted."""
    from bench.runs import executors, folders, outline, plan
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
    if args.plan:
        lines = [*outline.describe(specs, args.out), f"by {shared}"]
        lines += trials.describe(specs, chosen)
        found = {"runs": outline.outline(specs, args.out), "attacks": trials.outline(specs, chosen)}
        return output.answer(args, found, lambda: print_lines(lines))
    if not attack.finished(specs, chosen, args.out):
        setup = _runs.setup(args, shared)
        executors.check(setup, args.out, specs)
        plan.check_erasers(specs, args.out, setup.here)
    return output.answer(args, {"attacks": _attacks.carry_out(args, specs, chosen, shared)})
