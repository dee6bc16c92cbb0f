"""Files that are whole or absent: written aside, then put in place; checked when read back."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.types import InputError

TEMPORARY = ".tmp"
"""Suffix of a file being written; who opens a run's folder again removes what a kill left."""

Row = dict[str, str]
"""A row of a CSV file, by column."""


def write_bytes(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write a file so that it is either complete or absent, whenever the process dies.

    Args:
        path: Its folders are made where they are missing.
        data: The file's whole content.
        synced: Whether it is on the disk before it has its name; see `aside`.

    Raises:
        InputError: it cannot be written, for example since the disk is full.
    """
    with aside(path, synced=synced) as temporary:
        temporary.write_bytes(data)


@contextmanager
def aside(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """Give a name beside a file to write to, which is put in its place when it is complete.

    No two writers share the name, whoever fails leaves nothing, and who may read the file is what
    the process's umask says, whatever wrote it.

    Args:
        path: Its folders are made where they are missing.
        synced: Whether it is on the disk by then, so that it outlasts a power failure whole; that
            takes milliseconds, which a file that is checked and made again may save.

    Yields:
        The name, under which there is an empty file.

    Raises:
        InputError: it cannot be written, for example since the disk is full.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        yield temporary
        if temporary.stat().st_mode != mode:
            temporary.chmod(mode)
        if synced:
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"cannot write to {path}: {error.strerror or error}") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def csv_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> bytes:
    """Return rows as a CSV file with a header; what a row lacks is empty.

    Args:
        columns: The header, in order.
        rows: Cells by column; other columns than those of the header are an error.

    Raises:
        TypeError: a cell is a truth value, which would be read back as the word "True".
    """
    for row in rows:
        for name, cell in row.items():
            if isinstance(cell, bool):
                raise TypeError(f"column {name} holds {cell}; CSV files hold numbers and words")
    lines = _Lines()
    # csv quotes a carriage return in a cell only if lines end in one.
    writer = csv.DictWriter(lines, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines).encode()


class _Lines(list[str]):
    """The lines of a CSV file, as `csv` writes them one by one."""

    write = list.append


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write a CSV file with a header, atomically.

    Args:
        path: The CSV file.
        columns: The header, in order.
        rows: Cells by column, see `csv_bytes`.
    """
    write_bytes(path, csv_bytes(columns, rows))


def read_rows(path: Path, columns: Sequence[str] = ()) -> list[Row]:
    """Read a CSV file that `write_rows` wrote, with these columns if any are named.

    Args:
        path: The CSV file.
        columns: The header that it must have; empty for any.

    Returns:
        One row of cells by column for each line after the header; all cells are text.

    Raises:
        InputError: if it is truncated, ragged or not text, or has other columns.
    """
    try:
        text = path.read_bytes().decode()
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(damaged(path, str(error))) from None
    if not lines or not text.endswith("\n"):
        raise InputError(damaged(path, "it ends early"))
    header = lines[0]
    if columns and header != list(columns):
        odd = sorted(set(header) ^ set(columns))
        why = f"another version wrote it, its columns differ: {', '.join(odd) or 'their order'}"
        raise InputError(damaged(path, why))
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise InputError(
                damaged(path, f"row {number} has {len(line)} columns instead of {len(header)}")
            )
    return [dict(zip(header, line, strict=True)) for line in lines[1:]]


def damaged(path: Path, why: str) -> str:
    """Return the message for a file that is not as it was written.

    Args:
        path: The file.
        why: What is wrong with it, in words.
    """
    return f"{path} is damaged ({why}); delete it and the same command makes it again"


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: if it is no JSON.
    """
    return from_json(path, path.read_bytes())


def from_json(path: Path, data: bytes) -> Any:
    """Return what a JSON file holds.

    Args:
        path: The file, for the message.
        data: Its content.

    Raises:
        InputError: if it is no JSON.
    """
    try:
        return json.loads(data)
    except ValueError as error:
        raise InputError(damaged(path, str(error))) from None


def to_json(data: object) -> bytes:
    """Return data as JSON for a person to read; NaN is refused."""
    return (json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()
