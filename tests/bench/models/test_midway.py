"""Drawing that begins at a later step, on the tiny pipelines."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models.generate import denoise, noise
from bench.models.meter import counted
from bench.models.midway import begun
from bench.models.steering import Predict, Rows, steered
from bench.models.tiny import Layout, build_tiny_pipe
from bench.types import Sampler

SAMPLER = Sampler(5, 4.0)
TEXTS = ["a photo of an airplane", ""]


def drawn(pipe: Any, latents: Tensor) -> Tensor:
    made: Tensor = denoise(pipe, TEXTS, latents, SAMPLER, "latent")
    return made


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
def test_the_rest_of_a_drawing_ends_as_the_whole(layout: Layout) -> None:
    pipe = build_tiny_pipe(layout)
    halfway: list[Tensor] = []

    def keep(pipe: Any, step: int, time: Any, values: dict[str, Tensor]) -> dict[str, Tensor]:
        halfway.append(values["latents"])
        return values

    whole = pipe(
        TEXTS,
        num_inference_steps=SAMPLER.steps,
        guidance_scale=SAMPLER.guidance,
        latents=noise(pipe.unet, (0, 1)),
        output_type="latent",
        callback_on_step_end=keep,
    ).images
    for step in range(SAMPLER.steps + 1):
        start = halfway[step - 1] if step else noise(pipe.unet, (0, 1))
        with counted() as spent:
            rest = drawn(begun(pipe, step), start)
        assert spent() == 2 * len(TEXTS) * (SAMPLER.steps - step)
        torch.testing.assert_close(rest, whole, rtol=0, atol=1e-5)
    # What it was made from draws from the beginning.
    torch.testing.assert_close(drawn(pipe, noise(pipe.unet, (0, 1))), whole, rtol=0, atol=1e-5)


def test_what_acts_while_drawing_finds_its_step_by_the_whole_grid(tiny_pipe: Any) -> None:
    """As an eraser does that holds the scheduler of the pipeline it was given."""
    seen: list[int] = []

    def guide(predict: Predict, rows: Rows) -> Tensor:
        seen.append(int((tiny_pipe.scheduler.timesteps > rows.timesteps[0]).sum()))
        return predict(rows)

    tiny_pipe.scheduler.set_timesteps(3)
    drawn(begun(steered(tiny_pipe, guide), 2), noise(tiny_pipe.unet, (0, 1)))
    assert seen == [2, 3, 4]
