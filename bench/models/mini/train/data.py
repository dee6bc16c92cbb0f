"""The training images: rendered once in parallel, kept in one memory-mapped file, resumable."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.models.mini.world.render import PIXELS
from bench.models.mini.world.sample import image_of
from bench.types import Progress, silent

CHUNK = 500
HELD_OUT_SEED_OFFSET = 1_000_000
"""Held-out images come from seed + this, so no training stage has ever seen one."""

Images = NDArray[np.uint8]


def _render_chunk(job: tuple[int, int, str]) -> int:
    """Render one chunk of images to its own file, written whole or not at all."""
    seed, start, path = job
    images = np.stack([np.asarray(image_of(seed, start + i)) for i in range(CHUNK)])
    temporary = Path(path + ".part")
    with temporary.open("wb") as file:
        np.save(file, images)
    temporary.replace(path)
    return start


def render_images(
    folder: Path, seed: int, count: int, *, workers: int | None = None, progress: Progress = silent
) -> Images:
    """Render images 0 .. count-1 of a seed, or pick up where an earlier call was stopped.

    Args:
        folder: Where finished parts are kept.
        seed: Of the world that is drawn.
        count: Number of images.
        workers: Processes; None for one a core.
        progress: Told how many images are drawn.

    Returns:
        uint8 array (count, 64, 64, 3).
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, CHUNK)
    paths = {start: folder / f"images-{seed}-{start:06d}.npy" for start in starts}
    jobs = [(seed, start, str(path)) for start, path in paths.items() if not path.exists()]
    if jobs:
        with multiprocessing.get_context("spawn").Pool(workers or os.cpu_count()) as pool:
            for done, _ in enumerate(pool.imap_unordered(_render_chunk, jobs), start=1):
                progress("render", done * CHUNK, len(jobs) * CHUNK)
    images = np.empty((len(paths) * CHUNK, PIXELS, PIXELS, 3), np.uint8)
    for start, path in paths.items():
        images[start : start + CHUNK] = np.load(path)
    return images[:count]
