"""Whether the log of a tuning is as its trials left it: a line an event, by Optuna."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.files import Row, damaged, read_rows, write_bytes
from bench.results.sums import content
from bench.types import InputError

log = logging.getLogger(__name__)

EVENT = b'{"op_code":'
"""How each line begins."""


def check(path: Path, *, mend: bool) -> None:
    """Refuse a file that is no log.

    Args:
        path: The log.
        mend: Whether what a kill left half written at its end is removed, which is said.

    Raises:
        InputError: naming the first line that is no event.
    """
    if not path.exists():
        return
    whole, end, torn = content(path).rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n") if end else (), start=1):
        if not _is_event(line):
            raise InputError(broken(path, f"line {number} is no event of a tuning"))
    if not torn:
        return
    if not (torn.startswith(EVENT) or EVENT.startswith(torn)):
        raise InputError(broken(path, "it is no log of a tuning"))
    if mend:
        write_bytes(path, whole + end)
        log.warning(f"{path} ended in half a line, which is removed; what it was of is tried again")


def broken(path: Path, why: str) -> str:
    """Return the message for a log that cannot be gone on with.

    Args:
        path: The log.
        why: What is wrong with it, in words.
    """
    return damaged(path, why, "put it back, or move it away and the same command begins anew")


def _is_event(line: bytes) -> bool:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "op_code" in found


def check_table(
    path: Path, table: Path, columns: Sequence[str], rows: Sequence[Row], *, mend: bool
) -> None:
    """Refuse a log that says something else of a trial than the table that was made of it.

    A table may be older than its log; where it is longer, the log has lost trials, which is said.

    Args:
        path: The log.
        table: The table beside it.
        columns: Those that it has.
        rows: What the log holds, as the table would have it.
        mend: Whether the log is gone on with, so that it is said what is tried again.

    Raises:
        InputError: naming the first trial that differs.
    """
    if not table.exists():
        return
    there = read_rows(table, columns)
    if mend and len(there) > len(rows):
        log.warning(
            f"{path} holds {len(rows)} of the {len(there)} trials of {table}; the others are tried "
            "again"
        )
    for number, (mine, theirs) in enumerate(zip(rows, there, strict=False)):
        if mine != theirs:
            raise InputError(
                f"{path} and {table} differ in trial {number} ({_odd(mine, theirs)}), so one was "
                f"changed; delete {table} where the log is right, or both, and the same command "
                "goes on"
            )


def _odd(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    name = next(name for name in mine if mine[name] != theirs[name])
    return f"{name} {mine[name]} and {theirs[name]}"
