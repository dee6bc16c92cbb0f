"""Whether a finished run is what was written: its table always, all of its files on request."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from bench.names import typed
from bench.types import InputError, RunRecord

if TYPE_CHECKING:
    from bench.results.store import RunFolder

CHANGED = "per_image_sha256"
"""Name in a record's provenance of the hash of per_image.csv."""
CHANGING = "per_image_sha256_next"
"""Name in a record's provenance of the hash that per_image.csv is about to have."""
TRIALS = "attacks"
"""The folder of a run's trials of attacks, which no run makes again but an attack."""
AGAIN = "the command that made the run makes it again"
"""The way out where a record is damaged, which says no more of the command."""
NAMED = 3
"""Files that a message names."""


def check_table(folder: RunFolder, record: RunRecord) -> None:
    """Refuse a run whose per_image.csv is another than its scores were computed from.

    Args:
        folder: The run's.
        record: What it recorded.

    Raises:
        InputError: it was changed or is gone.
    """
    known = {record.provenance.get(name) for name in (CHANGED, CHANGING)} - {None}
    found = folder.per_image_hash()
    if known and found not in known:
        what = "was changed since the run wrote it" if found else "is gone"
        raise InputError(f"{folder.per_image_path} {what}; {_way(record)}")


def check_files(folder: RunFolder, record: RunRecord) -> int:
    """Read every file of a run and refuse one that is not as it was written.

    Args:
        folder: The run's.
        record: What it recorded.

    Returns:
        How many files there are.

    Raises:
        InputError: naming those that are missing or damaged, or the run has no checksums.
    """
    known = folder.sums.known()
    if folder.record_path not in known:
        raise InputError(
            f"{folder.path} has no whole {folder.sums.path.name} to be verified by; delete "
            f"{folder.record_path}, and {_way(record)}"
        )
    if wrong := folder.sums.wrong():
        names = [path.relative_to(folder.path).as_posix() for path in wrong[:NAMED]]
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise InputError(
            f"{folder.path}: missing or not as written: {', '.join(names)}{more}; "
            + _way(record, {of_trials(folder, path) for path in wrong})
        )
    return len(known)


def of_trials(folder: RunFolder, path: Path) -> bool:
    """Return whether a file of a run is made by an attack on it, and by no run.

    Args:
        folder: The run's.
        path: The file.
    """
    return path == folder.attacks_path or path.is_relative_to(folder.path / TRIALS)


def _way(record: RunRecord, trials: Collection[bool] = (False,)) -> str:
    """Return what makes files again.

    Args:
        record: The run's.
        trials: Of the files, whether they are of trials: each answer once.
    """
    from bench.results import elsewhere

    own = "score" if elsewhere.made(record.spec) else "run"
    commands = [typed("attack" if each else own) for each in sorted(trials)]
    several = len(commands) > 1
    said = " and then ".join(f"`{each}`" for each in commands)
    return f"{said} with the same options make{'' if several else 's'} it again"
