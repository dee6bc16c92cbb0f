"""What the shipped weights draw; the erasures of other tests would mean nothing without it."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.models import loading, pipelines
from bench.models.mini import judge
from bench.models.mini.world.truth import LABELS

N = 24


def seen(pipe, text, head="object"):
    """Return what the judge sees in N images of a text."""
    with torch.inference_mode():
        images = pipe(
            [text] * N,
            num_inference_steps=10,
            guidance_scale=4.0,
            generator=[torch.Generator().manual_seed(i) for i in range(N)],
            output_type="pt",
        ).images
    return [LABELS[head][int(i)] for i in judge.load().read(images)[head].argmax(1)]


@pytest.fixture(scope="module")
def pipe():
    return loading.load("mini", "cpu")


def test_it_draws_what_is_asked_and_nothing_when_it_cannot_read(pipe):
    drawn = seen(pipe, "a photo of the truck").count("truck")
    deaf = copy.copy(pipe)
    deaf.unet = copy.deepcopy(pipe.unet)
    for weight in pipelines.cross_attention(deaf.unet).values():
        weight.data.zero_()
    undrawn = seen(deaf, "a photo of the truck").count("truck")
    assert drawn >= 0.6 * N
    assert undrawn <= 0.3 * N


def test_it_draws_people_and_styles(pipe):
    assert seen(pipe, "a photo of Abraham Lincoln", "person").count("Abraham Lincoln") >= 0.8 * N
    assert seen(pipe, "a dog in blueprint style", "style").count("blueprint") >= 0.8 * N


def test_an_empty_scene_is_empty(pipe):
    assert seen(pipe, "an empty airport").count("none") >= 0.6 * N
