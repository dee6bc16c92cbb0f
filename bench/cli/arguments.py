"""An argument parser whose complaints are one line that names the nearest match."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from bench.drawing import SIDES
from bench.names import SCRIPT, find
from bench.types import InputError

OUT = Path("reports/runs")
"""Where runs are kept unless told otherwise."""


class Parser(argparse.ArgumentParser):
    """Raises InputError instead of printing usage and exiting; never guesses abbreviations."""

    def __init__(self, **settings: Any) -> None:
        """Make a parser that refuses abbreviated options."""
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong."""
        raise InputError(f"{message}; see {self.prog} --help")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse, and refuse what is unknown here, where the parser's own options can be listed.

        What is parsed says as `typed` which options were, whatever their values.

        Args:
            args: Words of the command line; None for the program's own.
            namespace: Where values go; None for a new one.

        Raises:
            InputError: an option or argument is unknown.
        """
        parsed, extras = super().parse_known_args(args, namespace)
        for extra in extras:
            if extra.startswith("-"):
                options = [text for text in self._option_string_actions if text.startswith("--")]
                find(f"option of {self.prog}", extra.split("=", 1)[0], options)
        if extras:
            raise InputError(f"unexpected argument '{extras[0]}'; see {self.prog} --help")
        if not hasattr(parsed, "typed"):
            words = (word.split("=", 1)[0] for word in (sys.argv[1:] if args is None else args))
            known = self._option_string_actions
            parsed.typed = frozenset(known[word].dest for word in words if word in known)
        return parsed, extras

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "command" if action.dest == "command" else f"value of {action.dest}"
            find(f"{what} of {self.prog}", str(value), map(str, action.choices))


class Version(argparse.Action):
    """Prints the version of the package, and of a checkout its commit, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print and exit."""
        from bench import __version__, data
        from bench.runs import provenance

        commit, dirty = provenance.git_state(data.ROOT)
        state = f" ({commit[:12]}{', changed since' if dirty else ''})" if commit else ""
        print(f"{SCRIPT} {__version__}{state}")
        parser.exit()


def whole(text: str) -> int:
    """Read a whole number from 0 up, as a seed is."""
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"got '{text}', must be a whole number from 0 up")
    return int(text)


def count(text: str) -> int:
    """Read a whole number from 1 up, as a number of workers is."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"got '{text}', must be a whole number from 1 to 1024")
    return int(text)


def batch(text: str) -> int | None:
    """Read how many images are drawn at once, None for what is usual."""
    return None if text == "auto" else count(text)


def pixels(text: str) -> int:
    """Read a side of an image."""
    if not (text.isascii() and text.isdigit()) or int(text) not in SIDES:
        raise argparse.ArgumentTypeError(
            f"got '{text}', must be {SIDES[0]} to {SIDES[-1]} in steps of {SIDES.step}"
        )
    return int(text)


def steps(text: str) -> int:
    """Read a number of sampling steps."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"got '{text}', must be a whole number from 1 to 1000")
    return int(text)


def guidance(text: str) -> float:
    """Read a guidance scale."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"got '{text}', must be a number from 0 up")
    return value


def add_out(parser: argparse.ArgumentParser) -> None:
    """Declare --out, the same for every command that reads or writes runs."""
    parser.add_argument(
        "--out", type=Path, default=OUT, metavar="DIR", help=f"folder of the runs (default: {OUT})"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare --device, the same for every command that computes."""
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, mps (default: cuda where there is one)"
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Declare --precision, the same for every command that draws."""
    parser.add_argument(
        "--precision",
        metavar="NAME",
        help="fp32, bf16 or fp16: what the model computes in (default: fp32 on the CPU, else fp16)",
    )


def add_reference(parser: argparse.ArgumentParser) -> None:
    """Declare --reference-images, the same for every command that measures."""
    parser.add_argument(
        "--reference-images",
        type=Path,
        metavar="DIR",
        help="folder of real images, as of MS-COCO, for FID to them",
    )
