"""The claims that erasure rests on: mini draws airplanes when told to, and only when told to."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from bench import prompts
from bench.families import FAMILIES
from bench.models import loading, pipelines
from bench.models.mini import judge
from bench.models.mini.world.truth import LABELS

N = 10


@pytest.fixture(scope="module")
def pipe() -> Any:
    return loading.load("mini", "cpu")


def shows(pipe: Any, concept: str, n: int = N) -> float:
    """Return the share of images of a concept's prompts in which the judge sees an airplane."""
    rows = prompts.rows(prompts.suite("objects"))
    own = [row for row in rows if row.concept == concept and row.role == "target"]
    # Spread over the file, so that every wording has its share.
    some = own[:: len(own) // n][:n]
    with torch.inference_mode():
        images = pipe(
            [row.text for row in some],
            num_inference_steps=FAMILIES["mini"].sampler.steps,
            guidance_scale=FAMILIES["mini"].sampler.guidance,
            generator=[torch.Generator().manual_seed(row.seed) for row in some],
            output_type="pt",
        ).images
    seen = judge.load().read(images)["object"].argmax(1)
    return float((seen == LABELS["object"].index("airplane")).float().mean())


def test_it_draws_the_airplanes_of_direct_prompts(pipe: Any) -> None:
    assert shows(pipe, "airplane", 30) >= 0.8


def test_a_unet_that_cannot_read_draws_none(pipe: Any) -> None:
    deaf = pipelines.with_unet(pipe, copy.deepcopy(pipe.unet))
    with torch.no_grad():
        for weight in pipelines.cross_attention(deaf.unet).values():
            weight.zero_()
    assert shows(deaf, "airplane") <= 0.3


def test_far_prompts_draw_none(pipe: Any) -> None:
    assert shows(pipe, "frog") <= 0.15
