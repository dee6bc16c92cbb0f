"""DDIM run backwards: against the library's, in closed form, and back again by drawing."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.attacks import Problem, _latents
from bench.attacks._ddim import inverted
from bench.attacks.latent_inversion import LatentInversion
from bench.models import pipelines
from bench.models.generate import denoise, noise
from bench.models.prediction import condition, unconditional
from bench.models.tiny import Layout, build_tiny_pipe
from bench.types import Concept, Sampler
from methods.negative_prompt import NegativePrompt

SAMPLER = Sampler(10, 4.0)


def backwards(pipe: Any, clean: Tensor, rounds: int = 1, sampler: Sampler = SAMPLER) -> Tensor:
    text, empty = condition(pipe, [""]), unconditional(pipe)
    return inverted(pipe, clean, text, empty, sampler, rounds=rounds, chunk=3)


def forwards(pipe: Any, latents: Tensor, sampler: Sampler = SAMPLER) -> Tensor:
    made: Tensor = denoise(pipe, [""] * len(latents), latents, sampler, "latent")
    return made


def calm(pipe: Any, factor: float = 0.1) -> Any:
    """Return the pipeline with a part of what it predicts, since random weights are no smooth
    model: with all of it the rounds of a step would not converge."""
    unet = copy.deepcopy(pipe.unet)
    for weight in unet.conv_out.parameters():
        weight.data.mul_(factor)
    return pipelines.with_unet(pipe, unet)


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.fixture
def clean(tiny_pipe: Any) -> Tensor:
    """Four latents: more than one chunk, the last of them smaller."""
    return noise(tiny_pipe.unet, range(4))


class Linear(torch.nn.Module):
    """Predicts a number times what it is given, and knows of no text."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, latents: Tensor, time: Tensor, text: Tensor, **more: Any) -> tuple[Tensor]:
        return (self.factor.detach() * latents,)


def linear(pipe: Any, factor: float) -> Any:
    """Return what an inversion needs of a pipeline, with a linear U-Net."""
    return SimpleNamespace(unet=Linear(factor), scheduler=copy.deepcopy(pipe.scheduler))


@pytest.mark.parametrize("layout", ["sd1", "sd2"])
@pytest.mark.parametrize("factor", [0.0, 0.3])
def test_a_linear_model_is_inverted_as_in_closed_form(
    layout: Layout, factor: float, clean: Tensor
) -> None:
    """Each step of DDIM multiplies by a number then, so inverting divides by all of them."""
    pipe = build_tiny_pipe(layout)
    model, text = linear(pipe, factor), condition(pipe, [""])
    scheduler = copy.deepcopy(pipe.scheduler)
    scheduler.set_timesteps(SAMPLER.steps)
    product = torch.ones(1)
    for time in scheduler.timesteps:
        product = scheduler.step(factor * product, time, product).prev_sample
    found = inverted(model, clean, text, text, SAMPLER, rounds=60)
    torch.testing.assert_close(found, clean / product, rtol=1e-3, atol=1e-4)


