"""What commands that carry out runs share: their arguments, their specs, who does the work."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.cli import arguments, output
from bench.names import typed
from bench.types import RunSpec

if TYPE_CHECKING:
    from bench.runs.capacity import Capacity

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
    add("--together", action="store_true", help="one erasure of all these concepts")
    add(
        "--seed",
        type=arguments.whole,
        action="append",
        metavar="N",
        help="of the erasure; repeatable: a run each, and their mean (default: 0)",
    )
    arguments.add_out(parser)
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"an option of the methods, see `{typed('list methods -v')}`; repeatable, one name "
        "also: a run for each of its values",
    )
    add(
        "--preset",
        metavar="NAME",
        help=f"published options, see `{typed('list methods -v')}` (default: the model's)",
    )
    add("--steps", type=arguments.steps, metavar="N", help="sampling steps (default: the model's)")
    add("--guidance", type=arguments.guidance, metavar="G", help="guidance (default: the model's)")
    arguments.add_device(parser)
    arguments.add_workers(parser)
    add(
        "--precision",
        metavar="NAME",
        help="fp32, bf16 or fp16: what the model computes in (default: fp32 on the CPU, else fp16)",
    )
    add("--plan", action="store_true", help="say what would be done, and do nothing")
    output.add_arguments(parser)


def specs(args: argparse.Namespace) -> list[RunSpec]:
    """Return the runs that the arguments ask for, the un-erased model's first."""
    from bench.models import devices, loading
    from bench.runs import grid

    return grid.specs(
        args.method,
        model=args.model,
        suite=args.suite,
        size=args.size,
        concepts=args.concept,
        together=args.together,
        seeds=args.seed or [0],
        settings=args.set,
        preset=args.preset,
        steps=args.steps,
        guidance=args.guidance,
        precision=loading.precision(args.precision, devices.device(args.device)),
    )


def capacity(
    args: argparse.Namespace, specs: Sequence[RunSpec], due: Mapping[str, int]
) -> Capacity:
    """Return how the work is shared.

    Args:
        args: The command's arguments.
        specs: The runs.
        due: How much is left to do, by what it is called.
    """
    from bench.models import devices
    from bench.runs.capacity import capacity as shared

    device = devices.device(args.device)
    return shared(specs, due, device=device, workers=args.workers, threads=args.threads)
