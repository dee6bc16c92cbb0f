"""Say how far the detectors can be trusted: let them read images whose content is known.

For mini these are rendered; for real models give a folder of images and a prompt file whose
column concept says what each shows. The result is kept where every comparison table finds it: in
a checkout in reports/calibration, else in erasure-bench/calibration of $XDG_DATA_HOME or
~/.local/share.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import arguments, output

HELP = "how far the detectors can be trusted"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the images and who reads them."""
    add = parser.add_argument
    add("--model", default="mini", metavar="NAME", help="whose detectors (default: mini)")
    add("--suite", default="objects", metavar="NAME", help="whose concepts (default: objects)")
    add("--metric", action="append", default=[], metavar="NAME", help="default: the suite's")
    add("--images", type=Path, metavar="DIR", help="images of known content, <id>.png")
    add("--prompts", type=Path, metavar="FILE", help="a prompt file: the concept of each image")
    add("--each", type=arguments.steps, default=100, metavar="N", help="rendered ones a concept")
    arguments.add_device(parser)
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Read the images, keep the calibration and print it."""
    from bench.cli import progress
    from bench.models import devices
    from bench.results import calibrations, report
    from bench.runs import calibrate
    from bench.runs.folders import check_out

    check_out(calibrations.FOLDERS[0])
    task = calibrate.task(args.model, args.suite, args.metric, args.images, args.prompts, args.each)
    with progress.shown(f"calibrating {', '.join(task.names)}", args) as advance:
        found = calibrate.run(task, devices.device(args.device), advance)
    own = task.suite.name if task.suite.folder else ""
    path = calibrations.write(found, own, same=task.folder is None)

    def show() -> None:
        report.show_calibration(found)
        print(f"kept in {path}")

    return output.answer(args, {"calibration": found, "file": path}, show)
