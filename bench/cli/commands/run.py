"""Erase concepts with each method, draw the suite's prompts, measure, and print a table.

The un-erased model's images are drawn beside. What is there already is kept: the same command
resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments, output, progress
from bench.cli.commands import _attacks, _runs, print_lines
from bench.types import RunSpec

if TYPE_CHECKING:
    from bench.images import ReferenceImages

HELP = "erase, generate, measure and compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what decides a run, where it goes and where it computes, and attacks after it."""
    _runs.add_arguments(parser)
    arguments.add_reference(parser)
    _attacks.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Plan the runs, and carry them out unless only the plan is wanted."""
    from bench.models import devices
    from bench.runs import folders, outline
    from bench.runs.capacity import left
    from bench.runs.trials import plan as trials

    specs = _runs.specs(args)
    chosen = _attacks.attempts(args) if args.attack or args.attack_set else []
    if chosen:
        trials.check(specs, chosen)
    folders.check(specs, args.out)
    real = _reference(args, specs[0])
    due = left(specs, args.out)
    if chosen:
        # Brings statistics along, which a plan of runs does not need.
        from bench.runs.trials import attack

        due += attack.left(specs, chosen, args.out)
    shared = _runs.capacity(args, specs, due)
    if args.plan:
        lines = [*outline.describe(specs, args.out, real), f"by {shared}"]
        lines += trials.describe(specs, chosen)
        planned = {
            "runs": outline.outline(specs, args.out),
            "attacks": trials.outline(specs, chosen),
        }
        return output.answer(args, planned, lambda: print_lines(lines))
    # Statistics and images, which no plan needs.
    from bench.runs import sweep

    shown = partial(progress.shown, quiet=args.quiet)
    device = devices.device(args.device)
    results = sweep.carry_out(specs, args.out, device=device, shared=shared, real=real, shown=shown)
    _compare(args, specs)
    rows = _attacks.carry_out(args, specs, chosen, shared) if chosen else []
    # Attacks add to what the runs have found.
    found = output.results(results.again()) | {"attacks": rows}
    return output.answer(args, found)


def _reference(args: argparse.Namespace, spec: RunSpec) -> ReferenceImages | None:
    """Check the real images that the runs are to be compared with, if any are given."""
    if args.reference_images is None:
        return None
    from bench.runs.reference import reference
    from bench.runs.resolved import Resolved

    resolved = Resolved(spec)
    title = f"checking {args.reference_images}"
    with progress.shown(title, quiet=args.quiet) as advance:
        return reference(args.reference_images, resolved.metrics, resolved.family, advance)


def _compare(args: argparse.Namespace, specs: Sequence[RunSpec]) -> None:
    """Write what compares all runs of the folder, and print the table of these."""
    from bench.results import load, report, store

    out: Path = args.out
    every = load(out)
    groups = report.groups(every.runs)
    sheet, *others = report.write_comparison(list(map(report.page, groups)), out, every.problems)
    ids = [spec.run_id for spec in specs]
    mine = next(group for group in groups if ids[0] in group.names)
    strip = store.RunFolder(out, ids[-1]).strip_path
    if len(specs) > 2:
        runs = [mine.names[each] for each in ids]
        rows = [(mine.label(run), run) for run in runs]
        strip = report.write_strip(out / "strip.png", rows)

    def show() -> None:
        report.show([report.page(mine, metric=mine.main, tested=False)], "terminal")
        print(f"strip       {strip}")
        print(f"comparison  {sheet}, {', '.join(path.name for path in others)}")
        print(f"results in {out / ids[-1] if len(specs) < 3 else out}")

    output.tell(args, show)
