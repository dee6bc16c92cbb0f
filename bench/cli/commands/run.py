"""Erase concepts with each method, draw the suite's prompts, measure, and print a table.

The un-erased model's images are drawn beside. What is there already is kept: the same command
resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments
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
    from bench.runs import plan
    from bench.runs.trials import plan as trials

    runs = _runs.specs(args)
    chosen = _attacks.attempts(args) if args.attack or args.attack_set else []
    if chosen:
        trials.check(runs, chosen)
    plan.check_out(args.out)
    plan.check_folders(runs, args.out)
    real = _reference(args.reference_images, runs[0])
    if args.plan:
        print_lines(plan.describe(runs, args.out, real))
        return print_lines(trials.describe(runs, chosen))
    _carry_out(runs, args.out, args.device, real)
    if chosen:
        _attacks.carry_out(runs, chosen, args.out, args.device)
    return 0


def _reference(folder: Path | None, spec: RunSpec) -> ReferenceImages | None:
    """Check the real images that the runs are to be compared with, if any are given."""
    if folder is None:
        return None
    from bench.cli import progress
    from bench.runs.reference import reference
    from bench.runs.resolved import Resolved

    content = Resolved(spec)
    with progress.shown(f"checking {folder}") as advance:
        return reference(folder, content.metrics, content.family, advance)


def _carry_out(
    runs: Sequence[RunSpec], out: Path, device: str | None, real: ReferenceImages | None
) -> None:
    """Run the specs, the un-erased model's first, then write and print what compares them."""
    from bench.cli import progress
    from bench.results import report, store
    from bench.runs import runner

    folders = [store.RunFolder(out, spec.run_id) for spec in runs]
    place = arguments.device(device)
    _runs.prepare(runs, out, device)
    for number, (spec, folder) in enumerate(zip(runs, folders, strict=True), start=1):
        title = f"[{number}/{len(runs)}] {spec.method} on {spec.model}: {', '.join(spec.cases)}"
        with progress.shown(title) as advance:
            runner.run(spec, out, device=place, real=real, progress=advance)
        rows = [("un-erased", folders[0].path), (spec.method_name, folder.path)]
        report.write_strip(folder.strip_path, rows[: min(number, 2)])
    done, problems = store.finished(store.folders(out))
    every = report.groups(done)
    pages = [report.page(group) for group in every]
    sheet, *others = report.write_comparison(pages, out, problems)
    mine = next(group for group in every if runs[0] in (run.record.spec for run in group.runs))
    page = report.page(mine, metric=mine.main, tested=False)
    report.show([page], "terminal")
    strip = folders[-1].strip_path
    if len(runs) > 2:
        names = ["un-erased", *(spec.method_name for spec in runs[1:])]
        paths = [folder.path for folder in folders]
        strip = report.write_strip(out / "strip.png", list(zip(names, paths, strict=True)))
    print(f"strip       {strip}")
    print(f"comparison  {sheet}, {', '.join(path.suffix for path in others)}")
    print(f"results in {folders[-1].path if len(folders) < 3 else out}")
