"""The training pictures: rendered once in parallel, kept in one memory-mapped file, resumable."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.models.mini.world.render import PIXELS
from bench.models.mini.world.sample import picture_of
from bench.types import Progress, silent

CHUNK = 500
HELD_OUT_SEED_OFFSET = 1_000_000
"""Held-out pictures come from seed + this, so no training stage has ever seen one."""

Pictures = NDArray[np.uint8]


def _render_chunk(job: tuple[int, int, str]) -> int:
    """Render one chunk of pictures to its own file, written whole or not at all."""
    seed, start, path = job
    pictures = np.stack([np.asarray(picture_of(seed, start + i)) for i in range(CHUNK)])
    temporary = Path(path + ".part")
    with temporary.open("wb") as file:
        np.save(file, pictures)
    temporary.replace(path)
    return start


def render_pictures(
    folder: Path, seed: int, count: int, *, workers: int | None = None, progress: Progress = silent
) -> Pictures:
    """Render pictures 0 .. count-1 of a seed, or pick up where an earlier call was stopped.

    Returns:
        uint8 array (count, 64, 64, 3).
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, CHUNK)
    paths = {start: folder / f"pictures-{seed}-{start:06d}.npy" for start in starts}
    jobs = [(seed, start, str(path)) for start, path in paths.items() if not path.exists()]
    if jobs:
        with multiprocessing.get_context("spawn").Pool(workers or os.cpu_count()) as pool:
            for done, _ in enumerate(pool.imap_unordered(_render_chunk, jobs), start=1):
                progress("render", done * CHUNK, len(jobs) * CHUNK)
    pictures = np.empty((len(paths) * CHUNK, PIXELS, PIXELS, 3), np.uint8)
    for start, path in paths.items():
        pictures[start : start + CHUNK] = np.load(path)
    return pictures[:count]
