"""Files that are whole or absent: written aside, then put in place; checked when read back."""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.types import InputError

TEMPORARY = ".tmp"
"""Suffix of a file being written, behind eight digits of its own."""
_LEFT = re.compile(rf".+\.[0-9a-f]{{8}}{re.escape(TEMPORARY)}", re.DOTALL)
OLD = 3600.0
"""Seconds after which nobody is writing a file any more."""
LOCK = ".lock"
"""File in a folder that is locked while somebody works there."""

Row = dict[str, str]
"""A row of a CSV file, by column."""
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a text begins that spreadsheets may compute, behind the marks that say they must not."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*(e[+-]?\d+)?|nan|inf)", re.ASCII | re.IGNORECASE)


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


def is_left(name: str) -> bool:
    """Return whether a file's name is one that `aside` gives, which a kill leaves behind.

    Args:
        name: Of any file.
    """
    return bool(_LEFT.fullmatch(name))


def sweep(folder: Path, name: str = "") -> None:
    """Remove what kills left half written in a folder an hour ago or longer.

    Args:
        folder: Not those in it, nor a locked run's, where `bench.runs.mending` removes it at once.
        name: Of the file that was being written, where the folder may be anybody's; "" for any.
    """
    for path in folder.glob(f"{glob.escape(name)}*{TEMPORARY}"):
        with suppress(OSError):
            if is_left(path.name) and path.is_file() and time.time() - path.stat().st_mtime > OLD:
                path.unlink()


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """Give a folder to write to, which takes a path's place when it is complete.

    Whoever fails leaves nothing; what a kill left beside the path goes when it is written anew. Who
    still writes there holds a lock.

    Args:
        path: A folder that is not there yet, or is empty.

    Yields:
        The name of a folder that is not there yet, in a hidden one beside the path.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{TEMPORARY}"):
        with suppress(Timeout, OSError), FileLock(left / LOCK, timeout=0):
            shutil.rmtree(left, ignore_errors=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    temporary.mkdir()
    try:
        with FileLock(temporary / LOCK):
            made = temporary / path.name
            yield made
            if path.is_dir():
                path.rmdir()
            made.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def csv_bytes(
    columns: Sequence[str], rows: Sequence[Mapping[str, object]], *, exact: bool = False
) -> bytes:
    """Return rows as a CSV file with a header; what a row lacks is empty.

    A text that a spreadsheet would compute has an apostrophe before it, which `read_rows` takes
    away; a number has none.

    Args:
        columns: The header, in order.
        rows: Cells by column; other columns than those of the header are an error.
        exact: Whether every text is left as it is, since others read the file.

    Raises:
        TypeError: a cell is a truth value, which would be read back as the word "True".
    """
    lines = _Lines()
    # csv quotes a carriage return in a cell only if lines end in one.
    writer = csv.DictWriter(lines, columns, lineterminator="\r\n")
    writer.writerow(_written(dict(zip(columns, columns, strict=True)), exact=exact))
    writer.writerows(_written(row, exact=exact) for row in rows)
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines).encode()


def _written(row: Mapping[str, object], *, exact: bool) -> Mapping[str, object]:
    changed = {}
    for name, cell in row.items():
        if isinstance(cell, bool):
            raise TypeError(f"column {name} holds {cell}; CSV files hold numbers and words")
        if not exact and isinstance(cell, str) and _computes(cell):
            changed[name] = f"'{cell}"
    return {**row, **changed} if changed else row


def _computes(text: str) -> bool:
    return _FORMULA.match(text) is not None and not _NUMBER.fullmatch(text)


def _as_written(cell: str) -> str:
    """Return a cell as it was before `csv_bytes` wrote it."""
    return cell[1:] if cell[:1] == "'" and _computes(cell[1:]) else cell


class _Lines(list[str]):
    """The lines of a CSV file, as `csv` writes them one by one."""

    write = list.append


_DELETED = "delete it and the same command makes it again"


def write_rows(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    *,
    exact: bool = False,
) -> None:
    """Write a CSV file with a header, atomically.

    Args:
        path: The CSV file.
        columns: The header, in order.
        rows: Cells by column, see `csv_bytes`.
        exact: As there.
    """
    write_bytes(path, csv_bytes(columns, rows, exact=exact))


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
    if "'" in text:
        lines = [[*map(_as_written, line)] for line in lines]
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


def check_kind(path: Path) -> None:
    """Refuse what is neither file nor folder: who reads a pipe waits until somebody writes.

    Args:
        path: Of the user; whether anything is there is not checked.

    Raises:
        InputError: it is a pipe, a socket or a device.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{path} is a pipe, socket or device, must be a file")


def damaged(path: Path, why: str, way: str = _DELETED) -> str:
    """Return the message for a file that is not as it was written.

    Args:
        path: The file.
        why: What is wrong with it, in words.
        way: What makes it again, in words.
    """
    return f"{path} is damaged ({why}); {way}"


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
    except (ValueError, RecursionError) as error:
        raise InputError(damaged(path, str(error))) from None


def to_json(data: object) -> bytes:
    """Return data as JSON for a person to read; NaN is refused."""
    return (json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()
