"""Guidance from the concept, checked against guidance by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import meter
from bench.models.generate import draw, noise
from bench.types import Concept, InputError, Sampler
from methods.negative_prompt import NegativePrompt

SAMPLER = Sampler(4, 4.0)
TEXTS = ("a photo of an airplane", "a dog in the snow")


def drawn(pipe: Any, texts: tuple[str, ...] = TEXTS) -> Tensor:
    made: Tensor = draw(pipe, texts, range(len(texts)), SAMPLER, "latent")
    return made


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_it_is_the_negative_prompt_of_the_pipelines_own_call(
    layout: str, request: pytest.FixtureRequest, airplane: Concept, bird: Concept
) -> None:
    pipe = request.getfixturevalue(layout)
    erased = NegativePrompt().erase(pipe, [airplane, bird], seed=0)
    wanted = pipe(
        list(TEXTS),
        negative_prompt=["airplane, bird"] * 2,
        num_inference_steps=SAMPLER.steps,
        guidance_scale=SAMPLER.guidance,
        latents=noise(pipe.unet, range(2)),
        output_type="latent",
    ).images
    with meter.counted() as spent:
        found = drawn(erased)
    assert spent() == 2 * len(TEXTS) * SAMPLER.steps
    assert torch.allclose(found, wanted, atol=1e-3)
    assert (found - drawn(pipe)).abs().max() > 0.1


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_an_empty_prompt_is_led_away_from_the_concept_too(
    layout: str, request: pytest.FixtureRequest, airplane: Concept
) -> None:
    """It is no empty text that guidance starts from, and must not be read as the concept."""
    pipe = request.getfixturevalue(layout)
    wanted = pipe(
        ["", TEXTS[1]],
        negative_prompt=["airplane"] * 2,
        num_inference_steps=SAMPLER.steps,
        guidance_scale=SAMPLER.guidance,
        latents=noise(pipe.unet, range(2)),
        output_type="latent",
    ).images
    erased = NegativePrompt().erase(pipe, [airplane], seed=0)
    assert torch.allclose(drawn(erased, ("", TEXTS[1])), wanted, atol=1e-3)


def test_an_empty_one_is_the_un_erased_model(tiny_pipe: Any, airplane: Concept) -> None:
    erased = NegativePrompt(text="").erase(tiny_pipe, [airplane], seed=0)
    assert torch.equal(drawn(erased), drawn(tiny_pipe))


def test_a_text_that_is_cut_is_refused(tiny_pipe: Any, airplane: Concept) -> None:
    with pytest.raises(InputError, match="has 40 tokens; the encoder reads 30"):
        NegativePrompt(text="cat " * 40).erase(tiny_pipe, [airplane], seed=0)
