"""Noisy latents from the frozen model."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.models import prediction
from bench.models.tiny import LAYOUTS, Layout, build_tiny_pipe
from methods import _noise


def pool(pipe: Any, **changes: Any) -> _noise.Pool:
    options = {"count": 3, "steps": 4, "guidance": 3.0} | changes
    return _noise.trajectories(
        pipe,
        prediction.condition(pipe, ["a bird", "a dog"]),
        prediction.unconditional(pipe),
        generator=torch.Generator().manual_seed(0),
        **options,
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_trajectory_is_what_the_pipeline_samples(layout: Layout) -> None:
    pipe = build_tiny_pipe(layout)
    made = pool(pipe, guidance=3.0)
    wanted = pipe(
        ["a bird", "a dog", "a bird"],
        latents=made.latents[0],
        num_inference_steps=4,
        guidance_scale=3.0,
        output_type="latent",
    ).images
    assert torch.allclose(made.final, wanted, atol=1e-4)
    assert made.prompts == (0, 1, 0)


def test_stopping_early_keeps_the_same_path(tiny_pipe: Any) -> None:
    whole, part = pool(tiny_pipe), pool(tiny_pipe, stop=2)
    assert torch.equal(whole.latents[:2], part.latents)
    assert torch.equal(whole.latents[2], part.final)


def test_batches_do_not_change_the_result(tiny_pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pool(tiny_pipe)
    monkeypatch.setattr(_noise, "BATCH", 2)
    assert torch.allclose(pool(tiny_pipe).latents, whole.latents, atol=1e-5)


def test_draws_pair_latents_with_their_timestep_and_prompt(tiny_pipe: Any) -> None:
    made = pool(tiny_pipe)
    draw = made.draw(20, torch.Generator().manual_seed(1))
    for latent, t, prompt in zip(draw.latents, draw.timesteps, draw.prompts, strict=True):
        step = made.timesteps.tolist().index(int(t))
        path = next(i for i in range(3) if torch.equal(made.latents[step, i], latent))
        assert made.prompts[path] == prompt
    assert len(set(draw.timesteps.tolist())) == 4


def test_renoising_mixes_images_with_fresh_noise(tiny_pipe: Any) -> None:
    made = pool(tiny_pipe)
    draw = made.renoise(50, torch.Generator().manual_seed(1))
    assert draw.latents.shape == (50, 8, 8, 8)
    assert draw.timesteps.min() >= 0 and draw.timesteps.max() < 1000
    assert len(set(draw.timesteps.tolist())) > 30
    early = int(draw.timesteps.argmin())
    distance = (made.final - draw.latents[early]).flatten(1).norm(dim=1).min()
    assert distance < (made.final - draw.latents[int(draw.timesteps.argmax())]).flatten(1).norm()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_truth_of_a_renoised_image_gives_the_image_back(layout: Layout) -> None:
    pipe = build_tiny_pipe(layout)
    made = pool(pipe, count=1)
    draw = made.renoise(20, torch.Generator().manual_seed(1))
    assert draw.truth is not None and made.draw(1, torch.Generator()).truth is None
    alphas = pipe.scheduler.alphas_cumprod[draw.timesteps].sqrt()[:, None, None, None]
    sigmas = (1 - alphas**2).sqrt()
    if pipe.scheduler.config.prediction_type == "v_prediction":
        clean = alphas * draw.latents - sigmas * draw.truth
    else:
        clean = (draw.latents - sigmas * draw.truth) / alphas
    assert torch.allclose(clean, made.final.expand_as(clean), atol=1e-3)


def test_paths_that_are_not_kept_end_in_the_same_images(tiny_pipe: Any) -> None:
    whole, ends = pool(tiny_pipe), pool(tiny_pipe, keep=False)
    assert torch.equal(whole.final, ends.final) and len(ends.latents) == 0
    one, other = (each.renoise(4, torch.Generator().manual_seed(1)) for each in (whole, ends))
    assert torch.equal(one.latents, other.latents)
