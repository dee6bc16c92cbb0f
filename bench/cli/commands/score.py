"""Measure images again: a finished run's, by other metrics, or a folder's, made elsewhere.

RUN is the folder of a finished run; only the numbers of the metrics named change. For images made
elsewhere give their folder and their prompt file, of any shape that can be imported: they are found
by a column of files, their ids, their numbers, or their order. per_image.csv and scores.csv go to
--to.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments, output
from bench.types import InputError

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric
    from bench.results.agreement import Agreement
    from bench.runs.external import Given, Scored

HELP = "measure a run again, or images made elsewhere"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to measure, and by what."""
    add = parser.add_argument
    add("run", nargs="?", type=Path, metavar="RUN", help="folder of a finished run")
    add("--metric", action="append", default=[], metavar="NAME", help="a metric; repeatable")
    add(
        "--images",
        type=Path,
        metavar="DIR",
        help="images made elsewhere: PNG, JPEG or WebP, also in sub-folders",
    )
    add("--prompts", type=Path, metavar="FILE", help="their prompt file")
    add(
        "--erased",
        action="append",
        metavar="CONCEPT",
        help="what was erased from the model that made them; repeatable",
    )
    add("--original", type=Path, metavar="DIR", help="the un-erased model's images of the same")
    add(
        "--verdicts",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="CSV of what raters say of the images: image, verdict, maybe rater, metric, case; "
        "repeatable",
    )
    add("--concept", default="", metavar="NAME", help="what the prompts show, if the file is mute")
    add("--prompt-column", default="", metavar="NAME", help="the column that holds the prompts")
    add("--concept-column", default="", metavar="NAME", help="the column that says what they show")
    add("--columns", default="", metavar="A,B", help="as of import-prompts")
    add("--model", default="sd14", metavar="NAME", help="that model (default: sd14)")
    add("--to", type=Path, metavar="DIR", help="where their scores go (default: --images)")
    arguments.add_reference(parser)
    arguments.add_device(parser)
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Measure, and print the scores of the metrics."""
    if (args.run is None) == (args.images is None):
        raise InputError("score needs either the folder of a finished run, or --images DIR")
    return _again(args) if args.images is None else _given(args)


def _again(args: argparse.Namespace) -> int:
    from bench import registry
    from bench.cli import progress
    from bench.models import devices
    from bench.results import report, store
    from bench.runs import rated, rescore
    from bench.runs.resolved import Resolved

    asked = [*args.metric, *rated.names(args.verdicts)]
    if not asked:
        raise InputError(f"score needs --metric; choices: {', '.join(registry.metrics())}")
    folder = store.RunFolder(args.run.parent, args.run.name)
    record, metrics = rescore.checked(folder, asked)
    resolved = Resolved(record.spec)
    images = [(folder.path / row["image"], row["id"]) for row in folder.read_per_image()]
    told = rated.told(metrics, images, record.spec.cases)
    real = _reference(args, metrics, resolved.family)
    title = f"measuring {args.run} by {', '.join(asked)}"
    with progress.shown(title, quiet=args.quiet) as advance:
        record = rescore.score_again(
            folder, asked, device=devices.device(args.device), real=real, progress=advance
        )
    names = [metric.name for metric in metrics]
    every = {metric.name: metric for metric in (*resolved.metrics, *metrics)}
    agreed = rated.agree(folder, list(every.values()), resolved.family, resolved.targets)
    scores = [score for score in record.scores if score.metric in names]

    def show() -> None:
        for what, said in told.items():
            print(f"{what}  {said}")
        report.show_scores(scores)
        for what, said in rated.lines(agreed).items():
            print(f"{what}: {said}")
        print(f"in {folder.scores_path}")

    found = {"scores": scores, "folder": folder.path, "told": told, "agreement": agreed}
    return output.answer(args, found, show)


def _given(args: argparse.Namespace) -> int:
    from bench.cli import progress
    from bench.models import devices
    from bench.prompts.importers import columns
    from bench.results.store import RunFolder
    from bench.runs import external, folders, rated

    for name in ("prompts", "erased"):
        if getattr(args, name) is None:
            raise InputError(f"--images needs --{name}")
    out = args.to or args.images
    folders.check_out(out)
    work = external.given(
        args.images,
        args.prompts,
        erased=args.erased,
        model=args.model,
        metrics=args.metric,
        compared=args.reference_images is not None,
        original=args.original,
        concept=args.concept,
        named=columns.named(args.columns, args.prompt_column, args.concept_column),
    )
    work = rated.of_given(work, args.verdicts)
    real = _reference(args, work.metrics, work.family)
    with progress.shown(f"measuring {args.images}", quiet=args.quiet) as advance:
        done = external.score(
            work, out, device=devices.device(args.device), real=real, progress=advance
        )
    agreed = rated.agree(RunFolder(out.parent, out.name), work.metrics, work.family, work.erased)
    names = [metric.name for metric in work.metrics]
    found = {
        "scores": [score for score in done.scores if score.metric in names],
        "folder": out,
        "images": len(work.prompts),
        "told": work.told,
        "missing": work.missing,
        "damaged": done.damaged,
        "left_out": [row.id for row in work.left_out],
        "unconfirmed": done.unconfirmed,
        "agreement": agreed,
    }
    return output.answer(args, found, lambda: _show(work, done, agreed, out))


def _show(work: Given, done: Scored, agreed: Sequence[Agreement], out: Path) -> None:
    from bench.results import report
    from bench.runs import rated

    names = [metric.name for metric in work.metrics]
    for what, said in work.told.items():
        print(f"{what:<8}  {said}")
    report.show_scores([score for score in done.scores if score.metric in names])
    for what, said in rated.lines(agreed).items():
        print(f"{what}: {said}")
    if work.left_out:
        counts = Counter(f"{row.role} of {row.concept}" for row in work.left_out)
        some = ", ".join(f"{what} {count}" for what, count in counts.items())
        print(f"{len(work.left_out)} rows say nothing of this erasure, not scored: {some}")
    for concept, why in done.unconfirmed.items():
        print(f"no statement is possible on {concept}: {why}")
    for ids, what in ((work.missing, "missing"), (done.damaged, "damaged")):
        if ids:
            some = ", ".join(ids[:5]) + (" ..." if len(ids) > 5 else "")
            print(f"{len(ids)} of {len(work.prompts)} images are {what}, not scored: {some}")
    print(f"in {out / 'per_image.csv'} and scores.csv")


def _reference(
    args: argparse.Namespace, metrics: Sequence[Metric], family: str
) -> ReferenceImages | None:
    """Check the real images to compare with, if any are given."""
    if args.reference_images is None:
        return None
    from bench.cli import progress
    from bench.runs.reference import reference

    with progress.shown(f"checking {args.reference_images}", quiet=args.quiet) as advance:
        return reference(args.reference_images, metrics, family, advance)