def test_one_round_is_the_librarys_ddim_inversion(tiny_pipe: Any, clean: Tensor) -> None:
    from diffusers import DDIMInverseScheduler

    scheduler = DDIMInverseScheduler.from_config(tiny_pipe.scheduler.config)
    scheduler.set_timesteps(SAMPLER.steps)
    wanted, text = clean, condition(tiny_pipe, [""] * 4).states
    with torch.no_grad():
        for time in scheduler.timesteps:
            made = tiny_pipe.unet(wanted, time, text).sample
            wanted = scheduler.step(made, time, wanted).prev_sample
    torch.testing.assert_close(backwards(tiny_pipe, clean), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
def test_drawing_from_what_is_inverted_leads_back(
    layout: Layout, guidance: float, clean: Tensor
) -> None:
    """The more exactly the more rounds; from any other noise it leads elsewhere."""
    pipe, sampler = calm(build_tiny_pipe(layout)), Sampler(10, guidance)
    errors = [
        distance(forwards(pipe, backwards(pipe, clean, rounds, sampler), sampler), clean)
        for rounds in (1, 2, 12)
    ]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.01
    assert distance(forwards(pipe, noise(pipe.unet, range(5, 9)), sampler), clean) > 0.5


def test_the_same_model_is_inverted_the_same_whichever_it_predicts(
    tiny_pipe: Any, clean: Tensor
) -> None:
    """A U-Net that predicts the noise, rewritten to predict the velocity of it."""
    signals = tiny_pipe.scheduler.alphas_cumprod

    class Velocity(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny_pipe.unet

        def forward(self, latents: Tensor, time: Tensor, text: Tensor) -> tuple[Tensor]:
            made, signal = self.inner(latents, time, text)[0], signals[time]
            return ((made - (1 - signal) ** 0.5 * latents) / signal**0.5,)

    other = SimpleNamespace(unet=Velocity(), scheduler=build_tiny_pipe("sd2").scheduler)
    assert other.scheduler.config.prediction_type == "v_prediction"
    text = condition(tiny_pipe, [""])
    for rounds in (1, 3):
        found = inverted(other, clean, text, text, SAMPLER, rounds=rounds)
        wanted = backwards(tiny_pipe, clean, rounds)
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_a_model_that_knows_nothing_gives_every_image_back(tiny_pipe: Any, clean: Tensor) -> None:
    """Why a success alone says nothing of what a model knows: this one predicts no noise at all."""
    model, text = linear(tiny_pipe, 0.0), condition(tiny_pipe, [""])
    latents = inverted(model, clean, text, text, SAMPLER)
    for time in model.scheduler.timesteps:
        latents = model.scheduler.step(torch.zeros_like(latents), time, latents).prev_sample
    assert distance(latents, clean) < 1e-4


def test_it_inverts_its_own_images_through_the_erased_model(problem: Problem) -> None:
    """One for each candidate; drawing from what is found with the erased model leads back there."""
    # The latents of random images are small, and the U-Net's norms make much of them.
    models = {"original": calm(problem.original, 0.01), "erased": calm(problem.erased, 0.01)}
    problem = replace(problem, **models)
    attack = LatentInversion(rounds=12)
    found = attack.search(problem)
    assert [each.text for each in found] == ["", ""]
    latents = [each.start.latents for each in found if each.start is not None]
    assert [each.shape for each in latents] == [(2, 8, 8, 8)] * 2
    images = _latents.clean(problem.erased, problem.examples)
    back = forwards(problem.erased, torch.cat(latents), problem.sampler)
    assert distance(back, images) < 0.01
    assert distance(forwards(problem.original, torch.cat(latents), problem.sampler), images) > 0.01
    spoken = replace(attack, said="original").search(problem)
    assert [each.text for each in spoken] == [prompt.text for prompt in problem.prompts]
    others = [each.start.latents for each in spoken if each.start is not None]
    assert all(torch.equal(one, other) for one, other in zip(latents, others, strict=True))


def test_what_acts_in_guidance_alone_is_inverted_through(
    problem: Problem, airplane: Concept
) -> None:
    """As it acts when drawing: through the guard the images come back, without it they do not."""
    pipe = calm(problem.original, 0.01)
    guarded = NegativePrompt().erase(pipe, [airplane], seed=0)
    found, plain = (
        LatentInversion(rounds=30).search(replace(problem, original=pipe, erased=erased))[0]
        for erased in (guarded, pipe)
    )
    images = _latents.clean(guarded, problem.examples[:2])
    assert found.start is not None and plain.start is not None
    assert distance(forwards(guarded, found.start.latents, problem.sampler), images) < 0.05
    assert distance(forwards(guarded, plain.start.latents, problem.sampler), images) > 0.05
