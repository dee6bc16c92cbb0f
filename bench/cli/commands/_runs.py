"""What commands that carry out runs share: their arguments, their specs, who does the work."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.cli import arguments, config, output, workers
from bench.cli.commands import _plans
from bench.drawing import BATCH, DDIM, SCHEDULERS
from bench.names import typed
from bench.types import RunSpec

if TYPE_CHECKING:
    from bench.runs.capacity import Capacity
    from bench.runs.schedule import Setup

METHOD_HELP = "a method, all, path/to/file.py:Class or package.module:Class; repeatable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what decides a run, where it goes and where it computes."""
    add = parser.add_argument
    add("--method", action="append", default=[], metavar="NAME", help=METHOD_HELP)
    add("--model", default="mini", metavar="NAME", help="a name, hub id or folder (default: mini)")
    add(
        "--revision", default="", metavar="NAME", help="commit, branch or tag of a model on the Hub"
    )
    add(
        "--variant",
        default="",
        metavar="NAME",
        help="of the model's weights, as fp16 (default: plain ones, or the only ones there)",
    )
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
    add(
        "--scheduler",
        default=DDIM,
        metavar="NAME",
        help=f"{', '.join(SCHEDULERS)} (default: {DDIM}); part of the protocol, as the next five",
    )
    add("--width", type=arguments.pixels, metavar="N", help="of images (default: the model's)")
    add("--height", type=arguments.pixels, metavar="N", help="of images (default: the model's)")
    add("--negative-prompt", default="", metavar="TEXT", help="what guidance leads away from")
    add(
        "--limit",
        type=arguments.count,
        metavar="N",
        help="the first N images of each role of a case only",
    )
    add(
        "--role",
        action="append",
        default=[],
        metavar="NAME",
        help="only images of this role; repeatable (default: all of the size)",
    )
    arguments.add_device(parser)
    workers.add_arguments(parser)
    arguments.add_precision(parser)
    add(
        "--batch-size",
        type=arguments.batch,
        metavar="N|auto",
        help=f"images drawn at once (default: auto, {BATCH}); halved where memory runs out",
    )
    _plans.add_arguments(parser)
    config.add_arguments(parser)
    output.add_arguments(parser)


def specs(args: argparse.Namespace) -> list[RunSpec]:
    """Return the runs that the arguments ask for, the un-erased model's first."""
    from bench.models import loading, sources
    from bench.runs import grid

    _plans.check(args)
    return grid.specs(
        args.method,
        model=sources.chosen(args.model, revision=args.revision, variant=args.variant),
        suite=args.suite,
        size=args.size,
        concepts=args.concept,
        together=args.together,
        seeds=args.seed or [0],
        settings=args.set,
        preset=args.preset,
        steps=args.steps,
        guidance=args.guidance,
        scheduler=args.scheduler,
        width=args.width,
        height=args.height,
        negative_prompt=args.negative_prompt,
        limit=args.limit,
        roles=args.role,
        precision=loading.precision(args.precision, workers.device(args)),
    )


def setup(args: argparse.Namespace, shared: Capacity, **more: Any) -> Setup:
    """Return where and by whom runs are carried out.

    Args:
        args: The command's arguments.
        shared: How the work is shared.
        more: What else a `Setup` has.
    """
    from bench.runs.schedule import Setup

    return Setup(
        workers.device(args),
        args.batch_size or BATCH,
        workers=shared.workers,
        threads=shared.threads,
        cluster=workers.cluster(args),
        **more,
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
    from bench.runs.capacity import capacity as shared

    return shared(
        specs,
        due,
        device=workers.device(args),
        workers=args.workers,
        threads=args.threads,
        cluster=workers.cluster(args),
    )
