"""A problem on the tiny pipeline: prompts for an airplane, images, an erasure that halves it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.attacks import Oracle, Problem
from bench.models import pipelines
from bench.types import Concept, Prompt, Sampler

TEXTS = ("a photo of an airplane", "a red airplane in the desert")
SEEDS = ((0, 10), (1, 11))
"""Of each prompt's two candidates."""
EXAMPLES = 4
"""Images drawn apart, one a candidate."""
SAMPLER = Sampler(4, 4.0)


@dataclass
class Scripted(Oracle):
    """Sees what it is told to see, and remembers what it was asked."""

    shown: Callable[[Prompt, int], bool] = lambda prompt, look: False
    """Whether a prompt's image shows the concept at the n-th look."""
    alike: Callable[[Prompt, int], float] = lambda prompt, look: 0.0
    """How much it is like the un-erased model's."""
    looks: list[list[Prompt]] = field(default_factory=list)

    def shows(self, prompts: Sequence[Prompt]) -> list[bool]:
        self.looks.append(list(prompts))
        return [self.shown(prompt, len(self.looks) - 1) for prompt in prompts]

    def likeness(self, prompts: Sequence[Prompt]) -> list[float]:
        self.looks.append(list(prompts))
        return [self.alike(prompt, len(self.looks) - 1) for prompt in prompts]

    @property
    def drawn(self) -> int:
        return sum(len(look) for look in self.looks)


@pytest.fixture
def erased(tiny_pipe: Any) -> Any:
    """The tiny pipeline with all that text gives halved."""
    unet = copy.deepcopy(tiny_pipe.unet)
    for weight in pipelines.cross_attention(unet).values():
        weight.data.mul_(0.5)
    return pipelines.with_unet(tiny_pipe, unet)


@pytest.fixture
def oracle() -> Scripted:
    """An oracle that sees nothing unless it is told to."""
    return Scripted()


@pytest.fixture
def problem(
    tiny_pipe: Any, erased: Any, oracle: Scripted, airplane: Concept, tmp_path: Path
) -> Problem:
    rng = np.random.default_rng(0)
    images = []
    for number in range(len(TEXTS) + EXAMPLES):
        images.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(images[-1])
    prompts = tuple(
        Prompt(f"airplane-{number}", text, number, "target", "airplane")
        for number, text in enumerate(TEXTS)
    )
    own, apart = tuple(images[: len(TEXTS)]), tuple(images[len(TEXTS) :])
    models = tiny_pipe, erased, airplane
    return Problem(*models, prompts, own, 0, SEEDS, SAMPLER, examples=apart, oracle=oracle)


@pytest.fixture
def without_erased(problem: Problem) -> Callable[[], Problem]:
    """The problem as a transfer attack gets it."""
    return lambda: replace(problem, erased=None, oracle=None)
