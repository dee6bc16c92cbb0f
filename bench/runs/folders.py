"""Checks and opens run folders; each keeps its own copy of the suite, to be scored anywhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bench import portable, prompts
from bench.files import to_json, write_bytes
from bench.prompts import written
from bench.results.store import RunFolder
from bench.results.sums import Known, digest
from bench.runs.mending import mend
from bench.runs.resolved import Resolved
from bench.types import InputError, RunSpec, Suite


def check(runs: Iterable[RunSpec], out: Path) -> None:
    """Refuse folders that runs could not be written to; nothing is made.

    Args:
        runs: The runs to make.
        out: The folder of all runs.

    Raises:
        InputError: it cannot be written, or a run's folder is half-written, another run's or called
            by more than a name can hold.
    """
    check_out(out)
    for spec in runs:
        if (length := len(spec.run_id.encode())) > portable.WHOLE:
            raise InputError(
                f"the run would be called '{spec.run_id[:40]}...', which has {length} bytes, more "
                f"than the {portable.WHOLE} of a file's name; call suite, size or model shorter"
            )
        folder = RunFolder(out, spec.run_id)
        if folder.path.exists() and not _spec_lost(folder, spec, folder.sums.known()):
            folder.create(spec)


def check_out(out: Path) -> None:
    """Verify that a folder exists and is writable, or can be made.

    Raises:
        InputError: it is no folder, or nothing can be written there.
    """
    parent = out.absolute()
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        raise InputError(f"cannot write to {out}: {parent} is not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {out}: no permission in {parent}")


def opened(spec: RunSpec, out: Path) -> tuple[RunFolder, bool]:
    """Make the folder of a run with its suite in it, or verify and mend the one that is there.

    Args:
        spec: The run's.
        out: The folder of all runs.

    Returns:
        The folder, and whether an earlier attempt left work to resume.

    Raises:
        InputError: the folder cannot be written, or holds something else.
    """
    folder = RunFolder(out, spec.run_id)
    known = folder.sums.known()
    if _spec_lost(folder, spec, known):
        write_bytes(folder.spec_path, to_json(spec.to_json()))
    resumed = folder.create(spec)
    mend(folder, known)
    if not folder.suite_table.exists():
        try:
            keep(Resolved(spec).suite, folder)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot write to {folder.suite_path}: {reason}") from None
    return folder, resumed


def _spec_lost(folder: RunFolder, spec: RunSpec, known: Known) -> bool:
    """Return whether a run's spec is gone or damaged, and was this one as its checksum says."""
    of_spec = known.get(folder.spec_path, [])
    own = hashlib.sha256(to_json(spec.to_json())).hexdigest()
    return own in of_spec and digest(folder.spec_path) not in of_spec


def keep(suite: Suite, run: RunFolder) -> None:
    """Write a suite with its prompt files and the concepts that it names as one from outside.

    Its content, and so its version, is the same; suite.toml is written last.

    Args:
        suite: The suite.
        run: Whose copy it is.
    """
    folder = run.suite_path
    names: dict[str, str] = {}
    for name, path in prompts.files(suite).items():
        # Flat, since a table may name files in folders of its own.
        taken = path.name in names.values()
        names[name] = f"{len(names)}-{path.name}" if taken else path.name
        write_bytes(folder / names[name], path.read_bytes())
    copy = replace(
        suite,
        prompt_files=tuple(names[name] for name in suite.prompt_files),
        family_files={
            family: tuple(names[name] for name in some)
            for family, some in suite.family_files.items()
        },
        concepts=prompts.named(suite),
    )
    write_bytes(folder / "suite.toml", written.toml(copy).encode())
    run.sums.note(path for path in folder.rglob("*") if path.is_file())
