"""Draw the prompts on which erasures failed worst, as one image for a paper.

The un-erased model's row stands first; where it lies beside the first RUN, it need not be named.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from bench.cli import arguments, output
from bench.cli.commands import _finished
from bench.types import InputError

HELP = "a strip of the worst images, as PNG or PDF"
FORMATS = ("png", "pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which runs, which prompts, and where to."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs")
    add("--role", default="", metavar="NAME", help="only prompts of this role (default: all)")
    add("--case", default="", metavar="NAME", help="only prompts of this case (default: all)")
    add("--worst", type=arguments.count, default=6, metavar="N", help="prompts (default: 6)")
    add(
        "--to",
        type=Path,
        default=Path("gallery.png"),
        metavar="FILE",
        help="a .png or .pdf (default: gallery.png)",
    )
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Pick the prompts, draw them, and say where the strip is."""
    from bench.files import sweep, write_bytes
    from bench.names import find
    from bench.results.report import gallery

    form = args.to.suffix.lstrip(".").lower()
    find("format", form, FORMATS)
    group = _finished.group(args.runs)
    image = gallery.strip_of(group, role=args.role, case=args.case, count=args.worst)
    data = io.BytesIO()
    image.save(data, form.upper())
    try:
        sweep(args.to.parent, args.to.name)
        write_bytes(args.to, data.getvalue())
    except OSError as error:
        raise InputError(f"cannot write {args.to}: {error.strerror or error}") from None
    return output.answer(args, {"written": args.to}, lambda: print(args.to))
