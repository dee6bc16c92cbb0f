"""What commands that try attacks share: their arguments, and how trials are carried out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.commands import print_lines
from bench.names import typed
from bench.types import ORIGINAL, RunSpec

if TYPE_CHECKING:
    from bench.runs.trials.plan import Attempt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --attack, --budget and --attack-set."""
    add = parser.add_argument
    add(
        "--attack",
        action="append",
        default=[],
        metavar="NAME",
        help=f"an attack, see `{typed('list attacks')}`, or all; repeatable",
    )
    add("--budget", default="quick", metavar="NAME", help="quick or full (default: quick)")
    add(
        "--attack-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"an option of the attacks, see `{typed('list attacks -v')}`; repeatable",
    )


def attempts(args: argparse.Namespace) -> list[Attempt]:
    """Return the attacks that the arguments ask for; --model is known to be one."""
    from bench.models import pipelines
    from bench.runs.trials import plan

    family = pipelines.family(args.model)
    return plan.attempts(args.attack, args.budget, family, args.attack_set)


def carry_out(
    specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path, device: str | None
) -> None:
    """Try the attacks, and print what they brought back."""
    from rich.console import Console

    from bench.cli import arguments, progress
    from bench.results.report import attacks
    from bench.results.report.strip import Panel
    from bench.results.store import RunFolder
    from bench.runs.trials import attack
    from bench.runs.trials.table import unread

    rows = attack.finished(specs, chosen, out)
    if not rows:
        names = ", ".join(attempt.entry.name for attempt in chosen)
        place = arguments.device(device)
        with progress.shown(f"attacks on {specs[0].model}: {names}") as advance:
            rows = attack.attack(specs, chosen, out, device=place, progress=advance)
    console = Console()
    console.print(attacks.table(rows, width=console.width))
    print_lines(attacks.notes(rows))
    images = attack.images(specs, chosen, out)
    for spec in (spec for spec in specs if spec.method != ORIGINAL):
        folder = RunFolder(out, spec.run_id)
        print_lines(unread(folder))
        print(f"attacks     {folder.path / 'attacks.csv'}")
        if spec.run_id in images:
            shown = [Panel(*each) for each in images[spec.run_id]]
            print(f"strip       {attacks.write_strip(folder.path, shown)}")
