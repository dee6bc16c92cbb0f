"""One file a format of prompt files, found by its name.

A format's module has `HELP`, one line on whose files it reads, `recognises(columns)`, true of the
columns that only this format has, and `draft(row, asked)`, which says what a row means, `asked`
being the concept that the user named or "". `TOGETHER` is true where the file's concepts are
erased together.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection
from typing import Protocol, cast

from bench.names import find
from bench.prompts.importers.drafts import Draft, Row
from bench.types import InputError

PLAIN = "plain"
"""The format of files that are nobody's in particular."""
AUTO = "auto"


class Format(Protocol):
    """A format of prompt files: recognises its columns, and reads its rows."""

    HELP: str

    def recognises(self, columns: Collection[str]) -> bool:
        """Return whether these columns are this format's and no other's."""

    def draft(self, row: Row, asked: str) -> Draft:
        """Return what a row of a file of this format asks to be drawn.

        Args:
            row: Cells by column.
            asked: Name of the concept that the user asked for; "" for none.
        """


def found() -> dict[str, Format]:
    """Return the formats by name."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__))
    return {name: cast(Format, importlib.import_module(f"{__name__}.{name}")) for name in names}


def choose(name: str, columns: Collection[str]) -> str:
    """Return the format's name, or for `auto` that of the one that recognises the columns.

    Args:
        name: What the user typed; `auto` to go by the columns.
        columns: The columns of the file.

    Raises:
        InputError: there is no such format, or the columns are those of none or of several.
    """
    known = found()
    find("format", name, (AUTO, *known))
    if name != AUTO:
        return name
    fitting = [each for each, module in known.items() if module.recognises(columns)]
    # What is nobody's in particular may be somebody's all the same.
    special = [each for each in fitting if each != PLAIN] or fitting
    if len(special) == 1:
        return special[0]
    got = f"the columns are {', '.join(columns) or 'none'}"
    if special:
        raise InputError(f"{got}, as {' and '.join(special)} have them; say which with --format")
    raise InputError(
        f"{got}; none is called prompt, text or caption: name them with --columns if the file has "
        f"no header, or say with --format whose they are; choices: {', '.join(known)}"
    )
