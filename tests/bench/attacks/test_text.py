"""Texts as tokens and embeddings: what is found can be typed, and is read as it was searched."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from transformers import CLIPTextModel

from bench.attacks import _text
from bench.attacks.speaking import Speaking
from bench.models import loading, pipelines
from bench.models.prediction import Conditioning
from bench.types import InputError, Prompt

TEXTS = ["a photo of an airplane", "a cat in the snow at night"]


def test_embeddings_given_by_hand_say_what_the_tokens_say(tiny_pipe: Any) -> None:
    ids = _text.rows(tiny_pipe, [_text.tokens(tiny_pipe, text) for text in TEXTS])
    torch.testing.assert_close(
        _text.read(tiny_pipe, ids).states, pipelines.encode(tiny_pipe, TEXTS)
    )
    where = _text.places([[2, 4, 5], [1]])
    table = tiny_pipe.text_encoder.get_input_embeddings().weight.detach()
    same = _text.spoken(tiny_pipe, ids, where, table[ids[where[:, 0], 0, where[:, 1]]]).states
    torch.testing.assert_close(same, pipelines.encode(tiny_pipe, TEXTS))
    other = _text.spoken(tiny_pipe, ids, where, torch.zeros(4, table.shape[1])).states
    assert (other - same).abs().amax() > 0.01
    # The next call reads tokens again: nothing stays hooked.
    torch.testing.assert_close(
        _text.read(tiny_pipe, ids).states, pipelines.encode(tiny_pipe, TEXTS)
    )


def test_the_gradient_in_an_embedding_is_that_of_differences(tiny_pipe: Any) -> None:
    ids = _text.rows(tiny_pipe, [_text.tokens(tiny_pipe, TEXTS[0])])
    where = _text.places([[5]])
    table = tiny_pipe.text_encoder.get_input_embeddings().weight.detach()
    soft = table[ids[:, 0, 5]].clone().requires_grad_(True)
    weight = torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(0))

    def value(x: torch.Tensor) -> torch.Tensor:
        return (_text.spoken(tiny_pipe, ids, where, x).states * weight).sum()

    (gradient,) = torch.autograd.grad(value(soft), soft)
    along = gradient / gradient.norm()
    with torch.no_grad():
        slope = (value(soft + 2e-3 * along) - value(soft - 2e-3 * along)) / 4e-3
    torch.testing.assert_close(slope, gradient.norm(), rtol=0.01, atol=1e-3)


def along_of(scale: float, texts: int = 2) -> torch.Tensor:
    """Return a gradient in the text whose largest coordinate differs from text to text."""
    made = torch.randn(texts, 32, 32, generator=torch.Generator().manual_seed(4))
    return made * scale * torch.tensor([1.0, 30.0]).view(-1, 1, 1)[:texts]


def with_encoder(pipe: Any, dtype: torch.dtype) -> Any:
    """Return a pipeline with a text encoder of the usual spread, in half precision."""
    config = copy.deepcopy(pipe.text_encoder.config)
    config.initializer_factor = 1.0
    made = copy.copy(pipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made.text_encoder = CLIPTextModel(config).eval().to(dtype)
    return made


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [1e-7, 1e-10, 1.0, 300.0])
def test_gradients_keep_their_direction_through_an_encoder_of_half_precision(
    tiny_pipe: Any, dtype: torch.dtype, scale: float
) -> None:
    """The reference is the same rounded weights in fp32."""
    half = with_encoder(tiny_pipe, dtype)
    whole = copy.copy(half)
    whole.text_encoder = copy.deepcopy(half.text_encoder).float()
    ids = _text.rows(tiny_pipe, [_text.tokens(tiny_pipe, text) for text in TEXTS])
    where = _text.places([[2, 4], [1]])
    table = whole.text_encoder.get_input_embeddings().weight.detach()

    def pulled(pipe: Any) -> torch.Tensor:
        soft = table[ids[where[:, 0], 0, where[:, 1]]].clone().requires_grad_(True)
        text, along = _text.spoken(pipe, ids, where, soft), Conditioning(along_of(scale))
        return _text.pulled(text, where, soft, along)

    soft = table[ids[where[:, 0], 0, where[:, 1]]].clone().requires_grad_(True)
    text = _text.spoken(whole, ids, where, soft).states
    (wanted,) = torch.autograd.grad(text, soft, along_of(scale))
    torch.testing.assert_close(pulled(whole), wanted, rtol=1e-4, atol=0)
    made = pulled(half)
    assert made.dtype == torch.float32
    for own, exact in zip(made, wanted, strict=True):
        # In fp64, since squares of the smallest are nothing in fp32.
        assert torch.cosine_similarity(own.double(), exact.double(), dim=0) >= 0.999
        assert own.double().norm() / exact.double().norm() == pytest.approx(1, abs=0.02)


def test_a_gradient_that_overflows_half_precision_is_made_smaller_on_the_way(
    tiny_pipe: Any,
) -> None:
    half = with_encoder(tiny_pipe, torch.float16)
    half.text_encoder.final_layer_norm.weight.data *= 2e4
    ids = _text.rows(tiny_pipe, [_text.tokens(tiny_pipe, TEXTS[0])])
    where = _text.places([[2]])
    soft = (0.02 * torch.ones(1, 32).cumsum(1).sin()).requires_grad_(True)
    text = _text.spoken(half, ids, where, soft)
    along = along_of(1.0, texts=1)
    (plain,) = torch.autograd.grad(text.states, soft, along, retain_graph=True)
    assert not plain.isfinite().all()
    made = _text.pulled(text, where, soft, Conditioning(along))
    assert made.isfinite().all() and made.abs().amax() > 0


def test_a_text_without_a_gradient_has_none(tiny_pipe: Any) -> None:
    ids = _text.rows(tiny_pipe, [_text.tokens(tiny_pipe, text) for text in TEXTS])
    where = _text.places([[2], [1]])
    soft = torch.ones(2, 32, requires_grad=True)
    along = along_of(1.0) * torch.tensor([0.0, 1.0]).view(-1, 1, 1)
    text = _text.spoken(tiny_pipe, ids, where, soft)
    made = _text.pulled(text, where, soft, Conditioning(along))
    assert made[0].abs().amax() == 0 and made[1].abs().amax() > 0


@given(st.data())
def test_words_of_the_vocabulary_are_read_as_they_were_found(
    tiny_pipe: Any, data: st.DataObject
) -> None:
    words = _text.vocabulary(tiny_pipe)
    assert len(words.ids) == len(words.words) == len(words.table) > 50
    size = st.integers(0, len(words.ids) - 1)
    chosen = data.draw(st.lists(size, min_size=1, max_size=20))
    assert _text.tokens(tiny_pipe, words.text(chosen)) == words.ids[chosen].tolist()


def test_words_of_mini_are_read_as_they_were_found() -> None:
    pipe = loading.shared("mini", "cpu")
    words = _text.vocabulary(pipe)
    assert "airplane" in words.words
    order = torch.randperm(len(words.ids), generator=torch.Generator().manual_seed(0)).tolist()
    for start in range(0, len(order), 16):
        some = order[start : start + 16]
        assert _text.tokens(pipe, words.text(some)) == words.ids[some].tolist()


def test_a_learnt_word_draws_as_diffusers_own_textual_inversion(
    tiny_pipe: Any, tmp_path: Path
) -> None:
    vector = torch.randn(1, 32, generator=torch.Generator().manual_seed(1))
    save_file({"<airplane>": vector}, tmp_path / "word.safetensors")
    theirs = copy.copy(tiny_pipe)
    theirs.tokenizer = copy.deepcopy(tiny_pipe.tokenizer)
    theirs.text_encoder = copy.deepcopy(tiny_pipe.text_encoder)
    theirs.load_textual_inversion(tmp_path / "word.safetensors", token="<airplane>")
    texts = ["a photo of an <airplane> in the sky", "a photo of a cat"]
    ours = Speaking(tiny_pipe, {"<airplane>": vector}).encode(texts)
    torch.testing.assert_close(ours.states, pipelines.encode(theirs, texts))
    assert len(tiny_pipe.tokenizer) < len(theirs.tokenizer)


def test_a_text_without_learnt_words_is_drawn_as_the_pipeline_draws_it(tiny_pipe: Any) -> None:
    def pixels(pipe: Any) -> Any:
        generator = [torch.Generator().manual_seed(3)]
        settings = {"num_inference_steps": 2, "generator": generator, "output_type": "pt"}
        return pipe(["a photo of a cat"], **settings).images

    torch.testing.assert_close(pixels(Speaking(tiny_pipe, {})), pixels(tiny_pipe))


def test_prompts_that_leave_no_room_are_refused(tiny_pipe: Any) -> None:
    prompt = Prompt("long", "a " * 28, 0, "target", "airplane")
    _text.check(tiny_pipe, [prompt], lambda count: 2)
    with pytest.raises(InputError, match="prompt long has 28 tokens; with 3 more it must have"):
        _text.check(tiny_pipe, [prompt], lambda count: count - 25)
    with pytest.raises(InputError, match="at most 30"):
        _text.check_length(tiny_pipe, 31)


def test_every_token_but_special_ones_is_searched_as_the_released_codes_do(tiny_pipe: Any) -> None:
    every, typed = _text.every_token(tiny_pipe), _text.vocabulary(tiny_pipe)
    special = set(tiny_pipe.tokenizer.all_special_ids)
    assert set(every.ids.tolist()) == set(range(len(tiny_pipe.tokenizer))) - special
    assert len(typed.ids) < len(every.ids) == len(every.table)
    ids = _text.tokens(tiny_pipe, "a photo of an airplane")
    assert every.text([every.ids.tolist().index(each) for each in ids]) == "a photo of an airplane"


def test_what_cannot_be_printed_is_no_part_of_a_found_text(tiny_pipe: Any) -> None:
    every = _text.every_token(tiny_pipe)
    texts = [every.text([place]) for place in range(len(every.ids))]
    assert all(text.isprintable() for text in texts)
    raw = [tiny_pipe.tokenizer.decode([index]) for index in every.ids.tolist()]
    assert not all(text.isprintable() for text in raw)
