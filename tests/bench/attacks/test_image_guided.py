"""Starting from noised images: its two ends, and what is left of an image in between."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.attacks import Found, Problem, _latents
from bench.attacks.image_guided import ImageGuided
from bench.models.generate import denoise, noise
from bench.models.midway import begun
from bench.types import Sampler


def searched(problem: Problem, strength: float) -> tuple[Tensor, int]:
    """Return the latents of all candidates, and the step they are of."""
    found = ImageGuided(strength).search(problem)
    starts = [each.start for each in found if each.start is not None]
    assert len(starts) == len(problem.prompts) and len({each.step for each in starts}) == 1
    return torch.cat([each.latents for each in starts]), starts[0].step


def lots(problem: Problem) -> Tensor:
    return noise(problem.erased.unet, [seed for seeds in problem.seeds for seed in seeds])


def test_nothing_is_left_of_the_image_at_full_strength(problem: Problem) -> None:
    latents, step = searched(problem, 1.0)
    assert step == 0 and torch.equal(latents, lots(problem))


def test_the_image_itself_comes_back_at_none(problem: Problem) -> None:
    latents, step = searched(problem, 0.0)
    images = _latents.clean(problem.erased, problem.examples)
    assert step == problem.sampler.steps and torch.equal(latents, images)
    sampler, texts = problem.sampler, ["a dog"] * 4
    drawn = denoise(begun(problem.erased, step), texts, latents, sampler, "latent")
    assert torch.equal(drawn, images)


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
def test_in_between_it_is_noised_to_where_drawing_goes_on(layout: str, problem: Problem) -> None:
    """x_t = alpha x_0 + sigma noise, whatever the model predicts."""
    from bench.models.tiny import build_tiny_pipe

    pipe = build_tiny_pipe(layout)  # type: ignore[arg-type]
    own = replace(problem, original=pipe, erased=pipe, sampler=Sampler(10, 4.0))
    latents, step = searched(own, 0.3)
    assert step == 7
    pipe.scheduler.set_timesteps(10)
    signal = pipe.scheduler.alphas_cumprod[pipe.scheduler.timesteps[7]]
    images = _latents.clean(pipe, problem.examples)
    wanted = signal**0.5 * images + (1 - signal) ** 0.5 * lots(own)
    torch.testing.assert_close(latents, wanted, rtol=1e-5, atol=1e-5)


def test_the_more_strength_the_less_is_left(problem: Problem) -> None:
    images = _latents.clean(problem.erased, problem.examples)
    own = replace(problem, sampler=Sampler(10, 4.0))
    left = []
    for strength in (0.0, 0.3, 0.6, 0.9):
        latents, _ = searched(own, strength)
        left.append(float(torch.cosine_similarity(latents.flatten(), images.flatten(), dim=0)))
    assert left == sorted(left, reverse=True) and left[0] > 0.999 and left[-1] < 0.5


def test_it_says_the_prompt_or_nothing(problem: Problem) -> None:
    def texts(found: list[Found]) -> list[str]:
        return [each.text for each in found]

    assert texts(ImageGuided().search(problem)) == [each.text for each in problem.prompts]
    assert texts(ImageGuided(said="neutral").search(problem)) == ["", ""]
