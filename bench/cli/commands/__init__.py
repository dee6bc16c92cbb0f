"""One file a command of the command line, found by its name.

A command's module has `HELP`, one line for the list of commands, `add_arguments(parser)` and
`execute(args)`, which returns the exit status; a longer description is its own docstring. The
modules import nothing heavy at the top: only the command that runs pays for what it needs.
"""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import sys
from collections.abc import Iterable
from types import ModuleType

from bench.cli.lines import wrapped


def found() -> dict[str, ModuleType]:
    """Return the modules of the commands by name, as typed: `new_method.py` is `new-method`."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__))
    return {
        name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}")
        for name in names
        if not name.startswith("_")
    }


def print_lines(lines: Iterable[str]) -> int:
    """Print lines of results, and return the status of success.

    What is piped is never broken, so that `grep` and `cut` find whole lines.

    Args:
        lines: Columns in them stand apart by two spaces or more.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in lines:
        print(wrapped(line, width) if width else line)
    return 0
