"""Checksums of what a run wrote: whether what is there is what was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bench.files import check_kind, write_bytes
from bench.types import InputError

NAME = "SHA256SUMS"
"""In the form of the program sha256sum, so that `sha256sum -c SHA256SUMS` checks a finished run."""
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n\t]+)\n")
_TORN = b"\t(torn)\n"
"""Ends a line that a kill left half written, so that it names no file."""

Known = dict[Path, list[str]]
"""The checksums of each file, the latest last."""


class Sums:
    """The checksums of the files of one folder.

    A file may have several, of what it was before and after it was written anew, until the folder
    is finished. Lines are added at the end, by one process; what a kill leaves half written there
    is no line, and its file is not known.
    """

    def __init__(self, folder: Path) -> None:
        """Name the file of checksums; nothing is made or read."""
        self.folder = folder
        self.path = folder / NAME

    def known(self) -> Known:
        """Return the checksums of each file that was written, the latest last.

        A line that names what lies outside the folder is none of a run's.

        Raises:
            InputError: the list is there and cannot be read.
        """
        try:
            text = self.path.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise InputError(_unread(self.path, error)) from None
        found: Known = {}
        for line in text.splitlines(keepends=True):
            match = _LINE.fullmatch(line)
            # Who made the folder may be a stranger, and what is wrong is removed.
            if match and _is_inside(match[2]):
                found.setdefault(self.folder / match[2], []).append(match[1])
        return found

    def announce(self, path: Path, data: bytes) -> None:
        """Add the checksum of what is about to be written.

        Args:
            path: A file in the folder.
            data: Its whole content.
        """
        self._add([(path, hashlib.sha256(data).hexdigest())])

    def note(self, paths: Iterable[Path]) -> None:
        """Add the checksums of files that were written.

        Args:
            paths: Files in the folder.
        """
        self._add([(path, digest(path)) for path in paths])

    def settle(self) -> None:
        """Keep the latest checksum of each file alone: all of them are written."""
        latest = [(path, digests[-1]) for path, digests in self.known().items()]
        write_bytes(self.path, "".join(self._line(*each) for each in latest).encode())

    def wrong(self, known: Known | None = None) -> list[Path]:
        """Return the files that are missing, or are not what was written; every file is read.

        Args:
            known: What `known` returned, where that was asked already.
        """
        every = self.known() if known is None else known
        return [path for path, digests in every.items() if digest(path) not in digests]

    def _add(self, found: Iterable[tuple[Path, str]]) -> None:
        lines = "".join(self._line(*each) for each in found).encode()
        with self.path.open("ab+") as stream:
            if stream.tell():
                stream.seek(-1, 2)
                lines = lines if stream.read() == b"\n" else _TORN + lines
            stream.write(lines)

    def _line(self, path: Path, sha256: str) -> str:
        return f"{sha256}  {path.relative_to(self.folder).as_posix()}\n"


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def digest(path: Path) -> str:
    """Return the sha256 of a file, "" of one that is not there.

    Raises:
        InputError: it is there and cannot be read, as a folder in its place cannot.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(_unread(path, error)) from None


def content(path: Path) -> bytes:
    """Return what is in a file that is there.

    Raises:
        InputError: it cannot be read, as a folder in its place cannot.
    """
    check_kind(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(_unread(path, error)) from None


def _unread(path: Path, error: OSError) -> str:
    above = next((each for each in path.parents if each.is_file()), None)
    if above:
        return f"{above} is a file, must be a folder; move it away, and the same command goes on"
    return (
        f"{path} cannot be read: {error.strerror or error}; make it a readable file, or move it "
        "away, and the same command goes on"
    )
