"""Train the embedded model, measure it, or say where it is."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.names import find, typed
from bench.types import InputError

if TYPE_CHECKING:
    from bench.models.mini.train.stages import Workshop

HELP = "the embedded model: train it, read its card"

STAGES = ("images", "tokenizer", "autoencoder", "clip", "judge", "unet", "export")
RENEWED = ("unet", "export")
"""The stages of a training that leaves a concept out; all other parts stay mini's."""
CONTINUED = ("unet", "judge")
"""The stages that go on from finished weights."""
FOLDER = Path("reports/mini")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands `train`, `card` and `path`."""
    commands = parser.add_subparsers(dest="action", metavar="action", required=True)
    train = commands.add_parser(
        "train",
        help="train mini from nothing; resumable",
        description="Train mini's stages in order, each going on from its checkpoint. Stages: "
        + ", ".join(STAGES),
    )
    train.add_argument("stage", nargs="*", help="stages to train (default: all, then export)")
    train.add_argument(
        "--without",
        metavar="NAME",
        help="train the U-Net alone, on no image or caption of a concept; exported for "
        "`run --method retrained`",
    )
    train.add_argument(
        "--folder",
        type=Path,
        help=f"work folder ({FOLDER}; of --without a folder in it)",
    )
    train.add_argument(
        "--weights",
        type=Path,
        help="where to export (default: the package; of --without, weights/ of the work folder)",
    )
    train.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    train.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    train.add_argument("--images", type=int, default=20_000, help="images to train on")
    train.add_argument(
        "--scale", type=float, default=1.0, help="factor on all training steps (default: 1)"
    )
    train.add_argument(
        "--start",
        type=Path,
        help="go on from these weights: train their U-Net further or, as stage judge, their judge "
        f"anew; `{typed('mini path')}` says where mini's are",
    )
    card = commands.add_parser("card", help="measure mini and write its card and sample sheet")
    card.add_argument("--images", type=int, default=200, help="images per entry (default: 200)")
    card.add_argument("--folder", type=Path, default=FOLDER, help=f"work folder ({FOLDER})")
    commands.add_parser("path", help="print the folder of mini's weights")


def execute(args: argparse.Namespace) -> int:
    """Carry out a parsed command; its only door to torch."""
    if args.action == "path":
        from bench.models import mini

        print(mini.path())
        return 0
    if args.action == "card":
        from bench.cli.progress import shown
        from bench.runs.card import card

        with shown("measuring mini") as progress:
            print(card.write_card(args.folder, args.images, progress=progress))
        return 0
    return _train(args)


def _train(args: argparse.Namespace) -> int:
    stages = RENEWED if args.without else STAGES
    chosen = args.stage or list(stages)
    asked = typed("mini train" + " --without" * bool(args.without))
    for stage in chosen:
        find(f"stage of {asked}", stage, stages)
    if args.images < 500 or args.images % 500:
        raise InputError(f"--images: got {args.images}, must be a positive multiple of 500")
    if not 0 < args.scale < math.inf:
        raise InputError(f"--scale: got {args.scale}, must be above 0")
    if args.without and args.start:
        raise InputError(
            "--start: goes on from weights that may know the concept of --without; "
            "leave one of the two out"
        )
    shop = _workshop(args)
    from bench.cli.progress import shown
    from bench.models import mini
    from bench.models.mini.train.stages import STAGES as TRAINED

    shop.begin()
    with shown("training mini") as progress:
        shop = replace(shop, progress=progress)
        for stage in chosen:
            if stage == "export":
                own = shop.folder / "weights" if args.without else mini.WEIGHTS
                shop.export(args.weights or own)
            else:
                TRAINED[stage](shop)
    print(f"trained {', '.join(chosen)} in {shop.folder}")
    return 0


def _workshop(args: argparse.Namespace) -> Workshop:
    """Return what trains, after refusing a concept, weights or a device that are not there."""
    from bench.models import mini

    if args.without:
        from bench.models.mini.train.absence import CONCEPTS

        find("concept that mini has learnt", args.without, CONCEPTS)
    if args.start:
        mini.verify(args.start)
    from bench.models.mini.train import renewal, stages

    stages.check_device(args.device)
    settings: dict[str, Any] = {
        "seed": args.seed,
        "images": args.images,
        "device": args.device,
        "scale": args.scale,
    }
    if args.start:
        trained = tuple(stage for stage in args.stage if stage in CONTINUED) or ("unet",)
        return renewal.Continuation(
            args.folder or FOLDER, weights=args.start, stages=trained, **settings
        )
    if not args.without:
        return stages.Workshop(args.folder or FOLDER, **settings)
    folder = args.folder or FOLDER / f"without-{args.without.casefold().replace(' ', '-')}"
    return renewal.Renewal(folder, weights=mini.path(), without=args.without, **settings)
