"""How many U-Net evaluations ESD's pool of trajectories saves, against one trajectory a step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.models import prediction
from bench.types import Concept
from methods.esd import Esd

pytestmark = pytest.mark.speed


def test_the_pool_needs_a_fifth_of_the_evaluations(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch, benchmark: Any
) -> None:
    """With the defaults of the 2025 code: 200 steps, trajectories of 50."""
    predict, seen = prediction.predict, [0]

    def counted(unet: Any, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen[0] += len(x)
        return predict(unet, x, *rest)

    monkeypatch.setattr(prediction, "predict", counted)

    def evaluations(**options: Any) -> int:
        seen[0] = 0
        Esd(convention="code2025", **options).erase(tiny_pipe, [airplane], seed=0)
        return seen[0]

    pooled = benchmark.pedantic(evaluations, rounds=1)
    ratio = evaluations(pool=1) / pooled
    benchmark.extra_info["ratio"] = ratio
    assert ratio >= 5, ratio
