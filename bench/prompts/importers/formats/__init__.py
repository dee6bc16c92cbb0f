"""One file a format of prompt files, found by its name.

A format's module has `HELP`, one line on whose files it reads, `recognises(table)`, true of the
files that only this format has, and `draft(row, asked)`, which says what a row means, `asked`
being the concept that the user named or "". It may say `COLUMNS`, the names that its columns have
in place of the usual ones, by meaning; `KIND`, the kind of everything in its files; and `NEUTRAL`,
true where its files may show any kind of thing, so that none can be guessed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Protocol, cast

from bench.names import find
from bench.prompts.importers.columns import FOUND, PROMPTS
from bench.prompts.importers.drafts import Draft, Row
from bench.prompts.importers.records import Table
from bench.types import InputError, Kind

ANY = "table"
"""The format of files that are nobody's in particular."""
AUTO = "auto"


class Format(Protocol):
    """A format of prompt files: recognises them, and reads their rows."""

    HELP: str

    def recognises(self, table: Table) -> bool:
        """Return whether a file is of this format and of no other."""

    def draft(self, row: Row, asked: str) -> Draft:
        """Return what a row of a file of this format asks to be drawn.

        Args:
            row: Cells by meaning, of `columns.NAMES`.
            asked: Name of the concept that the user asked for; "" for none.
        """


def found() -> dict[str, Format]:
    """Return the formats by name."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__))
    return {name: cast(Format, importlib.import_module(f"{__name__}.{name}")) for name in names}


def own_columns(format: Format) -> Mapping[str, tuple[str, ...]]:
    """Return the names that a format has for its columns, by meaning."""
    return cast(Mapping[str, tuple[str, ...]], getattr(format, "COLUMNS", {}))


def kind(format: Format) -> Kind | None:
    """Return the kind of everything in a format's files; None where they say nothing of it."""
    return cast("Kind | None", getattr(format, "KIND", None))


def neutral(format: Format) -> bool:
    """Return whether a format's files may show any kind of thing, so that none can be guessed."""
    return bool(getattr(format, "NEUTRAL", False))


def choose(name: str, table: Table) -> str:
    """Return the format's name, or for `auto` that of the one that recognises the file.

    Args:
        name: What the user typed; `auto` to go by the columns.
        table: The file.

    Raises:
        InputError: there is no such format, or the columns are those of none or of several.
    """
    known = found()
    find("format", name, (AUTO, *known))
    if name != AUTO:
        return name
    fitting = [each for each, module in known.items() if module.recognises(table)]
    # What is nobody's in particular may be somebody's all the same.
    special = [each for each in fitting if each != ANY] or fitting
    if len(special) == 1:
        return special[0]
    if special:
        got = f"the columns are {', '.join(table.columns)}"
        raise InputError(f"{got}, as {' and '.join(special)} have them; say which with --format")
    raise InputError(no_prompts(table))


def no_prompts(table: Table) -> str:
    """Return the message for a file of which no column is known to hold prompts."""
    names = ", ".join(each[:40] for each in table.columns[:12]) or "none"
    more = ", ..." if len(table.columns) > 12 else ""
    return (
        f"the columns are {names}{more}; none is called {PROMPTS[0]}, text, caption or {FOUND[0]}: "
        "say which holds prompts with --prompt-column NAME; name them in order with --columns if "
        "the file has no header, --columns prompt if every line is a prompt"
    )
