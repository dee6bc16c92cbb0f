"""One shared matrix against solving for each layer, on matrices of SD v1.4's shape."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from methods import _closed_form

pytestmark = pytest.mark.speed

DIM, POSITIONS, PROMPTS = 768, 70, 30
OUT = (320,) * 10 + (640,) * 10 + (1280,) * 12
"""Rows of the key and value matrices of the 16 cross-attention layers."""


@pytest.fixture(scope="module")
def weights() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(out, DIM, generator=generator) / DIM**0.5 for out in OUT]


def prompts(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (PROMPTS, POSITIONS, DIM)
    old = torch.randn(shape, generator=generator)
    return old, old + 0.3 * torch.randn(shape, generator=generator)


def shared(weights: list[torch.Tensor], count: int, per_concept: int = PROMPTS) -> Any:
    sums = _closed_form.Equations(DIM)
    for seed in range(count):
        old, new = prompts(seed)
        sums.move(old[:per_concept], new[:per_concept])
    sums.ridge(10.0)
    matrix = sums.matrix()
    return [_closed_form.apply(weight, matrix) for weight in weights]


def by_layer(weights: list[torch.Tensor], pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> Any:
    """The straightforward formulation: sums of outer products and an inverse for each layer."""
    edited = []
    for weight in weights:
        top = 10.0 * weight
        bottom = 10.0 * torch.eye(DIM)
        for old, new in pairs:
            for one, other in zip(old, new, strict=True):
                values = other @ weight.T
                top = top + (values[:, :, None] @ one[:, None, :]).sum(0)
                bottom = bottom + (one[:, :, None] @ one[:, None, :]).sum(0)
        edited.append(top @ torch.linalg.inv(bottom))
    return edited


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def test_one_concept_of_thirty_prompts(weights: list[torch.Tensor], benchmark: Any) -> None:
    slow, wanted = seconds(lambda: by_layer(weights, [prompts(0)]))
    got = benchmark.pedantic(lambda: shared(weights, 1), rounds=3, warmup_rounds=1)
    fast = benchmark.stats.stats.min
    benchmark.extra_info["ratio"] = slow / fast
    for one, other in zip(got, wanted, strict=True):
        assert (one - other).norm() / other.norm() < 1e-3
    assert slow / fast >= 30, slow / fast


def test_a_hundred_vectors(weights: list[torch.Tensor], benchmark: Any) -> None:
    """UCE with a hundred concepts: one vector each."""
    old, new = (rows.reshape(-1, DIM)[:100] for rows in prompts(0))
    pairs = [(old[:, None], new[:, None])]
    slow, _ = seconds(lambda: by_layer(weights, pairs))

    def ours() -> Any:
        sums = _closed_form.Equations(DIM)
        sums.move(old, new)
        sums.ridge(0.5)
        matrix = sums.matrix()
        return [_closed_form.apply(weight, matrix) for weight in weights]

    benchmark.pedantic(ours, rounds=3, warmup_rounds=1)
    ratio = slow / benchmark.stats.stats.min
    benchmark.extra_info["ratio"] = ratio
    assert ratio >= 8, ratio


def test_a_hundred_concepts(weights: list[torch.Tensor], benchmark: Any) -> None:
    """The straightforward formulation is linear in the concepts, so one of them tells enough."""
    slow, _ = seconds(lambda: by_layer(weights, [prompts(0)]))
    benchmark.pedantic(lambda: shared(weights, 100), rounds=1)
    ratio = 100 * slow / benchmark.stats.stats.min
    benchmark.extra_info["ratio"] = ratio
    assert ratio >= 30, ratio


def test_a_hundred_concepts_need_little_memory(benchmark: Any) -> None:
    """Peak memory in a process of its own, beyond what the weights and one concept need."""
    code = (
        "import re, sys\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import torch, test_closed_form_speed as speed\n"
        "weights = [torch.randn(out, speed.DIM) for out in speed.OUT]\n"
        "self = Path('/proc/self')\n"
        "def now(name):\n"
        "    found = re.search(name + r':\\s+(\\d+)', (self / 'status').read_text())\n"
        "    return int(found[1])\n"
        # Linux: 5 makes the peak start again from what is resident now.
        "(self / 'clear_refs').write_text('5'); start = now('VmRSS')\n"
        "speed.shared(weights, 100); print((now('VmHWM') - start) / 1024)\n"
    )

    def megabytes() -> float:
        words = [sys.executable, "-c", code]
        return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    extra = benchmark.pedantic(megabytes, rounds=1)
    benchmark.extra_info["extra_megabytes"] = extra
    assert extra < 300
