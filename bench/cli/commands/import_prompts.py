"""Read a prompt file of another benchmark and write it as a suite that `run --suite` takes.

What is read, kept and dropped is said row by row; a folder that is there is never overwritten.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.commands import print_lines

HELP = "make a suite of a prompt file: I2P, COCO, ESD, MACE, attacks, csv, json, txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file, the suite, and what the file does not say."""
    from bench.prompts.importers import columns, formats

    known = "; ".join(f"{name}: {module.HELP}" for name, module in formats.found().items())
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="csv, tsv, json, jsonl or txt")
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the suite to make")
    add("--format", default=formats.AUTO, metavar="NAME", help=f"auto (default), or {known}")
    add("--concept", default="", metavar="NAME", help="what the prompts show, if the file is mute")
    add("--role", default="", metavar="ROLE", help="their role (default: the file's or format's)")
    add(
        "--kind",
        default="",
        metavar="KIND",
        help="of new concepts: object, style, person, explicit",
    )
    add("--tag", default="", metavar="TEXT", help="of adversarial and remainder prompts without")
    add("--anchor", default="", metavar="TEXT", help="what new concepts are mapped to")
    add("--together", action="store_true", help="one case of all concepts, erased together")
    add("--prompt-column", default="", metavar="NAME", help="the column that holds the prompts")
    add("--concept-column", default="", metavar="NAME", help="the column that says what they show")
    add(
        "--columns",
        default="",
        metavar="A,B",
        help="names of all columns in order, for lack of a header; with one, MEANING=NAME,... "
        f"says what some mean: {', '.join(columns.NAMES)}",
    )
    add("--encoding", default="", metavar="NAME", help="of the file (default: utf-8)")


def execute(args: argparse.Namespace) -> int:
    """Import, and print what became of the rows."""
    from bench.prompts import importers
    from bench.prompts.importers import columns, report
    from bench.results import authority

    done = importers.import_file(
        args.file,
        args.out,
        format=args.format,
        concept=args.concept,
        role=args.role,
        kind=args.kind,
        tag=args.tag,
        anchor=args.anchor,
        named=columns.named(args.columns, args.prompt_column, args.concept_column),
        encoding=args.encoding,
        together=args.together,
        trusted=authority.trusted_names,
    )
    return print_lines(report.lines(done, args.out))
