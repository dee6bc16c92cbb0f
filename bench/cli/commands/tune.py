"""Search a method's options on development cases that no reported table has, mini's.

Every method gets as many trials, the same cases, objective and budget of U-Net evaluations. The
preset is the first trial. What is there already is kept: the same command resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments, config, output, progress, workers
from bench.cli.commands import print_lines
from bench.names import typed
from bench.types import ALL, InputError, RunSpec

if TYPE_CHECKING:
    from bench.results import Results
    from bench.runs.tuning.study import Trial
    from bench.runs.tuning.task import Task

HELP = "search a method's options, fairly beside others"
OUT = Path("reports/tuning")
RUNS = Path("reports/runs/tuning")
TRIALS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is tuned, by what, and where trials are kept."""
    add = parser.add_argument
    add(
        "--method",
        action="append",
        default=[],
        metavar="NAME",
        help="a method, or all that have a space to search; repeatable",
    )
    add(
        "--trials",
        type=arguments.count,
        default=TRIALS,
        metavar="N",
        help=f"settings to try, the preset's first (default: {TRIALS})",
    )
    add("--size", default="smoke", metavar="NAME", help="of the suites (default: smoke)")
    add(
        "--objective",
        default="H_all",
        metavar="NAME",
        help="H_all, the harmonic mean of all axes, or another headline that all suites have "
        "(default: H_all)",
    )
    add(
        "--budget",
        type=arguments.whole,
        default=12_000,
        metavar="N",
        help="U-Net evaluations that an erasure may take (default: 12000)",
    )
    add("--seed", type=arguments.whole, default=0, metavar="N", help="of all (default: 0)")
    add("--out", type=Path, default=OUT, metavar="DIR", help=f"folder of the logs ({OUT})")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"folder of the runs ({RUNS})")
    arguments.add_device(parser)
    arguments.add_precision(parser)
    workers.add_arguments(parser)
    add("--plan", action="store_true", help="say what would be done, and do nothing")
    config.add_arguments(parser)
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Check every tuning, then carry out one after the other."""
    from bench.runs.tuning import study

    (args,) = config.lines(args)
    tasks = _tasks(args)
    for task in tasks:
        task.check()
    done = {task.method: len(study.trials(task, args.out)) for task in tasks}
    if args.plan:
        lines = [
            line
            for task in tasks
            for line in task.describe(study.log_of(args.out, task.method), done[task.method])
        ]
        planned = [
            {**task.facts, "trials": task.trials, "done": done[task.method]} for task in tasks
        ]
        return output.answer(args, planned, lambda: print_lines(lines))
    told = progress.teller(args)
    found = {task.method: study.tune(task, args.out, partial(_run, args), told) for task in tasks}
    rows = [_row(task, found[task.method]) for task in tasks]
    return output.answer(args, rows, lambda: print_lines(map(_line, rows)))


def _tasks(args: argparse.Namespace) -> list[Task]:
    from bench.models import loading
    from bench.runs.tuning.space import tunable
    from bench.runs.tuning.task import Task

    if not args.method:
        raise InputError(f"{typed('tune')} needs --method; choices: {', '.join(tunable())}, {ALL}")
    names = dict.fromkeys(
        name for asked in args.method for name in (tunable() if asked == ALL else [asked])
    )
    precision = loading.precision(args.precision, workers.device(args))
    settings = (args.trials, args.size, args.objective, args.budget, args.seed, precision)
    return [Task(name, *settings) for name in names]


def _run(args: argparse.Namespace, specs: Sequence[RunSpec]) -> Results:
    """Carry out the runs of a trial."""
    from bench.runs import sweep
    from bench.runs.capacity import capacity, left
    from bench.runs.schedule import Setup

    device, cluster = workers.device(args), workers.cluster(args)
    shared = capacity(
        specs,
        left(specs, args.runs),
        device=device,
        workers=args.workers,
        threads=args.threads,
        cluster=cluster,
    )
    shown = partial(progress.shown, args=argparse.Namespace(quiet=True))
    setup = Setup(device, workers=shared.workers, threads=shared.threads, cluster=cluster)
    return sweep.carry_out(specs, args.runs, setup=setup, shared=shared, shown=shown)


def _row(task: Task, found: Sequence[Trial]) -> dict[str, object]:
    """Return what a tuning came to: the preset's objective, and the best setting's."""
    from bench.runs.tuning.study import best

    chosen = best(found)
    return {
        "method": task.method,
        "trials": len(found),
        "preset": found[0].value,
        "best": chosen.value if chosen else float("nan"),
        "trial": chosen.number if chosen else None,
        "settings": dict(chosen.values) if chosen else {},
    }


def _line(row: dict[str, object]) -> str:
    settings = row["settings"]
    assert isinstance(settings, dict)
    chosen = " ".join(f"--set {name}={value}" for name, value in settings.items())
    return (
        f"{row['method']}: best of {row['trials']} trials {row['best']:.4f}, the preset "
        f"{row['preset']:.4f}: {chosen or 'no trial counts'}"
    )
