"""Train the embedded model, measure it, or say where it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench.names import find, typed
from bench.types import InputError

HELP = "the embedded model: train it, read its card"

STAGES = ("images", "tokenizer", "autoencoder", "clip", "judge", "unet", "export")
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
    train.add_argument("--folder", type=Path, default=FOLDER, help=f"work folder ({FOLDER})")
    train.add_argument("--weights", type=Path, help="where to export (default: the package)")
    train.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    train.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    train.add_argument("--images", type=int, default=20_000, help="images to train on")
    train.add_argument(
        "--scale", type=float, default=1.0, help="factor on all training steps (default: 1)"
    )
    train.add_argument(
        "--start",
        type=Path,
        help=f"go on training the U-Net of these weights, as `{typed('mini path')}` says",
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
    chosen = args.stage or list(STAGES)
    for stage in chosen:
        find(f"stage of {typed('mini train')}", stage, STAGES)
    if args.images < 500 or args.images % 500:
        raise InputError(f"--images: got {args.images}, must be a positive multiple of 500")
    if not args.scale > 0:
        raise InputError(f"--scale: got {args.scale}, must be above 0")
    from bench.models import mini

    if args.start:
        mini.verify(args.start)
    from bench.cli.progress import shown
    from bench.models.mini.train import stages

    stages.check_device(args.device)
    with shown("training mini") as progress:
        settings: dict[str, Any] = {
            "seed": args.seed,
            "images": args.images,
            "device": args.device,
            "scale": args.scale,
            "progress": progress,
        }
        shop = (
            stages.Continuation(args.folder, weights=args.start, **settings)
            if args.start
            else stages.Workshop(args.folder, **settings)
        )
        for stage in chosen:
            if stage == "export":
                shop.export(args.weights or mini.WEIGHTS)
            else:
                stages.STAGES[stage](shop)
    print(f"trained {', '.join(chosen)} in {args.folder}")
    return 0
