"""What --plan says: what would be done, what of it is there, and about what the rest takes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.cli import output
from bench.cli.commands import print_lines
from bench.drawing import BATCH
from bench.types import InputError, RunSpec

if TYPE_CHECKING:
    from bench.runs.capacity import Capacity
    from bench.runs.pace import Pace
    from bench.runs.schedule import Setup
    from bench.runs.trials.plan import Attempt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --plan and --measure."""
    add = parser.add_argument
    add("--plan", action="store_true", help="say what would be done, and do nothing")
    add(
        "--measure",
        action="store_true",
        help="with --plan: draw a few images, to say how long it takes",
    )


@dataclass(frozen=True)
class Sweep:
    """The runs of one suite and the attacks on them, checked, with who carries them out."""

    args: argparse.Namespace
    specs: Sequence[RunSpec]
    chosen: Sequence[Attempt]
    shared: Capacity
    setup: Setup
    left_out: tuple[str, ...] = ()
    """What "all" leaves out, and why, in words."""
    drawn: bool = True
    """Whether the images of the runs are drawn, or they are only attacked."""


def check(args: argparse.Namespace) -> None:
    """Refuse --measure where nothing is planned.

    Args:
        args: The command's arguments.

    Raises:
        InputError: it stands there without --plan.
    """
    if args.measure and not args.plan:
        raise InputError("--measure is for --plan; without it, every image is drawn anyway")


def say(args: argparse.Namespace, sweeps: Sequence[Sweep]) -> int:
    """Say what would be done, and return the status of success.

    Args:
        args: The command's arguments.
        sweeps: All that would be done.
    """
    from bench.runs import estimate, outline
    from bench.runs.trials import plan as trials

    lines: list[str] = []
    for each in sweeps:
        real, names = each.setup.real, each.setup.metrics
        lines += outline.describe(each.specs, each.args.out, real, names)
        lines += [*each.left_out, f"by {each.shared}", *trials.describe(each.specs, each.chosen)]
    total = estimate.estimate(
        [spec for each in sweeps for spec in each.specs],
        sweeps[0].args.out,
        device=sweeps[0].setup.device,
        batch_size=sweeps[0].args.batch_size or BATCH,
        workers=max(each.shared.workers for each in sweeps),
        measured=_measured(sweeps) if args.measure else {},
        attacks=sum(map(_attacking, sweeps)),
        drawn=all(each.drawn for each in sweeps),
    )
    planned = {
        "runs": [run for each in sweeps for run in outline.outline(each.specs, each.args.out)],
        "attacks": [one for each in sweeps for one in trials.outline(each.specs, each.chosen)],
        "total": total.to_json(),
    }
    return output.answer(args, planned, lambda: print_lines([*lines, *total.lines()]))


def _attacking(each: Sweep) -> int:
    if not each.chosen:
        return 0
    # Brings statistics along, which a plan of runs does not need.
    from bench.runs.trials import attack

    return attack.evaluations(each.specs, each.chosen, each.args.out)


def _measured(sweeps: Sequence[Sweep]) -> Mapping[tuple[str, str], Pace]:
    """Return how fast each model draws here."""
    from bench.runs import pace
    from bench.runs.resolved import Resolved

    found: dict[tuple[str, str], Pace] = {}
    for each in sweeps:
        spec, device = each.specs[0], each.setup.here
        if (spec.model, spec.precision) not in found:
            rows = next(iter(Resolved(spec).prompts.values()))
            texts = [row.text for row in rows[: pace.MEASURED]]
            found[spec.model, spec.precision] = pace.measured(spec, device, texts)
    return found
