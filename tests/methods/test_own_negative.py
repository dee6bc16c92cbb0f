"""Erasers that act while drawing, on prompts whose rows have a negative prompt of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.drawing import AS_RUN, Drawing
from bench.models.generate import denoise, noise
from bench.models.prediction import condition
from bench.models.steering import empties, led_from
from bench.types import Concept, Sampler
from methods.adavd import Adavd
from methods.negative_prompt import NegativePrompt
from methods.safree import Safree
from methods.sld import Sld
from methods.spm import Spm

from .test_spm_transport import filled

SAMPLER = Sampler(4, 4.0)
TEXTS = ("a photo of an airplane", "a bird in the snow")
OWN = Drawing(negative_prompt="a dog")
SLD = Sld(strength=3.0, threshold=0.05, warmup=0.0)
TEXT = Adavd(branches="text", shift=False)


def drawn(pipe: Any, own: Drawing) -> Tensor:
    made: Tensor = denoise(pipe, TEXTS, noise(pipe.unet, range(2)), SAMPLER, "latent", own)
    return made


def erased(name: str, pipe: Any, concept: Concept) -> Any:
    if name == "spm":
        return Spm().apply(pipe, [concept], filled(pipe))
    made = {"sld": SLD, "adavd": Adavd(shift=False), "adavd text": TEXT}[name]
    return made.erase(pipe, [concept], seed=0)


@pytest.mark.parametrize("name", ["sld", "spm", "adavd", "adavd text"])
def test_what_guidance_leads_away_from_is_told_apart_from_prompts(
    name: str, tiny_pipe: Any, airplane: Concept
) -> None:
    """A blank reads as the empty prompt does, and is a negative prompt of its own all the same."""
    steered = erased(name, tiny_pipe, airplane)
    plain = drawn(steered, AS_RUN)
    assert torch.allclose(drawn(steered, Drawing(negative_prompt=" ")), plain, atol=1e-4)
    assert (drawn(steered, OWN) - plain).abs().max() > 0.01
    assert (drawn(steered, OWN) - drawn(tiny_pipe, OWN)).abs().max() > 0.01
    # Nothing of it stays for the next batch.
    assert torch.equal(drawn(steered, AS_RUN), plain)


def test_sld_takes_the_own_negative_prompt_for_what_it_starts_from(
    tiny_pipe: Any, airplane: Concept
) -> None:
    pair = torch.cat([condition(tiny_pipe, [text]).states for text in ("a dog", TEXTS[0])])
    latents = torch.cat([noise(tiny_pipe.unet, [3])] * 2)
    unet = SLD.erase(tiny_pipe, [airplane], seed=0).unet
    with torch.no_grad():
        start, full = tiny_pipe.unet(latents, 401, pair).sample
        safe = tiny_pipe.unet(latents[:1], 401, condition(tiny_pipe, ["airplane"]).states).sample[0]
        with led_from("a dog"):
            found = unet(latents, 401, pair).sample
    scale = (SLD.strength * (full - safe).abs()).clamp(max=1) * (full - safe < SLD.threshold)
    assert torch.allclose(found[0], start, atol=1e-5)
    assert torch.allclose(found[1], full - scale * (safe - start), atol=1e-4)


def test_adavd_leaves_the_own_negative_prompt_as_it_is_where_it_acts_on_the_text(
    tiny_pipe: Any, airplane: Concept
) -> None:
    pair = torch.cat([condition(tiny_pipe, [text]).states for text in ("a dog", TEXTS[0])])
    latents = torch.cat([noise(tiny_pipe.unet, [3])] * 2)
    unet = TEXT.erase(tiny_pipe, [airplane], seed=0).unet
    with torch.no_grad(), led_from("a dog"):
        found = unet(latents, 401, pair).sample
        before = tiny_pipe.unet(latents, 401, pair).sample
    assert torch.equal(found[0], before[0])
    assert (found[1] - before[1]).abs().max() > 0.001


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_a_negative_prompt_of_the_eraser_stands_in_front_of_the_rows(
    layout: str, request: pytest.FixtureRequest, airplane: Concept
) -> None:
    pipe = request.getfixturevalue(layout)
    found = drawn(NegativePrompt().erase(pipe, [airplane], seed=0), OWN)
    both = drawn(pipe, Drawing(negative_prompt="airplane, a dog"))
    assert torch.allclose(found, both, atol=1e-3)
    assert (found - drawn(pipe, OWN)).abs().max() > 0.01


def test_safree_keeps_the_rows_negative_prompt_behind_its_own(
    tiny_pipe: Any, airplane: Concept
) -> None:
    eraser = Safree(negative=True)
    guide = eraser.erase(tiny_pipe, [airplane], seed=0).unet.__dict__["_guide"]
    assert torch.equal(guide.negative.text().states, condition(tiny_pipe, ["airplane"]).states)
    with led_from("a dog"):
        said = guide.negative.text().states
    assert torch.equal(said, condition(tiny_pipe, ["airplane, a dog"]).states)
    assert not torch.equal(said, empties(tiny_pipe)[0].states)
