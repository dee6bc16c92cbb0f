"""The page of five runs of over 2,000 images of 512 pixels: how large, and what it takes."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.runs import plan

from .... import synthetic

CASES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog")
METHODS = ("uce", "esd", "mace", "rece")
LEAST, LARGEST = 2000, 15e6
DIFFERENT = 40
"""Images that are painted; the others are these again."""


def paint(path: Path, seed: int) -> Path:
    """Write an image that is as hard to compress as a photograph."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((512, 512, 3))
    for side in (4, 16, 64, 512):
        layer = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8))
        part = np.asarray(layer.resize((512, 512), Image.Resampling.BICUBIC), np.float64)
        canvas += part * {4: 0.5, 16: 0.3, 64: 0.15, 512: 0.05}[side]
    Image.fromarray(canvas.astype(np.uint8)).save(path)
    return path


@pytest.mark.slow
def test_five_runs_of_two_thousand_images_are_a_small_page(tmp_path: Path, alone: Any) -> None:
    painted = [paint(tmp_path / f"{seed}.png", seed) for seed in range(DIFFERENT)]
    out = tmp_path / "runs"
    specs = plan.specs(METHODS, model="mini", suite="objects", size="full", concepts=CASES)
    for folder in synthetic.write(out, specs):
        rows = folder.read_per_image()
        assert len(rows) >= LEAST
        for number, row in enumerate(rows):
            path = folder.path / row["image"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            os.link(painted[number % DIFFERENT], path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = alone("report", "--out", str(out))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert child.status == 0, child.err
    assert not child.packages & {"torch", "diffusers", "transformers"}
    made = [out / "index.html", *(p for p in (out / "report").rglob("*") if p.is_file())]
    size = sum(path.stat().st_size for path in made)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    images = len(list((out / "report" / "images").iterdir()))
    print(f"{len(rows)} images a run: {cpu:.1f} s of CPU, {size / 1e6:.1f} MB, {images} images")
    assert size < LARGEST
