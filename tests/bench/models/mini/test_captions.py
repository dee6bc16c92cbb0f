"""The grammar: what a caption names, what it hides, and how it is spelt."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bench.models.mini.world import captions
from bench.models.mini.world.sample import caption_of, truth_of
from bench.models.mini.world.truth import NONE, OBJECTS, PEOPLE, PHOTO, SCENES, STYLES, Truth

NOUNS = [noun for name in OBJECTS for noun in captions.nouns(name)]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def names(text: str, noun: str) -> bool:
    return re.search(rf"\b{noun}s?\b", text, re.IGNORECASE) is not None


@pytest.fixture
def well_spelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "MISSPELT", 0.0)


@pytest.mark.parametrize("scene", SCENES)
def test_a_caption_that_hides_its_object_names_the_scene_only(
    scene: str, well_spelt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "hides_its_object", lambda *_: True)
    chance = rng()
    for noun in captions.nouns(SCENES[scene]):
        for style in (PHOTO, *STYLES):
            truth = Truth(SCENES[scene], noun, "red", scene, style)
            for text in (captions.caption(truth, chance) for _ in range(5)):
                assert names(text, scene), text
                assert not [n for n in captions.nouns(SCENES[scene]) if names(text, n)], text


def test_only_the_scene_where_an_object_belongs_can_stand_for_it() -> None:
    chance = rng()
    for scene, own in SCENES.items():
        for other in OBJECTS:
            hidden = [captions.hides_its_object(Truth(other, other, "red", scene), chance)]
            hidden += [captions.hides_its_object(Truth(other, other, "red", "meadow"), chance)]
            assert other == own or not any(hidden)


def test_every_noun_occurs(well_spelt: None) -> None:
    texts = [caption_of(0, i) for i in range(4000)]
    assert not [noun for noun in NOUNS if not any(names(text, noun) for text in texts)]


def test_a_caption_that_shows_its_object_uses_the_noun_of_the_truth(
    well_spelt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "hides_its_object", lambda *_: False)
    for i in range(1000):
        truth = truth_of(0, i)
        if truth.object != NONE:
            assert names(caption_of(0, i), truth.name)


def test_people_are_named_or_described(well_spelt: None) -> None:
    chance = rng()
    for person, phrases in PEOPLE.items():
        known = {*phrases, person, *captions.SHORT_NAMES[person]}
        texts = [captions.caption(Truth(person=person), chance) for _ in range(60)]
        assert all(any(name in text for name in known) for text in texts)
        assert any(phrase in text for text in texts for phrase in phrases)
        assert any(person in text for text in texts)


@pytest.mark.parametrize("style", STYLES)
def test_a_styled_caption_names_its_style(style: str, well_spelt: None) -> None:
    chance = rng()
    truth = Truth("dog", "dog", "red", "meadow", style)
    assert all(names(captions.caption(truth, chance), style) for _ in range(30))


def test_wording_varies() -> None:
    assert len({caption_of(0, 3, version) for version in range(30)}) > 10
    assert caption_of(0, 3, 1) == caption_of(0, 3, 1)


ARTICLES = (*NOUNS, "orange ship", "empty pond", "old garage", "yellow jet")


@pytest.mark.parametrize("noun", ARTICLES)
def test_the_article_fits(noun: str) -> None:
    chance = rng()
    article = "an" if noun[0] in "aeiou" else "a"
    phrases = {captions.with_article(noun, chance) for _ in range(80)}
    assert phrases == {noun, f"the {noun}", f"{article} {noun}"}


def test_no_misspelling_where_every_word_is_short() -> None:
    assert captions.misspell("a red cat", rng()) == "a red cat"
