"""One process at a time works on a run: another one waits, and then finds its work done.

filelock, which huggingface_hub locks its cache by, holds the system's own locks: they end with the
process that holds them, however it ends, on Windows too.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from bench.files import LOCK

log = logging.getLogger(__name__)

EVERYBODY = 0o666
"""Who shares the folder may lock it; there is nothing in the file."""
LOCKLESS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
"""What a system says of a file system that locks nothing, as of one on a network whose server has
no locks."""


class Held:
    """Runs that are held; one that is finished is let go, for who waits for it alone."""

    def __init__(self, locks: dict[str, FileLock]) -> None:
        """Take over locks that are held, by run."""
        self._locks = locks

    def let_go(self, run_id: str) -> None:
        """Let go of a run; nothing happens where it is not held."""
        if lock := self._locks.pop(run_id, None):
            lock.release()


@contextmanager
def held(out: Path, run_ids: Iterable[str]) -> Iterator[Held]:
    """Hold runs, when whoever works on one of them has finished it, until the block ends.

    Args:
        out: The folder of all runs.
        run_ids: Names of the runs, whose folders are made where they are missing.
    """
    with ExitStack() as stack:
        locks: dict[str, FileLock] = {}
        # In one order, so that no two processes wait for each other.
        for name in sorted(set(run_ids)):
            if lock := _held(out / name):
                stack.callback(lock.release)
                locks[name] = lock
        yield Held(locks)


def _held(folder: Path) -> FileLock | None:
    """Return the lock of a folder, held; None where it cannot be written, or locks nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, mode=EVERYBODY)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.warning(f"another process works on {folder}; waiting for it")
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        if isinstance(error, NotImplementedError) or error.errno in LOCKLESS:
            _say_lockless(folder.parent)
        # Of anything else, whoever writes there will say why it cannot be.
        return None
    return lock


@cache
def _say_lockless(out: Path) -> None:
    """Say it once of a folder, however many runs are in it."""
    log.warning(
        f"the file system of {out} has no locks: two commands that write there at the same time "
        "do the same work twice"
    )
