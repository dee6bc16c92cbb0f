"""What commands that try attacks share: their arguments, and how trials are carried out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import terminal
from bench.cli.commands import _runs, print_lines
from bench.names import typed
from bench.types import ORIGINAL, RunSpec

if TYPE_CHECKING:
    from bench.files import Row
    from bench.results.store import RunFolder
    from bench.runs.capacity import Capacity
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
    add(
        "--budget",
        default="quick",
        metavar="NAME",
        help="quick, full or published (default: quick)",
    )
    add(
        "--attack-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"an option of the attacks, see `{typed('list attacks -v')}`; repeatable",
    )


def attempts(args: argparse.Namespace) -> list[Attempt]:
    """Return the attacks that the arguments ask for; --model is known to be one."""
    from bench.models import recognition, sources
    from bench.runs.trials import plan

    asked = sources.chosen(args.model, revision=args.revision, variant=args.variant)
    family = recognition.family(asked)
    return plan.attempts(args.attack, args.budget, family, args.attack_set)


def carry_out(
    args: argparse.Namespace,
    specs: Sequence[RunSpec],
    chosen: Sequence[Attempt],
    shared: Capacity,
) -> list[dict[str, object]]:
    """Try the attacks, print what they brought back, and return one row a trial.

    Args:
        args: The command's arguments.
        specs: The runs, the un-erased model's first.
        chosen: The attacks.
        shared: How the work is shared.
    """
    from bench.cli import output, progress
    from bench.results.report import attacks
    from bench.results.report.labels import labels
    from bench.results.report.strip import Panel
    from bench.results.store import RunFolder
    from bench.runs.trials import attack
    from bench.runs.trials.folder import NUMBERS

    rows = attack.finished(specs, chosen, args.out)
    if not rows:
        names = ", ".join(attempt.entry.name for attempt in chosen)
        setup = _runs.setup(args, shared)
        title = f"attacks on {specs[0].model}: {names}; by {shared}"
        with progress.shown(title, args) as advance:
            rows = attack.attack(specs, chosen, args.out, setup, advance)
    strips = {
        run_id: attacks.write_strip(RunFolder(args.out, run_id).path, [Panel(*i) for i in shown])
        for run_id, shown in attack.images(specs, chosen, args.out).items()
    }
    erased = [spec for spec in specs if spec.method != ORIGINAL]
    folders = [RunFolder(args.out, spec.run_id) for spec in erased]
    # Run by run, and of each as many.
    each = [spec for spec in erased for _ in range(len(rows) // len(erased))]
    called = labels(erased)
    named = [row | {"method": called[spec.run_id]} for row, spec in zip(rows, each, strict=True)]
    output.tell(args, lambda: _show(named, folders, strips))
    return [
        # Read from a file, they are texts.
        row | {"run_id": spec.run_id} | {name: float(row[name]) for name in NUMBERS}
        for row, spec in zip(rows, each, strict=True)
    ]


def _show(rows: Sequence[Row], folders: Sequence[RunFolder], strips: Mapping[str, Path]) -> None:
    from bench.results.report import attacks
    from bench.runs.trials.table import unread

    console = terminal.console()
    console.print(attacks.table(rows, width=console.width))
    print_lines(attacks.notes(rows))
    for folder in folders:
        print_lines(unread(folder))
        print(f"attacks     {folder.attacks_path}")
        if folder.path.name in strips:
            print(f"strip       {strips[folder.path.name]}")
