"""Checksums of an imported suite: one that was damaged, or edited, is told from what was made."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from bench import digests
from bench.files import write_bytes

log = logging.getLogger(__name__)

NAME = "SHA256SUMS"
"""In the form of the program sha256sum."""
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


def write(folder: Path, names: Iterable[str]) -> None:
    """Write down the checksums of a suite's files.

    Args:
        folder: The suite's.
        names: Of the files, in it.
    """
    lines = (f"{digests.file(folder / name)}  {name}\n" for name in names)
    write_bytes(folder / NAME, "".join(lines).encode())


def check(folder: Path, names: Iterable[str]) -> None:
    """Say of a suite's files that they are not as they were imported, as whoever edits them knows.

    Args:
        folder: The suite's; without checksums it is anybody's, and nothing is said.
        names: Of the files that are read, in it.
    """
    path = folder / NAME
    if not path.is_file():
        return
    found = map(_LINE.fullmatch, path.read_text(errors="replace").splitlines())
    known = {match[2]: match[1] for match in found if match}
    for name in names:
        file = folder / name
        now = digests.file(file) if file.is_file() else ""
        if now != known.get(name):
            _say(file, path, now)


@functools.lru_cache(maxsize=256)
def _say(file: Path, sums: Path, now: str) -> None:
    """Say it once of each content."""
    log.warning(
        f"{file} is not as it was imported; import it again, or delete {sums} if that is your own "
        "doing"
    )
