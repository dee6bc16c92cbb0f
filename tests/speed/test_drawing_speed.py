"""Seconds an image against what its arithmetic takes, and a command beside another job."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.families import FAMILIES
from bench.models import loading
from bench.models.generate import draw

pytestmark = pytest.mark.speed

ROOT = Path(__file__).resolve().parents[2]
BATCH = 25
"""What runs draw at once unless told otherwise."""
COMMAND = ("-m", "bench", "run", "--method", "uce", "--device", "cpu", "--quiet")


def fastest(action: Callable[[], object], rounds: int) -> float:
    """Return the least seconds that an action took: what the machine can, not what disturbed it."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)


def rate(side: int = 1536) -> float:
    """Return the floating-point operations a second of a product of square matrices."""
    left, right = torch.randn(side, side), torch.randn(side, side)
    return 2 * side**3 / fastest(lambda: left @ right, rounds=20)


def test_an_image_against_its_floating_point_operations(benchmark: Any) -> None:
    """All evaluations of the U-Net, the text encoder and the decoder, at the rate of a product."""
    pipe, sampler = loading.shared("mini", "cpu", "fp32"), FAMILIES["mini"].sampler
    texts, seeds = ["a photo of a dog"] * BATCH, list(range(BATCH))
    with FlopCounterMode(display=False) as counter:
        draw(pipe, texts, seeds, sampler, "pil")
    # Before and after, since a machine's clock moves.
    before = rate()
    benchmark.pedantic(lambda: draw(pipe, texts, seeds, sampler, "pil"), rounds=3, warmup_rounds=1)
    limit = counter.get_total_flops() / max(before, rate())
    ratio = benchmark.stats.stats.min / limit
    benchmark.extra_info |= {"ratio": ratio, "gflop_an_image": limit * before / BATCH / 1e9}
    assert ratio <= 1.6, ratio


@contextmanager
def a_busy_core() -> Iterator[None]:
    """Keep one core computing meanwhile, as another job on the machine does."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as job:
        try:
            yield
        finally:
            job.kill()


def test_a_run_beside_a_job_that_keeps_a_core_busy(
    tmp_path: Path, benchmark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a user runs it: with the workers and threads that the command chooses by itself."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    done: list[Path] = []

    def run() -> None:
        out = tmp_path / f"runs{len(done)}"
        done.append(out)
        subprocess.run([sys.executable, *COMMAND, "--out", str(out)], cwd=ROOT, check=True)

    quiet = fastest(run, rounds=1)
    with a_busy_core():
        benchmark.pedantic(run, rounds=1)
    ratio = benchmark.stats.stats.min / quiet
    benchmark.extra_info["ratio"] = ratio
    assert ratio <= 2.2, ratio
