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

from bench import pipelines
from bench.attacks import _text
from bench.attacks.speaking import Speaking
from bench.types import InputError, Prompt

TEXTS = ["a photo of an airplane", "a cat in the snow at night"]


def test_embeddings_given_by_hand_say_what_the_tokens_say(tiny_pipe: Any) -> None:
    ids = _text.rows(tiny_pipe, [_text.tokens(tiny_pipe, text) for text in TEXTS])
    torch.testing.assert_close(_text.states(tiny_pipe, ids), pipelines.encode(tiny_pipe, TEXTS))
    slots = torch.tensor([[2, 4], [1, 3]])
    table = tiny_pipe.text_encoder.get_input_embeddings().weight.detach()
    same = _text.spoken(tiny_pipe, ids, slots, table[ids.gather(1, slots)])
    torch.testing.assert_close(same, pipelines.encode(tiny_pipe, TEXTS))
    other = _text.spoken(tiny_pipe, ids, slots, torch.zeros(2, 2, table.shape[1]))
    assert (other - same).abs().amax() > 0.01
    # The next call reads tokens again: nothing stays hooked.
    torch.testing.assert_close(_text.states(tiny_pipe, ids), pipelines.encode(tiny_pipe, TEXTS))


def test_the_gradient_in_an_embedding_is_that_of_differences(tiny_pipe: Any) -> None:
    ids = _text.rows(tiny_pipe, [_text.tokens(tiny_pipe, TEXTS[0])])
    slots = torch.tensor([[5]])
    table = tiny_pipe.text_encoder.get_input_embeddings().weight.detach()
    soft = table[ids[:, 5]][:, None].clone().requires_grad_(True)
    weight = torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(0))

    def value(x: torch.Tensor) -> torch.Tensor:
        return (_text.spoken(tiny_pipe, ids, slots, x) * weight).sum()

    (gradient,) = torch.autograd.grad(value(soft), soft)
    along = gradient / gradient.norm()
    with torch.no_grad():
        slope = (value(soft + 2e-3 * along) - value(soft - 2e-3 * along)) / 4e-3
    torch.testing.assert_close(slope, gradient.norm(), rtol=0.01, atol=1e-3)


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
    pipe = pipelines.shared("mini", "cpu")
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
    torch.testing.assert_close(ours, pipelines.encode(theirs, texts))
    assert len(tiny_pipe.tokenizer) < len(theirs.tokenizer)


def test_a_text_without_learnt_words_is_drawn_as_the_pipeline_draws_it(tiny_pipe: Any) -> None:
    def pixels(pipe: Any) -> Any:
        generator = [torch.Generator().manual_seed(3)]
        settings = {"num_inference_steps": 2, "generator": generator, "output_type": "pt"}
        return pipe(["a photo of a cat"], **settings).images

    torch.testing.assert_close(pixels(Speaking(tiny_pipe, {})), pixels(tiny_pipe))


def test_prompts_that_leave_no_room_are_refused(tiny_pipe: Any) -> None:
    prompt = Prompt("long", "a " * 28, 0, "target", "airplane")
    _text.check(tiny_pipe, [prompt], 2)
    with pytest.raises(InputError, match="prompt long has 28 tokens; with 3 more it must have"):
        _text.check(tiny_pipe, [prompt], 3)
    with pytest.raises(InputError, match="at most 30"):
        _text.check_length(tiny_pipe, 31)
    two = copy.copy(tiny_pipe)
    two.text_encoder_2 = two.text_encoder
    with pytest.raises(InputError, match="SDXL"):
        _text.check(two, [], 0)
