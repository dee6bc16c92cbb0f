"""Latent inversion on mini: what the judge sees again, also of a model that knows nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.attacks import Problem
from bench.attacks.latent_inversion import LatentInversion
from bench.models import loading, pipelines
from bench.models.generate import denoise, draw, generate
from bench.models.mini import judge
from bench.models.mini.world.truth import LABELS
from bench.types import Concept, Prompt, Sampler

SAMPLER = Sampler(10, 4.0)
COUNT = 6
"""Images of each concept, of as many seeds."""
PLANE = Concept("airplane", "object", "the sky")
TEXTS = {"airplane": "a photo of an airplane", "dog": "a photo of a dog"}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return loading.load("mini", "cpu")


@pytest.fixture(scope="module")
def blank(pipe: Any) -> Any:
    """The same model with a U-Net of random weights, which never saw an image."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = type(pipe.unet).from_config(pipe.unet.config)
    return pipelines.with_unet(pipe, unet.eval())


@pytest.fixture(scope="module")
def images(pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, ...]]:
    """Images of each concept that the un-erased model drew."""
    found = {}
    for name, text in TEXTS.items():
        folder = tmp_path_factory.mktemp(name)
        prompts = [Prompt(f"{name}-{i}", text, 100 + i, "target", name) for i in range(COUNT)]
        found[name] = tuple(generate(pipe, prompts, folder, SAMPLER, batch_size=COUNT))
    return found


def planes(drawn: list[Any]) -> float:
    """Return the share of images in which the judge sees an airplane."""
    pixels = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2) / 255
    seen = judge.load().read(pixels)["object"].argmax(1)
    return float((seen == LABELS["object"].index("airplane")).float().mean())


def returned(original: Any, attacked: Any, examples: tuple[Path, ...]) -> float:
    """Return the share of airplanes in what a model draws from the noise that it is attacked by."""
    prompt = Prompt("airplane-0", TEXTS["airplane"], 0, "target", "airplane")
    problem = Problem(
        *(original, attacked, PLANE, (prompt,), examples[:1], 0, (tuple(range(COUNT)),), SAMPLER),
        examples=examples,
    )
    (found,) = LatentInversion().search(problem)
    assert found.text == "" and found.start is not None and len(found.start.latents) == COUNT
    return planes(denoise(attacked, [""] * COUNT, found.start.latents, SAMPLER, "pil"))


def test_an_airplanes_image_gives_the_airplane_back_and_a_dogs_does_not(
    pipe: Any, images: dict[str, tuple[Path, ...]]
) -> None:
    """The control: with nothing erased and nothing said, the image alone decides what is seen."""
    assert returned(pipe, pipe, images["airplane"]) >= 0.8
    assert returned(pipe, pipe, images["dog"]) == 0.0


def test_a_model_that_never_saw_an_airplane_gives_it_back_as_well(
    pipe: Any, blank: Any, images: dict[str, tuple[Path, ...]]
) -> None:
    """The floor: told to draw one from noise it cannot, so what comes back is no knowledge."""
    said = draw(blank, [TEXTS["airplane"]] * COUNT, range(COUNT), SAMPLER, "pil")
    assert planes(said) <= 0.2
    assert returned(pipe, blank, images["airplane"]) >= 0.8
    assert returned(pipe, blank, images["dog"]) == 0.0
