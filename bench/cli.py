"""The door: turns the command line into run specs and passes them on; does no work itself."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import arguments
from bench.arguments import Parser
from bench.names import find
from bench.types import InputError, RunSpec

OUT = Path("reports/runs")
EXAMPLES = """\
examples:
  bench run --method realera                        erase an airplane from mini and score it
  bench run --method realera --size smoke --plan    say what that would do
  bench list methods -v                             methods with their options
  bench new-method my_eraser                        start an eraser of your own
"""
SHOWN = ("suite",)
METHOD_HELP = "a method, all, path/to/file.py:Class or package.module:Class; repeatable"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status: 0, 2 for bad input, 130 when interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(words).parse_args(words)
        status: int = args.execute(args)
        sys.stdout.flush()
        return status
    except InputError as error:
        print(f"bench: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader, say `head`, has seen enough; Python would complain again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("bench: interrupted; the same command resumes", file=sys.stderr)
        return 130


def _parser(words: Sequence[str]) -> Parser:
    parser = Parser(
        prog="bench",
        description="Erase concepts from text-to-image models and measure what is left and lost.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(execute=lambda _: _help(parser))
    commands = parser.add_subparsers(dest="command", metavar="command")
    _add_run(commands.add_parser("run", help="erase, generate, measure and compare"))
    listed = commands.add_parser("list", help="list methods, models, suites or metrics")
    listed.add_argument("what", help="methods, models, suites or metrics")
    listed.add_argument("-v", "--verbose", action="store_true", help="with options and details")
    listed.set_defaults(execute=_list)
    shown = commands.add_parser("show", help="show a suite's cases, prompts and sizes")
    shown.add_argument("what", help="suite")
    shown.add_argument("name", help="its name")
    shown.set_defaults(execute=_show)
    new = commands.add_parser("new-method", help="start an eraser of your own")
    new.description = "Write methods/NAME.py, its test and its page: a start that already works."
    new.add_argument("name", help="in lower case, for example my_eraser")
    new.set_defaults(execute=_new_method)
    checked = commands.add_parser("check-method", help="say what an eraser violates")
    checked.description = (
        "Run the contract's checks on an eraser, with a tiny model of random weights; the status "
        "is 1 if it violates any."
    )
    checked.add_argument("name", help="a method, path/to/file.py:Class or package.module:Class")
    checked.set_defaults(execute=_check_method)
    mini = commands.add_parser("mini", help="the embedded model: train it, read its card")
    if next((word for word in words if not word.startswith("-")), None) == "mini":
        # Its options are declared beside the training code, which other commands need not read.
        from bench.mini.train import command

        command.add_arguments(mini)
        mini.set_defaults(execute=_mini)
    return parser


def _add_run(run: Parser) -> None:
    run.description = (
        "Erase concepts with each method, draw the suite's prompts, measure them beside the "
        "un-erased model's and print a table. What is there already is kept: the same command "
        "resumes."
    )
    add = run.add_argument
    add("--method", action="append", default=[], metavar="NAME", help=METHOD_HELP)
    add("--model", default="mini", metavar="NAME", help="a name, hub id or folder (default: mini)")
    add("--suite", default="objects", metavar="NAME", help="what to test on (default: objects)")
    add("--size", default="quick", metavar="NAME", help="smoke, quick or full (default: quick)")
    add(
        "--concept",
        action="append",
        default=[],
        metavar="NAME",
        help="a case of the suite, or all; repeatable (default: those of the size)",
    )
    add("--seed", type=arguments.whole, default=0, metavar="N", help="of the erasure (default: 0)")
    add("--out", type=Path, default=OUT, metavar="DIR", help=f"folder of the runs (default: {OUT})")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the methods, see `bench list methods -v`; repeatable",
    )
    add("--steps", type=arguments.steps, metavar="N", help="sampling steps (default: the model's)")
    add("--guidance", type=arguments.guidance, metavar="G", help="guidance (default: the model's)")
    add("--device", metavar="NAME", help="cpu or cuda (default: cuda where there is one)")
    add("--plan", action="store_true", help="say what would be done, and do nothing")
    run.set_defaults(execute=_run)


def _help(parser: Parser) -> int:
    parser.print_help()
    return 0


def _list(args: argparse.Namespace) -> int:
    from bench.listing import listing

    return _print(listing(args.what, args.verbose))


def _show(args: argparse.Namespace) -> int:
    from bench.listing import show_suite

    find("thing to show", args.what, SHOWN)
    return _print(show_suite(args.name))


def _new_method(args: argparse.Namespace) -> int:
    from bench import scaffold

    for path in scaffold.create(args.name):
        print(f"wrote {path}")
    print(f"next: bench check-method {args.name}, then bench run --method {args.name}")
    return 0


def _check_method(args: argparse.Namespace) -> int:
    from bench import contract

    results = []
    for result in contract.check(args.name):
        results.append(result)
        print(f"{'FAILS' if result.problem else 'ok   '}  {result.check}", flush=True)
        if result.problem:
            print(f"       {' '.join(result.problem.split())}")
    failed = sum(bool(result.problem) for result in results)
    print(f"{args.name}: {failed} of {len(results)} checks fail" if failed else "all checks pass")
    return 1 if failed else 0


def _mini(args: argparse.Namespace) -> int:
    from bench.mini.train import command

    return int(command.execute(args) or 0)


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        print(line)
    return 0


def _run(args: argparse.Namespace) -> int:
    from bench import plan

    specs = plan.specs(
        args.method,
        model=args.model,
        suite=args.suite,
        size=args.size,
        concepts=args.concept,
        seed=args.seed,
        settings=args.set,
        steps=args.steps,
        guidance=args.guidance,
    )
    plan.check_out(args.out)
    plan.check_folders(specs, args.out)
    if args.plan:
        return _print(plan.describe(specs, args.out))
    _carry_out(specs, args.out, args.device)
    return 0


def _carry_out(specs: Sequence[RunSpec], out: Path, device: str | None) -> None:
    """Run the specs, the un-erased model's first, then write and print what compares them."""
    from rich.console import Console

    from bench import plan, progress, report, runner, store

    folders = [store.RunFolder(out, spec.run_id) for spec in specs]
    place = device or _best_device()
    # All before the first, so that no run is in vain if a later one could not be made or written.
    plan.check_erasers(specs, out, place)
    for spec, folder in zip(specs, folders, strict=True):
        folder.create(spec)
    for number, (spec, folder) in enumerate(zip(specs, folders, strict=True), start=1):
        title = f"[{number}/{len(specs)}] {spec.method} on {spec.model}: {', '.join(spec.cases)}"
        with progress.shown(title) as advance:
            runner.run(spec, out, device=place, progress=advance)
        original = folders[0].path if number > 1 else None
        report.write_strip(folder.path, original, spec.method_name)
    records = store.runs(out)
    sheet, page = report.write_comparison(records, out)
    console = Console()
    console.print(report.table(records, specs[0], width=console.width))
    print(f"strip       {folders[-1].path / 'strip.png'}")
    print(f"comparison  {sheet} and {page.name}")
    print(f"results in {folders[-1].path if len(folders) < 3 else out}")


def _best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
