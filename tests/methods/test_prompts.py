"""Training prompts and the alignment of their tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.types import Concept, InputError
from methods import _prompts, _tokens


def test_align_moves_words_end_and_padding_together() -> None:
    #       begin a photo of CAT now end            begin a photo of the sky now end
    old, new = [90, 1, 2, 3, 50, 7, 91], [90, 1, 2, 3, 60, 61, 7, 91]
    assert _tokens.align(old, new, 10).tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 9]
    assert _tokens.align(new, old, 10).tolist() == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]


def test_align_of_equal_prompts_is_the_identity() -> None:
    assert _tokens.align([90, 1, 91], [90, 1, 91], 6).tolist() == list(range(6))


def test_align_takes_the_word_before_where_the_anchor_is_empty() -> None:
    assert _tokens.align([90, 1, 50, 51, 91], [90, 1, 91], 6).tolist() == [0, 1, 1, 1, 2, 3]


def test_align_counts_a_shared_word_as_context_once() -> None:
    assert _tokens.common_ends([90, 5, 5, 91], [90, 5, 91]) == (2, 1)


@pytest.mark.parametrize("kind", ["object", "style", "person", "explicit"])
def test_templates_are_thirty_different_ones_with_one_gap(kind: Any) -> None:
    templates = _prompts.TEMPLATES[kind]
    assert len(set(templates)) == 30
    assert all(template.count("{}") == 1 for template in templates)


def test_prompts_never_use_synonyms_or_look_alikes(airplane: Concept) -> None:
    told = _prompts.texts(airplane, 30)
    assert told == _prompts.texts(replace(airplane, synonyms=("sky jet",), near=("kite",)), 30)
    words = {word for texts in told for text in texts for word in text.split()}
    assert not words & {"aircraft", "plane", "jet", "bird"}


def test_anchor_stands_where_the_concept_stood(airplane: Concept) -> None:
    old, new = _prompts.texts(airplane, 3)
    assert old == ["a photo of an airplane", "airplane", "a picture of the airplane in daylight"]
    assert new == ["a photo of the sky", "the sky", "a picture of the sky in daylight"]


def test_pairs_align_the_rows_of_the_anchor(tiny_pipe: Any, airplane: Concept) -> None:
    pairs = _prompts.pairs(tiny_pipe, airplane, 2)
    assert pairs.concept.shape == pairs.anchor.shape == (2, 32, 32)
    # "airplane" and "the sky": the end token goes to the end token, one further on.
    assert torch.equal(pairs.aligned[1, 2], pairs.anchor[1, 3])
    assert torch.equal(pairs.aligned[1, 1], pairs.anchor[1, 2])


@pytest.mark.parametrize("name", list(_prompts.PRIORS))
def test_prior_leaves_out_what_names_the_concept(name: str, airplane: Concept) -> None:
    kept = _prompts.prior(name, [airplane, replace(airplane, name="a Dog")])
    assert kept and not any("airplane" in text or "dog" in text for text in kept)
    assert set(kept) <= set(_prompts.PRIORS[name])
    assert "" in kept


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "empty"), ("  ", "empty"), ("word " * 300, "the text encoder reads 30")],
)
def test_unreadable_concepts_are_refused(tiny_pipe: Any, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _tokens.check(tiny_pipe, [Concept(name, "object", "the sky")])


def test_too_many_prompts_are_refused(airplane: Concept) -> None:
    with pytest.raises(InputError, match="allowed is 1 to 30"):
        _prompts.texts(airplane, 31)
