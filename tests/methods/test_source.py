"""Where training takes noisy latents from: counts, ages and timesteps of trajectories."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from bench.models import meter, prediction
from methods import _noise
from methods._source import Source

TEXTS = ("a bird", "a dog", "a ship")


def source(pipe: Any, texts: tuple[str, ...] = TEXTS, **changes: Any) -> Source:
    options = {"pool": 2, "refresh": 2, "steps": 4, "guidance": 3.0, "buckets": False} | changes
    return Source(
        pipe,
        prediction.condition(pipe, list(texts)),
        prediction.unconditional(pipe),
        torch.Generator().manual_seed(0),
        **options,
    )


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[_noise.Pool]:
    """What was denoised, in order."""
    found: list[_noise.Pool] = []
    run = _noise.trajectories

    def kept(*given: Any, **more: Any) -> _noise.Pool:
        found.append(run(*given, **more))
        return found[-1]

    monkeypatch.setattr(_noise, "trajectories", kept)
    return found


def test_a_pool_has_a_trajectory_for_each_prompt_at_least(
    tiny_pipe: Any, made: list[_noise.Pool]
) -> None:
    source(tiny_pipe).draw(0)
    source(tiny_pipe, pool=5).draw(0)
    assert [each.prompts for each in made] == [(0, 1, 2), (0, 1, 2, 0, 1)]


@pytest.mark.parametrize(("refresh", "pools"), [(0, 1), (1, 6), (2, 3), (6, 1)])
def test_a_pool_is_denoised_anew_when_it_is_due(
    tiny_pipe: Any, made: list[_noise.Pool], refresh: int, pools: int
) -> None:
    latents = source(tiny_pipe, refresh=refresh)
    for step in range(6):
        draw = latents.draw(step, 3)
        held = made[-1].latents.flatten(0, 1)
        assert all(any(torch.equal(each, one) for one in held) for each in draw.latents)
    assert len(made) == pools


def test_a_fresh_trajectory_ends_at_the_step_that_is_drawn(
    tiny_pipe: Any, made: list[_noise.Pool]
) -> None:
    """No step is denoised that no latent needs, and every prompt and step has its turn."""
    latents, seen = source(tiny_pipe, pool=1), set()
    with meter.counted() as spent:
        for step in range(40):
            draw = latents.draw(step, 2)
            for path, x, t in zip(made[-2:], draw.latents, draw.timesteps, strict=True):
                stop = path.scheduler.timesteps.tolist().index(int(t))
                assert len(path.latents) == stop and torch.equal(path.final[0], x)
                seen.add(stop)
        assert spent() == 2 * sum(len(path.latents) for path in made)
    assert seen == set(range(4)) and len(made) == 80


def test_a_fresh_trajectory_is_for_the_prompt_that_is_said(
    tiny_pipe: Any, made: list[_noise.Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    run = _noise.trajectories

    def heard(pipe: Any, rows: Any, *given: Any, **more: Any) -> _noise.Pool:
        told.append(rows.states)
        return run(pipe, rows, *given, **more)

    monkeypatch.setattr(_noise, "trajectories", heard)
    latents = source(tiny_pipe, pool=1)
    which = [prompt for step in range(12) for prompt in latents.draw(step).prompts]
    states = prediction.condition(tiny_pipe, list(TEXTS)).states
    assert set(which) == {0, 1, 2}
    assert all(torch.equal(rows[0], states[i]) for rows, i in zip(told, which, strict=True))


@pytest.mark.parametrize("pool", [1, 3])
def test_timesteps_are_the_grids_or_anywhere_in_their_bucket(tiny_pipe: Any, pool: int) -> None:
    own, spread = (
        [int(t) for step in range(30) for t in latents.draw(step).timesteps]
        for latents in (source(tiny_pipe, pool=pool, buckets=each) for each in (False, True))
    )
    grid = _noise.ddim(tiny_pipe, 4).timesteps.tolist()
    assert set(own) == set(grid)
    assert len(set(spread)) > 20 and {t // 250 for t in spread} == {0, 1, 2, 3}


def test_a_pool_ages_and_a_fresh_trajectory_does_not(
    tiny_pipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What denoises is the U-Net that the pipeline has when it is asked."""
    seen: list[Any] = []
    predict = prediction.predict

    def heard(unet: Any, *given: Any) -> torch.Tensor:
        seen.append(unet)
        return predict(unet, *given)

    monkeypatch.setattr(prediction, "predict", heard)
    other = copy.deepcopy(tiny_pipe.unet)
    for refresh, asked in ((0, []), (1, [other])):
        pipe = copy.copy(tiny_pipe)
        latents = source(pipe, refresh=refresh)
        latents.draw(0)
        pipe.unet = other
        seen.clear()
        latents.draw(1)
        assert list(dict.fromkeys(seen)) == asked
