"""Erase concepts with each method, draw the suite's prompts, measure, and print a table.

The un-erased model's pictures are drawn beside. What is there already is kept: the same command
resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench import arguments
from bench.commands import print_lines
from bench.types import RunSpec

HELP = "erase, generate, measure and compare"
METHOD_HELP = "a method, all, path/to/file.py:Class or package.module:Class; repeatable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what decides a run, where it goes and where it computes."""
    add = parser.add_argument
    add("--method", action="append", default=[], metavar="NAME", help=METHOD_HELP)
    add("--model", default="mini", metavar="NAME", help="a name, hub id or folder (default: mini)")
    add("--suite", default="objects", metavar="NAME", help="a name or a folder (default: objects)")
    add("--size", default="quick", metavar="NAME", help="smoke, quick or full (default: quick)")
    add(
        "--concept",
        action="append",
        default=[],
        metavar="NAME",
        help="a case of the suite, or all; repeatable (default: those of the size)",
    )
    add("--seed", type=arguments.whole, default=0, metavar="N", help="of the erasure (default: 0)")
    arguments.add_out(parser)
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the methods, see `bench list methods -v`; repeatable",
    )
    add("--steps", type=arguments.steps, metavar="N", help="sampling steps (default: the model's)")
    add("--guidance", type=arguments.guidance, metavar="G", help="guidance (default: the model's)")
    arguments.add_device(parser)
    add("--plan", action="store_true", help="say what would be done, and do nothing")


def execute(args: argparse.Namespace) -> int:
    """Plan the runs, and carry them out unless only the plan is wanted."""
    from bench import plan

    specs = plan.specs(
        args.method,
        model=args.model,
        suite=args.suite,
        size=args.size,
        concepts=args.concept,
        seed=args.seed,
        settings=args.set,
        steps=args.steps,
        guidance=args.guidance,
    )
    plan.check_out(args.out)
    plan.check_folders(specs, args.out)
    if args.plan:
        return print_lines(plan.describe(specs, args.out))
    _carry_out(specs, args.out, args.device)
    return 0


def _carry_out(specs: Sequence[RunSpec], out: Path, device: str | None) -> None:
    """Run the specs, the un-erased model's first, then write and print what compares them."""
    from rich.console import Console

    from bench import plan, progress, report, runner, store

    folders = [store.RunFolder(out, spec.run_id) for spec in specs]
    place = arguments.device(device)
    # All before the first, so that no run is in vain if a later one could not be made or written.
    plan.check_erasers(specs, out, place)
    for spec, folder in zip(specs, folders, strict=True):
        folder.create(spec)
    for number, (spec, folder) in enumerate(zip(specs, folders, strict=True), start=1):
        title = f"[{number}/{len(specs)}] {spec.method} on {spec.model}: {', '.join(spec.cases)}"
        with progress.shown(title) as advance:
            runner.run(spec, out, device=place, progress=advance)
        original = folders[0].path if number > 1 else None
        report.write_strip(folder.path, original, spec.method_name)
    records = store.runs(out)
    sheet, page = report.write_comparison(records, out)
    console = Console()
    console.print(report.table(records, specs[0], width=console.width))
    print(f"strip       {folders[-1].path / 'strip.png'}")
    print(f"comparison  {sheet} and {page.name}")
    print(f"results in {folders[-1].path if len(folders) < 3 else out}")
