"""What attacks share that draw from images of the concept: latents to start from, and what is said.

Each candidate has an image of its own, which the un-erased model drew for another text and seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from bench.attacks import Found, Problem, Start
from bench.attacks._latents import clean

Said = Literal["neutral", "original"]
"""What is said when drawing: nothing, or the prompt as it is."""


def images(problem: Problem) -> Tensor:
    """Return the latents of the images of the concept, fp32 (images, channels, height, width)."""
    return clean(problem.erased, problem.examples)


def found(problem: Problem, said: Said, latents: Tensor, step: int = 0) -> list[Found]:
    """Return latents to start from as what was found, prompt by prompt.

    Args:
        problem: The prompts, and the seeds of their candidates.
        said: What each is drawn with.
        latents: One a candidate, (candidates of all prompts, channels, height, width).
        step: How many of the sampler's steps they have behind them.
    """
    parts = torch.split(latents.cpu(), [len(seeds) for seeds in problem.seeds])
    texts: Mapping[Said, list[str]] = {
        "neutral": [""] * len(problem.prompts),
        "original": [prompt.text for prompt in problem.prompts],
    }
    return [
        Found(text, start=Start(own, step)) for text, own in zip(texts[said], parts, strict=True)
    ]
