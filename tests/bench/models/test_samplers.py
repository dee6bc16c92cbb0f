from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from bench.drawing import DDIM, SCHEDULERS
from bench.models import samplers
from bench.models.generate import draw
from bench.models.tiny import Layout, build_tiny_pipe
from bench.types import Sampler

STEPS = 5


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("layout", ["sd1", "sd2"])
def test_a_seed_decides_the_image_of_every_scheduler(name: str, layout: Layout) -> None:
    pipe = build_tiny_pipe(layout)
    before = pipe.scheduler
    found = [
        draw(samplers.sampled(pipe, name), ["a cat"], [3], Sampler(STEPS, 4.0, name), "latent")
        for _ in range(2)
    ]
    torch.manual_seed(1)
    assert torch.equal(*found) and torch.isfinite(found[0]).all()
    usual = draw(pipe, ["a cat"], [3], Sampler(STEPS, 4.0), "latent")
    assert torch.equal(found[0], usual) == (name == DDIM)
    assert pipe.scheduler is before


@pytest.mark.parametrize(
    "odd",
    [
        {"timestep_spacing": "trailing"},
        {"steps_offset": 0},
        {"set_alpha_to_one": True},
        {"clip_sample": True},
        {"thresholding": True},
    ],
)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_grid_is_the_protocols_whatever_a_folder_says(
    tiny_pipe: Any, odd: dict[str, Any], name: str
) -> None:
    own = tiny_pipe.scheduler.config
    usual, other = (samplers.scheduler(config, name) for config in (own, {**own, **odd}))
    for each in (usual, other):
        each.set_timesteps(STEPS)
    assert torch.equal(usual.timesteps, other.timesteps)
    kept = [key for key in samplers.GRID if key in usual.config]
    assert all(usual.config[key] == other.config[key] == samplers.GRID[key] for key in kept)


def test_betas_and_prediction_are_the_models_own() -> None:
    config = {
        **build_tiny_pipe("sd2").scheduler.config,
        "beta_end": 0.02,
        "beta_schedule": "linear",
    }
    for name in SCHEDULERS:
        made = samplers.scheduler(config, name)
        assert made.config["prediction_type"] == "v_prediction"
        assert torch.allclose(
            made.alphas_cumprod.float(), DDIMScheduler.from_config(config).alphas_cumprod, atol=1e-6
        )
