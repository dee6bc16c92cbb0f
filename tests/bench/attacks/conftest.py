"""A problem on the tiny pipeline: prompts for an airplane, pictures, and an edit that halves it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench import pipelines
from bench.attacks import Problem
from bench.types import Concept, Prompt

TEXTS = ("a photo of an airplane", "a red airplane in the desert")


@pytest.fixture
def erased(tiny_pipe: Any) -> Any:
    """The tiny pipeline with all that text gives halved."""
    unet = copy.deepcopy(tiny_pipe.unet)
    for weight in pipelines.cross_attention(unet).values():
        weight.data.mul_(0.5)
    return pipelines.with_unet(tiny_pipe, unet)


@pytest.fixture
def problem(tiny_pipe: Any, erased: Any, airplane: Concept, tmp_path: Path) -> Problem:
    rng = np.random.default_rng(0)
    pictures = []
    for number in range(len(TEXTS)):
        pictures.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(pictures[-1])
    prompts = tuple(
        Prompt(f"airplane-{number}", text, number, "target", "airplane")
        for number, text in enumerate(TEXTS)
    )
    return Problem(tiny_pipe, erased, airplane, prompts, tuple(pictures), seed=0)


@pytest.fixture
def without_erased(problem: Problem) -> Callable[[], Problem]:
    """The problem as a transfer attack gets it."""
    return lambda: replace(problem, erased=None)
