"""Opens a foreign prompt file: tells its format, and which column holds what."""

from __future__ import annotations

from pathlib import Path

from bench.prompts.importers import columns, formats, records, roles
from bench.prompts.importers.columns import NAMES, Named
from bench.types import InputError


def read(
    path: Path, format: str, named: Named, encoding: str
) -> tuple[str, records.Table, dict[str, str]]:
    """Return a file's format, its table, and which of its columns holds what, by meaning.

    Args:
        path: The file.
        format: A format's name, or `auto` to tell it by the columns.
        named: What the user says of the file's columns.
        encoding: Of the file; "" to tell it by its first bytes, or UTF-8.

    Raises:
        InputError: the file cannot be read, or has no prompts.
    """
    table = records.read(path, named=named, encoding=encoding).renamed(named.meanings)
    name = formats.choose(format, table)
    own = formats.own_columns(formats.found()[name])
    cells = {each: table.cells(each) for each in table.columns}
    layout = columns.layout(cells, own, named.meanings, roles.SAID)
    if "prompt" not in layout:
        raise InputError(f"{path}: {formats.no_prompts(table)}")
    unread = [meaning for meaning in named.meanings if meaning not in layout]
    if unread:
        able = [each for each in NAMES if own.get(each, each not in columns.PAIRED)]
        raise InputError(
            f"format {name} reads no {unread[0]} from a column; it reads {', '.join(able)}"
        )
    flag = layout.get("role", "")
    if flag in roles.FLAGGED:
        table = table.said(flag, roles.FLAGGED[flag])
    return name, table, layout
