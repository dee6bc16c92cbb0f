from __future__ import annotations

from collections import Counter

import pytest

from bench.models.mini.train.tokenizer import END, POSITIONS, build_tokenizer, learn_merges


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(["a photo of a dog", "a photo of an airplane"] * 3, 60, POSITIONS)


@pytest.mark.parametrize(
    "text", ["a photo of a dog", "naïve café", "飛行機", "飞机 ✈️", "a1rplane!"]
)
def test_any_text_survives_encoding(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids).replace(" ", "").strip() == text.replace(" ", "")


def test_the_end_token_has_the_highest_id_and_pads(tokenizer):
    assert tokenizer.eos_token_id == len(tokenizer) - 1 == tokenizer.pad_token_id
    ids = tokenizer("a dog", padding="max_length").input_ids
    assert len(ids) == POSITIONS
    assert set(ids[4:]) == {tokenizer.convert_tokens_to_ids(END)}


def test_frequent_words_are_one_token_and_misspelt_ones_several(tokenizer):
    assert tokenizer.tokenize("photo") == ["photo</w>"]
    assert len(tokenizer.tokenize("phtoo")) > 1


def test_merges_do_not_depend_on_the_order_of_the_words():
    words = {"abab": 3, "baba": 3, "abba": 2, "b": 9}
    forward = learn_merges(Counter(words), 6)
    backward = learn_merges(Counter(dict(reversed(words.items()))), 6)
    assert forward == backward
    assert forward[0] == ("a", "b")
