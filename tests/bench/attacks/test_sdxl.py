"""Attacks on SDXL's layout: tokens go through both encoders, and all the U-Net is told is theirs.

The reference is diffusers' own `encode_prompt`, and the U-Net called by hand.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.attacks import Attack, Problem, _latents, _text
from bench.attacks.inversion import Inversion
from bench.attacks.speaking import Speaking
from bench.models import pipelines
from bench.models.generate import denoise, noise
from bench.models.meter import counted
from bench.models.prediction import Conditioning
from bench.types import InputError, Sampler

from .conftest import Scripted
from .test_searches import CANDIDATES, EVERY, QUICK, SEARCHING, let_at, named, searching, starts

TEXTS = ["a photo of an airplane in the sky", "a cat"]
WIDTH = 32
"""Of each encoder's token embeddings."""


@pytest.fixture
def large(problem: Problem, tiny_sdxl: Any) -> Problem:
    """The problem with SDXL's layout."""
    unet = copy.deepcopy(tiny_sdxl.unet)
    for weight in pipelines.cross_attention(unet).values():
        weight.data.mul_(0.5)
    return replace(problem, original=tiny_sdxl, erased=pipelines.with_unet(tiny_sdxl, unet))


def told(pipe: Any, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Return what diffusers says the U-Net is told: states and pooled text."""
    with torch.no_grad():
        states, _, pooled, _ = pipe.encode_prompt(texts, do_classifier_free_guidance=False)
    return states, pooled


def assert_told(text: Conditioning, pipe: Any, texts: list[str]) -> None:
    assert text.pooled is not None and text.sizes is not None
    for made, wanted in zip((text.states, text.pooled), told(pipe, texts), strict=True):
        torch.testing.assert_close(made, wanted)
    # Height and width, no crop, height and width.
    assert text.sizes.tolist() == [[64, 64, 0, 0, 64, 64]] * len(texts)


def test_hard_tokens_are_encoded_as_the_pipeline_encodes_their_text(tiny_sdxl: Any) -> None:
    ids = _text.rows(tiny_sdxl, [_text.tokens(tiny_sdxl, text) for text in TEXTS])
    # The tokenizers pad by different tokens.
    assert not torch.equal(ids[:, 0], ids[:, 1])
    assert_told(_text.read(tiny_sdxl, ids), tiny_sdxl, TEXTS)


def test_a_learnt_word_with_a_words_own_embeddings_says_that_word(tiny_sdxl: Any) -> None:
    """Pooled text too: what stands in the place meanwhile does not end the text."""
    ids, where = _text.learnt(tiny_sdxl, [TEXTS[0].replace("airplane", "<x>")], "<x>")
    vocabulary = _text.vocabulary(tiny_sdxl)
    soft = vocabulary.table[[vocabulary.words.index("airplane")]]
    assert soft.shape == (1, 2 * WIDTH) and vocabulary.widths == (WIDTH, WIDTH)
    assert_told(_text.spoken(tiny_sdxl, ids, where, soft), tiny_sdxl, TEXTS[:1])
    # Nothing stays hooked.
    ids = _text.rows(tiny_sdxl, [_text.tokens(tiny_sdxl, TEXTS[1])])
    assert_told(_text.read(tiny_sdxl, ids), tiny_sdxl, TEXTS[1:])


@pytest.mark.parametrize("what", ["states", "pooled"])
def test_the_gradient_in_a_soft_token_is_that_of_differences(tiny_sdxl: Any, what: str) -> None:
    """In each encoder's half of it; pooled text is the second encoder's alone."""
    ids = _text.rows(tiny_sdxl, [_text.tokens(tiny_sdxl, TEXTS[0])])
    where = _text.places([[5]])
    soft = _text.table(tiny_sdxl)[ids[:, 0, 5]].clone().requires_grad_(True)
    whole = _text.spoken(tiny_sdxl, ids, where, soft)
    random = torch.Generator().manual_seed(0)
    zeros = Conditioning(torch.zeros_like(whole.states), torch.zeros(1, WIDTH))
    shape = getattr(whole, what).shape
    along = replace(zeros, **{what: torch.randn(shape, generator=random)})
    gradient = _text.pulled(whole, where, soft, along)
    halves = gradient.split(WIDTH, dim=1)
    assert [bool(half.abs().amax() > 0) for half in halves] == [what == "states", True]

    def value(x: Tensor) -> Tensor:
        with torch.no_grad():
            made = _text.spoken(tiny_sdxl, ids, where, x)
        return (getattr(made, what) * getattr(along, what)).sum()

    for number, half in enumerate(halves):
        if half.abs().amax() > 0:
            step = torch.zeros_like(gradient)
            step[:, number * WIDTH : (number + 1) * WIDTH] = half / half.norm()
            slope = (value(soft + 2e-3 * step) - value(soft - 2e-3 * step)) / 4e-3
            torch.testing.assert_close(slope, half.norm(), rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("attack", EVERY, ids=named)
def test_an_attack_searches_and_draws_what_it_finds(
    attack: Attack, large: Problem, oracle: Scripted
) -> None:
    with counted() as spent:
        found = attack.search(let_at(large, attack))
    cost = attack.cost(len(large.prompts), CANDIDATES)
    assert (spent(), oracle.drawn) == (searching(cost), cost.drawn)
    assert len(found) == len(large.prompts)
    assert all(each.loss != float("inf") for each in found)
    words = {each.word: each.embedding for each in found if each.embedding is not None}
    assert bool(words) == isinstance(attack, Inversion)
    for word in words.values():
        assert word.shape == (1, 2 * WIDTH) and torch.isfinite(word).all()
    pipe = Speaking(large.erased, words) if words else large.erased
    texts = [each.text for each in found]
    drawn = denoise(pipe, texts, starts(pipe, found), Sampler(2, 4.0), "latent")
    assert drawn.shape[0] == 2 and torch.isfinite(drawn).all()


@pytest.mark.parametrize("attack", [each for each in SEARCHING if each.adaptive], ids=named)
def test_every_gradient_reaches_the_tokens_through_both_encoders(
    attack: Attack, large: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Tensor] = []
    pulled = _text.pulled

    def watched(*given: Any) -> Tensor:
        made.append(pulled(*given))
        return made[-1]

    monkeypatch.setattr(_text, "pulled", watched)
    attack.search(large)
    for gradient in made:
        for half in gradient.split(WIDTH, dim=1):
            assert half.isfinite().all() and (half.abs().amax(1) > 0).all()
    assert made


def test_a_learnt_word_is_learnt_in_both_tables(large: Problem) -> None:
    def word(rate: float) -> Tensor:
        found = Inversion("quick", steps=1, batch=2, learning_rate=rate).search(large)
        assert found[0].embedding is not None
        return found[0].embedding

    moved = (word(0.01) - word(0.0)).split(WIDTH, dim=1)
    assert all(half.abs().amax() > 1e-3 for half in moved)


@pytest.mark.parametrize("name", ["p4d", "unlearndiffatk"])
def test_the_loss_is_that_of_the_text_that_is_found(name: str, large: Problem) -> None:
    """By the pipeline's own encoding, and the U-Net called with its pooled text and sizes."""
    pipe = large.original
    start = torch.Generator().manual_seed(0)
    times = _latents.spread(pipe, 2, 0.4)
    noised = _latents.noised(pipe, _latents.clean(pipe, large.images), times, start)

    def made(unet: Any, texts: list[str]) -> Tensor:
        states, pooled = (each.repeat_interleave(2, dim=0) for each in told(pipe, texts))
        sizes = torch.tensor([[64.0, 64, 0, 0, 64, 64]]).expand(len(states), -1)
        added = {"text_embeds": pooled, "time_ids": sizes}
        with torch.no_grad():
            found: Tensor = unet(
                noised.latents, noised.timesteps, states, added_cond_kwargs=added
            ).sample
        return found

    prompts = [prompt.text for prompt in large.prompts]
    wanted = noised.truth if name != "p4d" else made(pipe.unet, prompts)
    found = QUICK[name].search(large)
    errors = (made(large.erased.unet, [each.text for each in found]) - wanted).square()
    losses = errors.flatten(1).mean(1).view(-1, 2).mean(1)
    torch.testing.assert_close(losses, torch.tensor([f.loss for f in found]), rtol=1e-4, atol=1e-6)


def drawn(pipe: Any, text: str = TEXTS[0]) -> Tensor:
    settings: dict[str, Any] = {"num_inference_steps": 2, "guidance_scale": 4.0}
    images: Tensor = pipe(
        [text], latents=noise(pipe.unet, [3]), output_type="pt", **settings
    ).images
    return images


def test_a_text_without_learnt_words_is_drawn_as_the_pipeline_draws_it(tiny_sdxl: Any) -> None:
    torch.testing.assert_close(drawn(Speaking(tiny_sdxl, {})), drawn(tiny_sdxl))


def test_each_half_of_a_learnt_word_is_drawn(tiny_sdxl: Any) -> None:
    vocabulary = _text.vocabulary(tiny_sdxl)
    own = vocabulary.table[[vocabulary.words.index("airplane")]]
    text = TEXTS[0].replace("airplane", "<x>")
    torch.testing.assert_close(drawn(Speaking(tiny_sdxl, {"<x>": own}), text), drawn(tiny_sdxl))
    for half in (slice(0, WIDTH), slice(WIDTH, None)):
        other = own.clone()
        other[:, half] = 0
        assert not torch.allclose(
            drawn(Speaking(tiny_sdxl, {"<x>": other}), text), drawn(tiny_sdxl), atol=1e-3
        )


def test_encoders_that_share_no_tokens_are_refused(tiny_sdxl: Any) -> None:
    strange = copy.copy(tiny_sdxl)
    strange.tokenizer_2 = copy.deepcopy(tiny_sdxl.tokenizer_2)
    strange.tokenizer_2.add_tokens(["<new>"])
    for name in ("p4d", "unlearndiffatk", "inversion", "ring_a_bell"):
        QUICK[name].check(tiny_sdxl, [])
        with pytest.raises(InputError, match="text encoders have different vocabularies"):
            QUICK[name].check(strange, [])
