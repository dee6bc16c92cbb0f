"""Finished runs as one folder or archive that another machine reads: the numbers, not the images.

It holds `<run id>/` with spec, record, scores, per_image.csv and suite of each run, and
`bundle.json` with the sha256 of every file. It names no folder of the machine that wrote it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bench.files import read_json, sweep, to_json, write_bytes
from bench.results.store import Finished
from bench.types import InputError

INDEX = "bundle.json"
"""Its list of files, and what tells a bundle from other folders."""
INSIDE = "bundle"
"""The folder in which an exported erasure has its bundle."""
_COMPRESSED = (".tar.gz", ".tgz")
ARCHIVES = (".zip", ".tar", *_COMPRESSED)
"""Endings of the archives that a bundle may be."""
FILES = ("spec.json", "per_image.csv", "scores.csv", "attacks.csv")
"""Files of a run that it takes along as they are, where they are there; the suite's beside."""
PATHS = ("reference_images",)
"""Names in a record's provenance of folders of a machine: their last part is taken along."""
PLACES = "places"
"""The name there of where things were: nothing is taken along."""

_UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error),
)
"""What reading a damaged archive raises, or one that is packed or locked in another way."""

Files = Mapping[str, bytes]
"""Contents by name, with slashes."""


def contents(runs: Sequence[Finished]) -> dict[str, bytes]:
    """Return the files of a bundle, its index last.

    Args:
        runs: What it holds; they need not be of one protocol.

    Raises:
        InputError: a file of theirs is missing.
    """
    files: dict[str, bytes] = {}
    for run in runs:
        folder, name = run.folder, run.folder.path.name
        for needed in (folder.spec_path, folder.per_image_path, folder.scores_path):
            if not needed.is_file():
                raise InputError(f"{folder.path} lacks {needed.name}, without which it is no run")
        for file in FILES:
            if (folder.path / file).is_file():
                files[f"{name}/{file}"] = (folder.path / file).read_bytes()
        for path in sorted(folder.suite_path.rglob("*")):
            if path.is_file():
                files[f"{name}/{path.relative_to(folder.path).as_posix()}"] = path.read_bytes()
        files[f"{name}/{folder.record_path.name}"] = _placeless(read_json(folder.record_path))
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    listed = {"runs": [run.folder.path.name for run in runs], "sha256": digests}
    return {**files, INDEX: to_json(listed)}


def _placeless(record: dict[str, Any]) -> bytes:
    facts = record["provenance"]
    known = {name: Path(facts[name]).name for name in PATHS if facts.get(name)}
    return to_json(record | {"provenance": facts | known | {PLACES: {}}})


def is_archive(path: Path) -> bool:
    """Say whether a bundle of this name is an archive; else it is a folder."""
    return _ending(path) is not None


def _ending(path: Path) -> str | None:
    return next((end for end in ARCHIVES if path.name.casefold().endswith(end)), None)


def write(files: Files, to: Path) -> None:
    """Write a bundle as a folder, or as an archive where the name ends as one.

    The same files give the same archive, byte for byte.

    Args:
        files: As `contents` returns them.
        to: A folder, or a file that ends in .zip, .tar, .tar.gz or .tgz.
    """
    if not is_archive(to):
        for name, data in files.items():
            write_bytes(to / name, data)
        return
    packed = io.BytesIO()
    if _ending(to) == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            for name, data in files.items():
                # A ZipInfo of its own has no time of day.
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    else:
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    whole = packed.getvalue()
    sweep(to.parent, to.name)
    write_bytes(to, gzip.compress(whole, mtime=0) if _ending(to) in _COMPRESSED else whole)


@dataclass(frozen=True)
class Bundle:
    """A bundle as it was read and found whole."""

    path: Path
    runs: tuple[str, ...]
    """Ids of its runs."""
    files: Files


def found(path: Path) -> Path | None:
    """Return where a bundle lies at a path, None if there is none.

    Args:
        path: A bundle, or the folder of an exported erasure, which has its bundle inside.
    """
    if path.is_file():
        return path if is_archive(path) else None
    return next((each for each in (path, path / INSIDE) if (each / INDEX).is_file()), None)


def read(path: Path) -> Bundle:
    """Read a bundle, and compare each of its files with its hash.

    Args:
        path: As `found` returns it.

    Raises:
        InputError: it is no bundle, or a file of it is missing, altered, or not of it.
    """
    there = _files(path)
    if INDEX not in there:
        raise InputError(f"{path} is no bundle of runs: it has no {INDEX}")
    try:
        listed = json.loads(there[INDEX])
        runs, digests = tuple(listed["runs"]), dict(listed["sha256"])
        known = all(isinstance(each, str) for each in (*runs, *digests, *digests.values()))
    except (ValueError, TypeError, KeyError, RecursionError):
        known = False
    if not known or not runs:
        raise InputError(_damaged(path, f"its {INDEX} lists no runs"))
    for name, digest in digests.items():
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or "\\" in name or {"..", "."} & set(parts):
            raise InputError(_damaged(path, f"it lists '{name}', which is no file inside it"))
        if parts[0] not in runs:
            raise InputError(_damaged(path, f"it lists {name}, which is of none of its runs"))
        if name not in there:
            raise InputError(_damaged(path, f"{name} is missing"))
        if hashlib.sha256(there[name]).hexdigest() != digest:
            raise InputError(_damaged(path, f"{name} is not as it was written"))
    odd = sorted(there.keys() - digests.keys() - {INDEX})
    if odd:
        raise InputError(_damaged(path, f"{odd[0]} is not on its list"))
    for run in runs:
        if f"{run}/record.json" not in digests:
            raise InputError(_damaged(path, f"{run} has no record.json"))
    return Bundle(path, runs, there)


def unpacked(bundle: Bundle, to: Path) -> list[Path]:
    """Write a bundle's runs into a folder, and return theirs.

    Args:
        bundle: As `read` returns it, so that every name lies inside.
        to: The folder.
    """
    for name, data in bundle.files.items():
        if name != INDEX:
            write_bytes(to / name, data)
    return [to / run for run in bundle.runs]


def _files(path: Path) -> dict[str, bytes]:
    try:
        if path.is_dir():
            every = [each for each in path.rglob("*") if each.is_file()]
            return {each.relative_to(path).as_posix(): each.read_bytes() for each in every}
        if _ending(path) == ".zip":
            with zipfile.ZipFile(path) as archive:
                inside = [each for each in archive.infolist() if not each.is_dir()]
                return {each.filename: archive.read(each) for each in inside}
        with tarfile.open(path) as tar:
            return dict(_members(tar))
    except _UNREADABLE as error:
        raise InputError(_damaged(path, str(error) or "it ends early")) from None


def _members(tar: tarfile.TarFile) -> Iterable[tuple[str, bytes]]:
    for member in tar.getmembers():
        stream = tar.extractfile(member) if member.isfile() else None
        if stream is not None:
            yield member.name, stream.read()


def _damaged(path: Path, why: str) -> str:
    return f"the bundle {path} is damaged ({why}); export the run again where it was made"
