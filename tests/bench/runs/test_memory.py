"""Memory of a process that draws and draws: what was drawn is let go."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.models import loading
from bench.runs import plan, units
from bench.runs.executors import executor
from bench.runs.folders import opened
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup
from bench.types import silent

from ..conftest import WriteSuite

IMAGES, BATCH = 10_000, 25
WARM = 1000
"""Images after which everything that is kept once is there."""
MOST = 50 * 2**20
SIDE = 64


def resident() -> int:
    """Return the bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stub() -> Any:
    """Return what draws as a pipeline does, as fast as random numbers come."""
    import torch

    config = SimpleNamespace(sample_size=8, in_channels=4)

    class Stub:
        unet = SimpleNamespace(config=config, dtype=torch.float32)
        vae_scale_factor = 8

        def __call__(self, texts: list[str], *, latents: Any, **_: object) -> Any:
            seed = int(latents.abs().sum() * 1000) % 2**32
            pixels = np.random.default_rng(seed).random((len(texts), SIDE, SIDE, 3))
            return SimpleNamespace(images=pixels.astype(np.float32))

    return Stub()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for its memory")
def test_memory_is_flat_over_ten_thousand_images(
    write_suite: WriteSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(f"a-{i},airplane,target,a photo of an airplane {i},{i}" for i in range(IMAGES))
    suite = write_suite(
        tmp_path / "s", rows=rows, concepts=("airplane",), images={"target": IMAGES}
    )
    (spec,) = plan.specs(["original"], model="mini", suite=str(suite), size="tiny", steps=1)
    pipe = stub()
    monkeypatch.setattr(loading, "shared", lambda *_: pipe)
    monkeypatch.setattr(units, "sampled", lambda pipe, _: pipe)
    setup = Setup(batch_size=BATCH, threads=1)
    opened(spec, tmp_path)
    due = iter(units.draws(Resolved(spec), tmp_path, "cpu", BATCH))
    seen: list[int] = []
    with executor(setup, tmp_path) as crew:
        for number, _ in enumerate(crew.perform(lambda: next(due, None), lambda _: silent), 1):
            if number * BATCH >= WARM:
                seen.append(resident())
    drawn = list((tmp_path / spec.run_id / "images" / "unerased").iterdir())
    assert len(drawn) == IMAGES
    grown = max(seen) - seen[0]
    print(f"{IMAGES} images: {grown / 2**20:.1f} MiB more than after {WARM}")
    assert grown < MOST
