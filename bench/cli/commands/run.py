"""Erase concepts with each method, draw the suite's prompts, measure, and print a table.

The un-erased model's images are drawn beside. What is there already is kept: the same command
resumes.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments, output, progress
from bench.cli.commands import _attacks, _runs, print_lines
from bench.drawing import BATCH
from bench.names import typed
from bench.types import ALL, InputError, RunSpec

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric
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
    from bench.models.means import Means
    from bench.runs import folders, outline
    from bench.runs.capacity import left
    from bench.runs.resolved import Resolved
    from bench.runs.schedule import check
    from bench.runs.trials import plan as trials

    specs = _runs.specs(args)
    left_out = [f"{ALL} leaves out {name}: {why}" for name, why in _left_out(args).items()]
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
    if args.plan:
        lines = [*outline.describe(specs, args.out, real, names), *left_out, f"by {shared}"]
        lines += trials.describe(specs, chosen)
        planned = {
            "runs": outline.outline(specs, args.out),
            "attacks": trials.outline(specs, chosen),
        }
        return output.answer(args, planned, lambda: print_lines(lines))
    # Statistics and images, which no plan needs.
    from bench.runs import sweep

    shown = partial(progress.shown, args=args)
    for line in left_out:
        log.warning(line)
    some = {"setup": setup, "shared": shared, "shown": shown, "asked": args.method}
    results = sweep.carry_out(specs, args.out, **some)
    specs = [each.record.spec for each in results.runs]
    _compare(args, specs)
    rows = _attacks.carry_out(args, specs, chosen, shared) if chosen else []
    # Attacks add to what the runs have found.
    found = output.results(results.again()) | {"attacks": rows}
    return output.answer(args, found)


def _left_out(args: argparse.Namespace) -> dict[str, str]:
    from bench.runs import asked

    return asked.left_out(args.method, args.set)


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


def _compare(args: argparse.Namespace, specs: Sequence[RunSpec]) -> None:
    """Write what compares all runs of the folder, and print the table of these."""
    from bench.results import load, report, store

    out: Path = args.out
    every = load(out)
    groups = report.groups(every.runs)
    pages = list(map(report.page, groups))
    sheet, *others = report.write_comparison(pages, out, every.problems)
    index = report.write_site(pages, out, every.problems)
    ids = [spec.run_id for spec in specs]
    mine = next(group for group in groups if ids[0] in group.names)
    strip = store.RunFolder(out, ids[-1]).strip_path
    if len(specs) > 2:
        runs = [mine.names[each] for each in ids]
        rows = [(mine.label(run), run) for run in runs]
        strip = report.write_strip(out / "strip.png", rows)

    def show() -> None:
        if mine.metrics:
            report.show([report.page(mine, metric=mine.main, tested=False)], "terminal")
        else:
            print(f"drawn, not measured; `{typed('score')} RUN --metric NAME` measures a run, the")
            print("same command without --no-metrics all of them")
        print(f"strip       {strip}")
        print(f"comparison  {sheet}, {', '.join(path.name for path in others)}")
        print(f"page        {index}")
        print(f"results in {out / ids[-1] if len(specs) < 3 else out}")

    output.tell(args, show)
