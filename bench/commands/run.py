"""Erase concepts with each method, draw the suite's prompts, measure, and print a table.

The un-erased model's pictures are drawn beside. What is there already is kept: the same command
resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import arguments
from bench.commands import print_lines
from bench.types import RunSpec

if TYPE_CHECKING:
    from bench.reference import ReferenceImages

HELP = "erase, generate, measure and compare"
METHOD_HELP = "a method, all, path/to/file.py:Class or package.module:Class; repeatable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what decides a run, where it goes and where it computes, and attacks after it."""
    from bench.commands import attack

    add_run_arguments(parser)
    arguments.add_reference(parser)
    attack.add_attacks(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
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
    add(
        "--preset",
        metavar="NAME",
        help="published options, see `bench list methods -v` (default: the model's)",
    )
    add("--steps", type=arguments.steps, metavar="N", help="sampling steps (default: the model's)")
    add("--guidance", type=arguments.guidance, metavar="G", help="guidance (default: the model's)")
    arguments.add_device(parser)
    add(
        "--precision",
        metavar="NAME",
        help="fp32, bf16 or fp16: what the model computes in (default: fp32 on the CPU, else fp16)",
    )
    add("--plan", action="store_true", help="say what would be done, and do nothing")


def execute(args: argparse.Namespace) -> int:
    """Plan the runs, and carry them out unless only the plan is wanted."""
    from bench import plan
    from bench.commands import attack
    from bench.trials import plan as trials

    runs = specs(args)
    chosen = attack.attempts(args) if args.attack or args.attack_set else []
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
        attack.carry_out(runs, chosen, args.out, args.device)
    return 0


def specs(args: argparse.Namespace) -> list[RunSpec]:
    """Return the runs that the arguments ask for, the un-erased model's first."""
    from bench import pipelines, plan

    return plan.specs(
        args.method,
        model=args.model,
        suite=args.suite,
        size=args.size,
        concepts=args.concept,
        seed=args.seed,
        settings=args.set,
        preset=args.preset,
        steps=args.steps,
        guidance=args.guidance,
        precision=pipelines.precision(args.precision, arguments.device(args.device)),
    )


def prepare(runs: Sequence[RunSpec], out: Path, device: str | None) -> None:
    """Refuse what could not be erased or written, all before the first run is in vain."""
    from bench import folders, plan

    plan.check_erasers(runs, out, arguments.device(device))
    for spec in runs:
        folders.opened(spec, out)


def _reference(folder: Path | None, spec: RunSpec) -> ReferenceImages | None:
    """Check the real pictures that the runs are to be compared with, if any are given."""
    if folder is None:
        return None
    from bench import progress
    from bench.content import Content
    from bench.reference import reference

    content = Content(spec)
    with progress.shown(f"checking {folder}") as advance:
        return reference(folder, content.metrics, content.family, advance)


def _carry_out(
    runs: Sequence[RunSpec], out: Path, device: str | None, real: ReferenceImages | None
) -> None:
    """Run the specs, the un-erased model's first, then write and print what compares them."""
    from bench import progress, report, runner, store

    folders = [store.RunFolder(out, spec.run_id) for spec in runs]
    place = arguments.device(device)
    prepare(runs, out, device)
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
