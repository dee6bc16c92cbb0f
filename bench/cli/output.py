"""What a command says: text for people, or with --json one JSON document for programs."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from bench.results import Results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --quiet, --plain and --json, the same for every command that has results."""
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="only results and errors, no progress"
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="progress as lines of text, one a minute, also in a terminal; as where CI is set",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="results as one JSON document on stdout; progress and errors stay on stderr",
    )


def tell(args: argparse.Namespace, show: Callable[[], object]) -> None:
    """Print something for people, unless a program reads.

    Args:
        args: The command's arguments; `json` says for whom.
        show: Prints it.
    """
    if not args.json:
        show()


def answer(
    args: argparse.Namespace, found: object, show: Callable[[], object] = lambda: None
) -> int:
    """Print what a command found, and return the status of success.

    Args:
        args: The command's arguments; `json` says for whom.
        found: For programs: dataclasses, mappings, sequences, numbers and texts.
        show: Prints for people what they have not been told yet.
    """
    tell(args, show)
    if args.json:
        print(json.dumps(plain(found), indent=2, ensure_ascii=False, allow_nan=False))
    return 0


def plain(value: Any) -> Any:
    """Return a value as JSON has it; a number that is none, NaN or infinite, is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Iterable):
        some = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(each) for each in some]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def results(found: Results) -> dict[str, object]:
    """Return finished runs as JSON has them: each as its record.json, with its id and folder."""
    runs = [
        {
            "run_id": run.record.spec.run_id,
            "folder": run.folder.path,
            "spec": run.record.spec.to_json(),
            "seconds": run.record.seconds,
            "flags": run.record.flags,
            "unconfirmed": run.record.unconfirmed,
            "provenance": run.record.provenance,
            "scores": run.record.scores,
        }
        for run in found.runs
    ]
    return {"runs": runs, "left_out": found.problems}
