"""Removes what is not as a run wrote it, so that what is there is valid, and the rest is made."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from bench.files import TEMPORARY, is_left
from bench.results.store import RunFolder
from bench.results.sums import Known
from bench.results.verification import check_table, of_trials
from bench.types import InputError

log = logging.getLogger(__name__)


def mend(folder: RunFolder, known: Known | None = None) -> list[Path]:
    """Remove what is missing its checksum, or has another, and what was made from it.

    A finished run of which anything is removed is finished no more. Where its checksums are lost
    altogether, as of a run that was brought as a bundle, record and table alone are verified; what
    else is there goes with them, since nothing says what it is.

    Args:
        folder: The run's.
        known: Its checksums, where they were read already.

    Returns:
        What was damaged or has vanished.
    """
    swept(folder)
    known = folder.sums.known() if known is None else known
    wrong = _wrong(folder, known)
    for path in wrong:
        path.unlink(missing_ok=True)
        inside = path.relative_to(folder.path)
        if of_trials(folder, path):
            if path != folder.attacks_path:
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
        if is_left(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _mend_trial(trial: Path, path: Path) -> None:
    """Remove what was made from a file of a trial, which is no part of the run's record.

    Args:
        trial: The trial's folder.
        path: The file that was removed.
    """
    # numpy, which trials count with, is imported for none that are whole.
    from bench.runs.trials.folder import TrialFolder
    from bench.runs.trials.unattacked import Unattacked

    files = TrialFolder(trial)
    for concluded in (*files.concluded, Unattacked(trial).file):
        concluded.unlink(missing_ok=True)
    if path.parent in files.searched:
        # A search need not end at the same digits, so what was drawn of it goes with it.
        for folder in files.searched:
            for other in folder.glob(f"{path.stem}.*"):
                other.unlink()
        shutil.rmtree(files.images, ignore_errors=True)


def _wrong(folder: RunFolder, known: Known) -> list[Path]:
    done = folder.is_done()
    # The spec was compared with the one that is asked for.
    wrong = [path for path in folder.sums.wrong(known) if path != folder.spec_path]
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
        wrong.append(folder.per_image_path)
    return wrong


def _made(folder: RunFolder) -> list[Path]:
    """Return the erasures, images and measurements that are there."""
    found = [*folder.path.glob("erasures/*"), *folder.path.glob("images/*/*")]
    return [*found, *([folder.per_image_path] if folder.per_image_path.exists() else [])]
