"""Noised latents, their errors and gradients, and the count of what is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from bench.attacks import Problem, _latents
from bench.models.meter import counted
from bench.models.prediction import Conditioning, condition
from bench.types import InputError


def noise_of(problem: Problem, pairs: int = 3) -> _latents.Noised:
    pipe = problem.original
    clean = _latents.clean(pipe, problem.images)
    times = _latents.spread(pipe, pairs, 0.4)
    return _latents.noised(pipe, clean, times, torch.Generator().manual_seed(0))


def test_latents_are_those_of_the_autoencoder(problem: Problem) -> None:
    clean = _latents.clean(problem.original, problem.images)
    assert clean.shape == (2, 8, 8, 8)
    assert (clean[0] - clean[1]).abs().amax() > 0


def test_times_are_spread_over_the_noisier_part(tiny_pipe: Any) -> None:
    assert _latents.spread(tiny_pipe, 3, 0.4) == [500, 700, 900]
    assert _latents.spread(tiny_pipe, 2, 0.0) == [250, 750]


def test_latents_are_noised_as_the_schedule_says(problem: Problem) -> None:
    noise = noise_of(problem)
    pipe = problem.original
    kept = pipe.scheduler.alphas_cumprod[noise.timesteps].view(-1, 1, 1, 1)
    clean = _latents.clean(pipe, problem.images).repeat_interleave(3, dim=0)
    wanted = kept.sqrt() * clean + (1 - kept).sqrt() * noise.truth
    torch.testing.assert_close(noise.latents, wanted)
    assert noise.timesteps.tolist() == [500, 700, 900, 500, 700, 900]


@pytest.mark.parametrize("chunk", [2, 100])
def test_gradients_do_not_depend_on_the_chunk_and_match_one_graph(
    problem: Problem, chunk: int
) -> None:
    noise = noise_of(problem)
    text = condition(problem.original, [p.text for p in problem.prompts])
    with _latents.frozen(problem.erased.unet) as unet:
        losses, gradient = _latents.descend(unet, noise, noise.truth, text, chunk)
        leaf = text.states.clone().requires_grad_(True)
        made = unet(noise.latents, noise.timesteps, leaf.repeat_interleave(3, dim=0))[0]
        errors = (made - noise.truth).square().mean((1, 2, 3)).view(2, 3).mean(1)
    torch.testing.assert_close(losses, errors)
    (wanted,) = torch.autograd.grad(errors.sum(), leaf)
    torch.testing.assert_close(gradient.states, wanted, rtol=1e-3, atol=1e-6)
    assert gradient.states.abs().amax() > 0


def test_a_step_against_the_gradient_lowers_the_loss(problem: Problem) -> None:
    noise = noise_of(problem)
    text = condition(problem.original, [p.text for p in problem.prompts])
    with _latents.frozen(problem.erased.unet) as unet:
        losses, gradient = _latents.descend(unet, noise, noise.truth, text, 10)
        along = gradient.states
        step = 1e-2 * along / along.flatten(1).norm(dim=1)[:, None, None]
        less, more = (Conditioning(text.states + sign * step) for sign in (-1, 1))
        lower, _ = _latents.descend(unet, noise, noise.truth, less, 10)
        higher, _ = _latents.descend(unet, noise, noise.truth, more, 10)
    assert (lower < losses).all()
    assert (higher > losses).all()


def test_a_frozen_unet_is_given_back_as_it_was(tiny_pipe: Any) -> None:
    before = [weight.requires_grad for weight in tiny_pipe.unet.parameters()]
    with _latents.frozen(tiny_pipe.unet) as unet:
        assert not any(weight.requires_grad for weight in unet.parameters())
    assert [weight.requires_grad for weight in tiny_pipe.unet.parameters()] == before
    assert any(before)


def test_every_latent_through_any_unet_is_counted(problem: Problem) -> None:
    noise = noise_of(problem)
    text = condition(problem.original, [p.text for p in problem.prompts])
    with counted() as spent:
        assert spent() == 0
        _latents.predict(problem.original.unet, noise, text, 4)
        assert spent() == 6
        problem.erased(["a cat"], num_inference_steps=2, guidance_scale=3.0, output_type="latent")
        assert spent() == 6 + 2 * 2
    _latents.predict(problem.original.unet, noise, text, 4)
    assert spent() == 10


def test_images_are_read_upright_and_a_damaged_one_is_named(
    problem: Problem, tmp_path: Path
) -> None:
    image, exif = Image.open(problem.images[0]), Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    made = _latents.clean(problem.original, [problem.images[0], tmp_path / "turned.png"])
    torch.testing.assert_close(made[0], made[1])
    (tmp_path / "cut.png").write_bytes(problem.images[0].read_bytes()[:60])
    with pytest.raises(InputError, match=r"cut\.png cannot be read as an image"):
        _latents.clean(problem.original, [tmp_path / "cut.png"])
