"""Fetch what runs will need, so that they can be carried out without a network.

Models with the detectors of suites and the networks of methods; what is here already is not
fetched again. Nothing is erased, drawn or measured.
"""

from __future__ import annotations

import argparse

from bench.cli import output
from bench.names import typed
from bench.types import ORIGINAL, InputError

HELP = "fetch models and detectors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is to be fetched."""
    add = parser.add_argument
    add("--model", action="append", required=True, metavar="NAME", help="repeatable")
    add("--revision", default="", metavar="NAME", help="commit, branch or tag of the models")
    add("--variant", default="", metavar="NAME", help="of the models' weights, as fp16")
    add(
        "--suite",
        action="append",
        default=[],
        metavar="NAME",
        help="whose detectors; repeatable (default: all that are for the model)",
    )
    add("--method", action="append", default=[], metavar="NAME", help="whose networks; repeatable")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the methods")
    add("--plan", action="store_true", help="say what is missing, and fetch nothing")
    output.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Fetch what is missing, and say of everything whether it is here now."""
    from bench import prompts
    from bench.models import sources
    from bench.models.downloads import Download
    from bench.runs import needs, plan

    wanted: dict[Download, None] = {}
    why = ""
    for model in args.model:
        named = sources.chosen(model, revision=args.revision, variant=args.variant)
        for suite in args.suite or prompts.suites():
            try:
                specs = plan.specs(
                    args.method or [ORIGINAL],
                    model=named,
                    suite=suite,
                    size=prompts.suite(suite).sizes[0].name,
                    settings=args.set,
                )
            except InputError as error:
                # By default those suites are left out that are for other models or concepts.
                if args.suite:
                    raise
                why = why or str(error)
                continue
            wanted |= dict.fromkeys(needs.needed(specs))
    if not wanted:
        raise InputError(f"no suite is for these models and methods: {why}")
    before = {each: each.here for each in wanted}
    problems = [] if args.plan else needs.fetch(wanted)
    if problems:
        raise InputError(
            f"could not be fetched: {'; '.join(problems)}; the same command tries again"
        )
    states = {
        each.name: "here" if there else "missing" if args.plan else "fetched"
        for each, there in before.items()
    }

    def show() -> None:
        for name, state in states.items():
            print(f"{state:<8}  {name}")
        if "missing" in states.values():
            print(f"`{typed('prefetch')}` without --plan fetches what is missing")

    return output.answer(args, {"networks": states}, show)
