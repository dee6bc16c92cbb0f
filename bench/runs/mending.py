"""Removes what is not as a run wrote it, so that what is there is valid, and the rest is made."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from bench.files import TEMPORARY
from bench.results.store import RunFolder
from bench.results.verification import TRIALS, check_table
from bench.types import InputError

log = logging.getLogger(__name__)

CONCLUDED = ("seen.csv", "results.csv", "summary.csv")
"""What a trial's images are read into; the last declares it finished."""
FOUND = ("found", "embeddings", "starts")
"""Folders of what a trial's searches found, a file each by the number of the search."""


def mend(folder: RunFolder) -> list[Path]:
    """Remove what is missing its checksum, or has another, and what was made from it.

    A finished run of which anything is removed is finished no more. Where its checksums are lost
    altogether, as of a run that was brought as a bundle, its table alone is verified.

    Args:
        folder: The run's.

    Returns:
        What was damaged or has vanished.
    """
    swept(folder)
    wrong = _wrong(folder)
    for path in wrong:
        path.unlink(missing_ok=True)
        inside = path.relative_to(folder.path)
        if inside.parts[0] == TRIALS:
            _mend_trial(folder.path.joinpath(*inside.parts[:3]), path)
            continue
        folder.record_path.unlink(missing_ok=True)
        if inside.parts[0] == folder.suite_path.name:
            folder.suite_table.unlink(missing_ok=True)
        if path == folder.erasure_path(path.stem):
            # A fit need not end at the same digits, so its images go with it.
            shutil.rmtree(folder.images(path.stem), ignore_errors=True)
            folder.per_image_path.unlink(missing_ok=True)
    if not folder.is_done():
        known = folder.sums.known()
        for path in _made(folder):
            # A kill came between a file and its checksum.
            if path not in known:
                path.unlink()
    if wrong:
        first = wrong[0].relative_to(folder.path).as_posix()
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        log.warning(f"{folder.path}: {first}{more} missing or not as written; made again")
    return wrong


def swept(folder: RunFolder) -> None:
    """Remove what kills left half written; nobody may be writing there."""
    for path in folder.path.rglob(f"*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def _mend_trial(trial: Path, path: Path) -> None:
    """Remove what was made from a file of a trial, which is no part of the run's record.

    Args:
        trial: The trial's folder.
        path: The file that was removed.
    """
    for name in CONCLUDED:
        (trial / name).unlink(missing_ok=True)
    if path.parent.name in FOUND:
        # A search need not end at the same digits, so what was drawn of it goes with it.
        for name in FOUND:
            for other in (trial / name).glob(f"{path.stem}.*"):
                other.unlink()
        shutil.rmtree(trial / "images", ignore_errors=True)


def _wrong(folder: RunFolder) -> list[Path]:
    done, known = folder.is_done(), folder.sums.known()
    # The spec was compared with the one that is asked for.
    wrong = [path for path in folder.sums.wrong() if path != folder.spec_path]
    if not done:
        # What was announced and never written has not vanished.
        tables = (folder.per_image_path, folder.scores_path, folder.record_path)
        wrong = [path for path in wrong if path.exists() or path not in tables]
        return wrong
    if folder.record_path in wrong or folder.per_image_path in wrong:
        return wrong
    try:
        record = folder.read_record()
    except InputError:
        # Damaged before its checksum was noted, or written by another version.
        return [*wrong, folder.record_path]
    try:
        check_table(folder, record)
    except InputError:
        if known or not folder.per_image_path.exists():
            wrong.append(folder.per_image_path)
    return wrong


def _made(folder: RunFolder) -> list[Path]:
    """Return the erasures, images and measurements that are there."""
    found = [*folder.path.glob("erasures/*"), *folder.path.glob("images/*/*")]
    return [*found, *([folder.per_image_path] if folder.per_image_path.exists() else [])]
