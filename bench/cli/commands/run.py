"""Erase concepts with each method, draw the suite's prompts, measure, and print a table.

The un-erased model's images are drawn beside. What is there already is kept: the same command
resumes.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli import arguments, config, output, progress
from bench.cli.commands import _attacks, _plans, _runs
from bench.cli.commands._plans import Sweep
from bench.drawing import BATCH
from bench.names import typed
from bench.types import ALL, InputError

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric
    from bench.results.report.groups import Group
    from bench.runs.resolved import Resolved

log = logging.getLogger(__name__)

HELP = "erase, generate, measure and compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what decides a run, where it goes and where it computes, and attacks after it."""
    _runs.add_arguments(parser)
    add = parser.add_argument
    add(
        "--metric",
        action="append",
        metavar="NAME",
        help="a metric of the suite; repeatable (default: all of them)",
    )
    add("--no-metrics", action="store_true", help="draw now, and measure later with score")
    add("--offload", action="store_true", help="keep on the GPU only what computes; slower")
    add("--compile", action="store_true", help="compile the U-Net before drawing; faster")
    arguments.add_reference(parser)
    _attacks.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Plan the runs, and carry them out unless only the plan is wanted."""
    # All of a file's is checked before any work.
    sweeps = [_checked(each) for each in config.lines(args)]
    if args.plan:
        return _plans.say(args, sweeps)
    # Statistics and images, which no plan needs.
    from bench.results import Results
    from bench.runs import grid, sweep

    shown = partial(progress.shown, args=args)
    results: list[Results] = []
    done: list[Sweep] = []
    for each in sweeps:
        for line in each.left_out:
            log.warning(line)
        where: dict[str, Any] = {"setup": each.setup, "shared": each.shared, "shown": shown}
        asked = grid.names(each.args.method)
        results.append(sweep.carry_out(each.specs, each.args.out, asked=asked, **where))
        # Of "all", what refuses the model is left out.
        done.append(replace(each, specs=[run.record.spec for run in results[-1].runs]))
    _compare(done)
    rows = [
        row
        for each in done
        if each.chosen
        for row in _attacks.carry_out(each.args, each.specs, each.chosen, each.shared)
    ]
    # Attacks add to what the runs have found.
    again = [each.again() for each in results]
    found = Results(
        tuple(run for each in again for run in each.runs),
        tuple(problem for each in again for problem in each.problems),
    )
    return output.answer(args, output.results(found) | {"attacks": rows})


def _checked(args: argparse.Namespace) -> Sweep:
    """Return what was asked for of one suite, or refuse it."""
    from bench.models.means import Means
    from bench.runs import folders
    from bench.runs.capacity import left
    from bench.runs.resolved import Resolved
    from bench.runs.schedule import check
    from bench.runs.trials import plan as trials

    specs = _runs.specs(args)
    chosen = _attacks.attempts(args) if args.attack or args.attack_set else []
    if chosen:
        trials.check(specs, chosen)
    folders.check(specs, args.out)
    resolved = Resolved(specs[0])
    names = () if args.no_metrics else None if args.metric is None else tuple(args.metric)
    if args.no_metrics and (args.metric or args.reference_images):
        raise InputError("--no-metrics measures nothing; leave --metric, --reference-images out")
    real = _reference(args, resolved, resolved.measuring(names))
    due = left(specs, args.out, args.batch_size or BATCH)
    if chosen:
        # Brings statistics along, which a plan of runs does not need.
        from bench.runs.trials import attack

        due += attack.left(specs, chosen, args.out)
    shared = _runs.capacity(args, specs, due)
    means = Means(offload=args.offload, compiled=args.compile)
    setup = _runs.setup(args, shared, real=real, metrics=names, means=means)
    check(setup, resolved)
    left_out = tuple(f"{ALL} leaves out {name}: {why}" for name, why in _left_out(args).items())
    return Sweep(args, specs, chosen, shared, setup, left_out)


def _left_out(args: argparse.Namespace) -> dict[str, str]:
    from bench.runs import asked, grid

    return asked.left_out(grid.names(args.method), args.set)


def _reference(
    args: argparse.Namespace, resolved: Resolved, metrics: Sequence[Metric]
) -> ReferenceImages | None:
    """Check the real images that the runs are to be compared with, if any are given."""
    if args.reference_images is None:
        return None
    from bench.runs.reference import reference

    title = f"checking {args.reference_images}"
    with progress.shown(title, args) as advance:
        return reference(args.reference_images, metrics, resolved.family, advance)


def _compare(sweeps: Sequence[Sweep]) -> None:
    """Write what compares all runs of the folder, and print the tables of these."""
    from bench.results import load, report

    out: Path = sweeps[0].args.out
    every = load(out)
    groups = report.groups(every.runs)
    pages = list(map(report.page, groups))
    sheet, *others = report.write_comparison(pages, out, every.problems)
    index = report.write_site(pages, out, every.problems)
    apart = report.groups(every.runs, join=False)
    mine = {spec.run_id for each in sweeps for spec in each.specs}
    several = [group for group in groups if mine & {*group.names} - _ids(group)]
    joined = [", ".join(group.spec.cases) for group in several]
    for each in sweeps:
        _show(each, next(group for group in apart if each.specs[0].run_id in group.names))

    def show() -> None:
        print(f"comparison  {sheet}, {', '.join(path.name for path in others)}")
        print(f"page        {index}")
        for cases in joined:
            print(f"joined      {cases}: runs of these cases are one run there")
        alone = len(sweeps) == 1 and len(sweeps[0].specs) < 3
        print(f"results     {out / sweeps[0].specs[-1].run_id if alone else out}")

    output.tell(sweeps[0].args, show)


def _ids(group: Group) -> set[str]:
    return {run.record.spec.run_id for run in group.runs}


def _show(each: Sweep, group: Group) -> None:
    """Print the table of the runs of a suite, and write their strip."""
    from bench.results import report, store

    out, ids = each.args.out, [spec.run_id for spec in each.specs]
    strip = store.RunFolder(out, ids[-1]).strip_path
    if len(ids) > 2:
        runs = [group.names[name] for name in ids]
        rows = [(group.label(run), run) for run in runs]
        strip = report.write_strip(out / "strip.png", rows)

    def show() -> None:
        if group.metrics:
            report.show([report.page(group, metric=group.main, tested=False)], "terminal")
        else:
            print(f"drawn, not measured; `{typed('score')} RUN --metric NAME` measures a run, the")
            print("same command without --no-metrics all of them")
        print(f"strip       {strip}")

    output.tell(each.args, show)
