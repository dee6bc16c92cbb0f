"""mini: a small text-to-image model of the project's own, in Stable Diffusion's layout.

from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained(bench.models.mini.path())
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from bench import data
from bench.names import typed
from bench.types import InputError

WEIGHTS = data.MINI / "weights"
SUMS = "SHA256SUMS"
"""The file, in the format of sha256sum, that says what every other file must hold."""

SETTINGS = "training.json"
"""The file that says what a training was: seed, images, steps, and what it left out."""


def sha256(file: Path) -> str:
    """Return the hex digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(folder: Path) -> None:
    """Check every file of a folder of weights against its checksum.

    Raises:
        InputError: a file is missing or altered.
    """
    sums = folder / SUMS
    if not sums.is_file():
        raise InputError(
            f"mini's weights are missing: no {SUMS} in {folder}; reinstall, or train them with "
            f"`{typed('mini train')}`"
        )
    for line in sums.read_text().splitlines():
        wanted, name = line.split("  ", 1)
        file = folder / name
        if not file.is_file():
            raise InputError(f"mini's weight file {file} is missing; reinstall it")
        if sha256(file) != wanted:
            raise InputError(
                f"mini's weight file {file} is altered: its sha256 is not {wanted[:12]}... as "
                f"{SUMS} says; reinstall it"
            )


def write_sums(folder: Path) -> None:
    """Write the checksums of all files of a folder of weights."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.name != SUMS)
    lines = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    (folder / SUMS).write_text("".join(lines))


@cache
def path() -> Path:
    """Return the folder of mini's weights, verified once per process.

    Raises:
        InputError: a weight file is missing or altered.
    """
    verify(WEIGHTS)
    return WEIGHTS
