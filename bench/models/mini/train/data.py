"""The training images: rendered once in parallel, kept in files of a few hundred, resumable."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.models.mini.world.render import PIXELS
from bench.models.mini.world.sample import image_of
from bench.types import Progress, silent

CHUNK = 500
HELD_OUT_SEED_OFFSET = 1_000_000
"""Held-out images come from seed + this, so no training stage has ever seen one."""

Images = NDArray[np.uint8]
Draw = Callable[[int, int], Image.Image]
"""Draws the image of a seed and a number; a function of a module, since processes share it."""


def _render_chunk(job: tuple[Draw, int, int, str]) -> int:
    """Render one chunk of images to its own file, written whole or not at all."""
    draw, seed, start, path = job
    images = np.stack([np.asarray(draw(seed, start + i)) for i in range(CHUNK)])
    temporary = Path(path + ".part")
    with temporary.open("wb") as file:
        np.save(file, images)
    temporary.replace(path)
    return start


def render_images(
    folder: Path,
    seed: int,
    count: int,
    *,
    draw: Draw = image_of,
    workers: int | None = None,
    progress: Progress = silent,
) -> Images:
    """Render images 0 .. count-1 of a seed, or pick up where an earlier call was stopped.

    Args:
        folder: Where finished parts are kept; each way of drawing has one of its own.
        seed: Of the world that is drawn.
        count: Number of images.
        draw: How an image comes about.
        workers: Processes; None for one a core.
        progress: Told how many images are drawn.

    Returns:
        uint8 array (count, 64, 64, 3).
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, CHUNK)
    paths = {start: folder / f"images-{seed}-{start:06d}.npy" for start in starts}
    jobs = [(draw, seed, start, str(path)) for start, path in paths.items() if not path.exists()]
    if jobs:
        with multiprocessing.get_context("spawn").Pool(workers or os.cpu_count()) as pool:
            for done, _ in enumerate(pool.imap_unordered(_render_chunk, jobs), start=1):
                progress("render", done * CHUNK, len(jobs) * CHUNK)
    images = np.empty((len(paths) * CHUNK, PIXELS, PIXELS, 3), np.uint8)
    for start, path in paths.items():
        images[start : start + CHUNK] = np.load(path)
    return images[:count]
