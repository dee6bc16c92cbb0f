"""Measure images again: a finished run's, by other metrics, or a folder's, made elsewhere.

RUN is the folder of a finished run; only the numbers of the metrics named change. For images made
elsewhere give their folder and their prompts: a file of any shape that can be imported, or a suite.
They are found by a column of files, their ids, their numbers, or their order. --to is then a run of
its own, which `compare` takes beside others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import arguments, output
from bench.names import typed
from bench.types import InputError

if TYPE_CHECKING:
    from bench.images import ReferenceImages
    from bench.metrics import Metric
    from bench.results.agreement import Agreement
    from bench.runs.elsewhere.given import Given
    from bench.runs.elsewhere.scoring import Scored

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
    add("--prompts", type=Path, metavar="FILE", help="their prompt file (default: the suite's)")
    add("--suite", default="", metavar="NAME", help="the suite of their prompts and concepts")
    add("--size", default="", metavar="NAME", help="of the suite (default: the largest that fits)")
    add("--name", default="", metavar="NAME", help="in tables (default: that of the folder)")
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
    from bench.runs.locks import held
    from bench.runs.resolved import Resolved

    asked = [*args.metric, *rated.names(args.verdicts)]
    if not asked:
        raise InputError(f"score needs --metric; choices: {', '.join(registry.metrics())}")
    # The un-erased model's run lies beside it, and not beside a link.
    place = args.run.resolve() if args.run.is_dir() else args.run
    folder = store.RunFolder(place.parent, place.name)
    record, metrics = rescore.checked(folder, asked)
    resolved = Resolved(record.spec)
    images = [(folder.path / row["image"], row["id"]) for row in folder.read_per_image()]
    told = rated.told(metrics, images, record.spec.cases)
    real = _reference(args, metrics, resolved.family)
    title = f"measuring {args.run} by {', '.join(asked)}"
    with held(place.parent, [place.name]), progress.shown(title, args) as advance:
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
    from bench.results.store import RunFolder
    from bench.runs import rated
    from bench.runs.elsewhere import scoring

    out = args.to or args.images
    work = rated.of_given(_work(args), args.verdicts)
    scoring.check(out)
    real = _reference(args, work.metrics, work.family)
    with progress.shown(f"measuring {args.images}", args) as advance:
        done = scoring.score(
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
        "unconfirmed": done.record.unconfirmed,
        "agreement": agreed,
    }
    return output.answer(args, found, lambda: _show(work, done, agreed, out))


def _work(args: argparse.Namespace) -> Given:
    """Check the images and what is asked of them; nothing is measured."""
    from bench.prompts.importers import columns
    from bench.runs.elsewhere import given

    if args.prompts is None and not args.suite:
        raise InputError("--images needs --prompts, or --suite for the prompts of a suite")
    if args.erased is None:
        raise InputError("--images needs --erased")
    asked = given.Asked(
        args.images,
        tuple(args.erased),
        args.model,
        tuple(args.metric),
        original=args.original,
        compared=args.reference_images is not None,
        name=args.name,
    )
    of_file = {
        "--concept": args.concept,
        "--columns": args.columns,
        "--prompt-column": args.prompt_column,
        "--concept-column": args.concept_column,
    }
    if args.prompts is None:
        for flag, value in of_file.items():
            if value:
                raise InputError(f"{flag} is of a prompt file; needs --prompts")
        return given.of_suite(asked, args.suite, args.size)
    if args.size:
        raise InputError("--size is of a suite's prompts; not allowed with --prompts")
    named = columns.named(args.columns, args.prompt_column, args.concept_column)
    return given.of_file(asked, args.prompts, suite=args.suite, concept=args.concept, named=named)


def _show(work: Given, done: Scored, agreed: Sequence[Agreement], out: Path) -> None:
    from bench.results import report, store
    from bench.runs import rated

    for what, said in work.told.items():
        print(f"{what:<8}  {said}")
    scored = report.group(store.read([out]).runs)
    report.show([report.page(scored, tested=False)], "terminal")
    for what, said in rated.lines(agreed).items():
        print(f"{what}: {said}")
    if work.left_out:
        counts = Counter(f"{row.role} of {row.concept}" for row in work.left_out)
        some = ", ".join(f"{what} {count}" for what, count in counts.items())
        print(f"{len(work.left_out)} rows say nothing of this erasure, not scored: {some}")
    for concept, why in done.record.unconfirmed.items():
        print(f"no statement is possible on {concept}: {why}")
    for ids, what in ((work.missing, "missing"), (done.damaged, "damaged")):
        if ids:
            some = ", ".join(ids[:5]) + (" ..." if len(ids) > 5 else "")
            print(f"{len(ids)} of {len(work.prompts)} images are {what}, not scored: {some}")
    print(
        f"in {out / 'per_image.csv'} and scores.csv; `{typed('compare')} {out} RUN` compares them"
    )


def _reference(
    args: argparse.Namespace, metrics: Sequence[Metric], family: str
) -> ReferenceImages | None:
    """Check the real images to compare with, if any are given."""
    if args.reference_images is None:
        return None
    from bench.cli import progress
    from bench.runs.reference import reference

    with progress.shown(f"checking {args.reference_images}", args) as advance:
        return reference(args.reference_images, metrics, family, advance)
