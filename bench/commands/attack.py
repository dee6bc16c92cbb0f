"""Search prompts or embeddings that bring an erased concept back.

Works on the runs that `bench run` makes with the same options; an edit that is missing is made
first. Success is counted only over prompts whose un-erased picture shows the concept; where none
does, nothing is searched. What is there already is kept: the same command resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands import print_lines, run
from bench.types import ORIGINAL, RunSpec

if TYPE_CHECKING:
    from bench.trials.plan import Attempt

HELP = "find what erasure leaves behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is attacked, how, where results go and where they are computed."""
    run.add_run_arguments(parser)
    add_attacks(parser)


def add_attacks(parser: argparse.ArgumentParser) -> None:
    """Declare --attack, --budget and --attack-set."""
    add = parser.add_argument
    add(
        "--attack",
        action="append",
        default=[],
        metavar="NAME",
        help="an attack, see `bench list attacks`, or all; repeatable",
    )
    add("--budget", default="quick", metavar="NAME", help="quick or full (default: quick)")
    add(
        "--attack-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the attacks, see `bench list attacks -v`; repeatable",
    )


def attempts(args: argparse.Namespace) -> list[Attempt]:
    """Return the attacks that the arguments ask for; --model is known to be one."""
    from bench import pipelines
    from bench.trials import plan

    family = pipelines.family(args.model)
    return plan.attempts(args.attack, args.budget, family, args.attack_set)


def execute(args: argparse.Namespace) -> int:
    """Plan the trials, and carry them out unless only the plan is wanted."""
    from bench import plan
    from bench.trials import plan as trials
    from bench.trials.attack import finished

    specs = run.specs(args)
    chosen = attempts(args)
    trials.check(specs, chosen)
    plan.check_out(args.out)
    plan.check_folders(specs, args.out)
    if args.plan:
        return print_lines([*plan.describe(specs, args.out), *trials.describe(specs, chosen)])
    if not finished(specs, chosen, args.out):
        run.prepare(specs, args.out, args.device)
    carry_out(specs, chosen, args.out, args.device)
    return 0


def carry_out(
    specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path, device: str | None
) -> None:
    """Try the attacks, and print what they brought back."""
    from rich.console import Console

    from bench import arguments, progress
    from bench.report import attacks
    from bench.report.strip import Picture
    from bench.store import RunFolder
    from bench.trials import attack
    from bench.trials.table import unread

    rows = attack.finished(specs, chosen, out)
    if not rows:
        names = ", ".join(attempt.entry.name for attempt in chosen)
        place = arguments.device(device)
        with progress.shown(f"attacks on {specs[0].model}: {names}") as advance:
            rows = attack.attack(specs, chosen, out, device=place, progress=advance)
    console = Console()
    console.print(attacks.table(rows, width=console.width))
    print_lines(attacks.notes(rows))
    pictures = attack.pictures(specs, chosen, out)
    for spec in (spec for spec in specs if spec.method != ORIGINAL):
        folder = RunFolder(out, spec.run_id)
        print_lines(unread(folder))
        print(f"attacks     {folder.path / 'attacks.csv'}")
        if spec.run_id in pictures:
            shown = [Picture(*each) for each in pictures[spec.run_id]]
            print(f"strip       {attacks.write_strip(folder.path, shown)}")
