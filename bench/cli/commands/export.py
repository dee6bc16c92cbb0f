"""Take a finished run out: its erasure for diffusers, a model card, and its numbers.

RUN is the folder of a finished run. The erasure is written as weights in diffusers layout or as a
LoRA, with the numbers as a bundle that `compare` reads; --as bundle writes the numbers alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import arguments, output
from bench.cli.commands import print_lines

HELP = "take a run out: weights or a LoRA for diffusers, a model card, a bundle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what of which run goes out, as what, and where to."""
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="folder of a finished run")
    add("--to", type=Path, required=True, metavar="DIR", help="a new folder, or FILE.zip, .tar.gz")
    add(
        "--as",
        dest="form",
        default="diffusers",
        metavar="FORM",
        help="diffusers (weights, default), lora, or bundle (the numbers alone)",
    )
    add("--concept", default="", metavar="NAME", help="which case, if the run has several")
    add("--rank", type=arguments.count, metavar="N", help="of the LoRA (default: 32)")
    add("--whole", action="store_true", help="copy what the erasure leaves alone, too")
    add("--model", default="", metavar="DIR", help="where the run's model is now, if a folder")
    add("--push", default="", metavar="ORG/NAME", help="and put it on the Hugging Face Hub")
    add("--private", action="store_true", help="there for its owners alone")
    add("--plan", action="store_true", help="say what would be done, and do nothing")
    arguments.add_device(parser)
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Check, write, and push if told to."""
    from bench.runs import export
    from bench.runs.export import hub
    from bench.types import InputError

    planned = export.plan(
        args.run,
        args.to,
        form=args.form,
        concept=args.concept,
        rank=args.rank,
        whole=args.whole,
        model=args.model,
    )
    if args.private and not args.push:
        raise InputError("--private is of --push ORG/NAME")
    if args.push:
        hub.check(args.push, planned.to)
    if args.plan:
        lines = [*planned.lines(), *([f"and to {args.push} on the Hub"] if args.push else [])]
        return output.answer(args, planned.outline(), lambda: print_lines(lines))
    from bench.models import devices

    done = export.carry_out(planned, devices.device(args.device))
    url = hub.push(args.push, done.to, private=args.private) if args.push else ""
    found = {"written": done, "plan": planned.outline(), "pushed": url or None}
    lines = [*export.lines(done), *([f"pushed to {url}"] if url else [])]
    return output.answer(args, found, lambda: print_lines(lines))
