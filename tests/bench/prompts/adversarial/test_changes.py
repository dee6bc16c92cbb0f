from __future__ import annotations

import re
import unicodedata
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.prompts.adversarial import CHANGES, KINDS, derive, letters, sentences, slug
from bench.types import Prompt

LETTERS = (
    *("typo", "swapped", "doubled", "spacing", "homoglyph", "leetspeak", "casing", "hyphenation"),
)
TEXT = "a photo of an airplane in the snow"
PHRASES = ("airplane", "cat", "Vincent van Gogh", "stained glass", "winged creature")


def changed(kind: str, phrase: str, seed: int = 0) -> str:
    return CHANGES[kind](f"a photo of {phrase}", phrase, Random(seed)).removeprefix("a photo of ")


@pytest.mark.parametrize("phrase", PHRASES)
@pytest.mark.parametrize("kind", LETTERS)
def test_a_change_of_letters_respells_the_phrase_and_nothing_else(kind: str, phrase: str) -> None:
    for seed in range(20):
        text = CHANGES[kind](f"a photo of {phrase}, {phrase}", phrase, Random(seed))
        assert text.startswith("a photo of ")
        assert not re.search(rf"\b{phrase}\b", text)
        first, _, second = text.removeprefix("a photo of ").partition(", ")
        assert first == second


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_the_same_generator_gives_the_same_text_and_others_others(kind: str) -> None:
    some = [CHANGES[kind](TEXT, "airplane", Random(seed)) for seed in range(30)]
    assert some == [CHANGES[kind](TEXT, "airplane", Random(seed)) for seed in range(30)]
    assert len(set(some)) > 1


@pytest.mark.parametrize("phrase", PHRASES)
def test_each_change_of_letters_is_what_its_name_says(phrase: str) -> None:
    for seed in range(30):
        assert abs(len(changed("typo", phrase, seed)) - len(phrase)) <= 1
        assert Counter(changed("swapped", phrase, seed)) == Counter(phrase)
        doubled = changed("doubled", phrase, seed)
        assert any(doubled[:i] + doubled[i + 1 :] == phrase for i in range(1, len(doubled)))
        assert changed("casing", phrase, seed).casefold() == phrase.casefold()
        for kind, by in (("spacing", " "), ("hyphenation", "-")):
            broken = changed(kind, phrase, seed)
            at = next(i for i, (a, b) in enumerate(zip(broken, phrase, strict=False)) if a != b)
            assert broken[:at] + broken[at + 1 :] == phrase and broken[at] == by
            assert broken[at - 1].isalpha() and broken[at + 1].isalpha()
        leet = changed("leetspeak", phrase, seed)
        back = zip(leet, phrase, strict=True)
        swaps = [(a, b.lower()) for a, b in back if a != b]
        assert 1 <= len(swaps) <= 2 and all(letters.LEET[b] == a for a, b in swaps)


def test_homoglyphs_are_letters_of_other_scripts() -> None:
    for latin, other in letters.HOMOGLYPHS.items():
        assert unicodedata.name(latin).startswith("LATIN SMALL LETTER")
        assert unicodedata.name(other).split()[0] in ("CYRILLIC", "GREEK")
    text = changed("homoglyph", "airplane")
    assert not text.isascii() and len(text) == len("airplane")
    assert unicodedata.normalize("NFKC", text) != "airplane"


@pytest.mark.parametrize("kind", ["negation", "distraction"])
def test_a_change_of_the_sentence_keeps_text_and_phrase(kind: str) -> None:
    for seed in range(20):
        text = CHANGES[kind](TEXT, "airplane", Random(seed))
        assert TEXT in text and text != TEXT


@pytest.mark.parametrize("words", [20, 48])
def test_burial_fills_the_room_and_keeps_all_of_the_text(words: int) -> None:
    for seed in range(20):
        text = sentences.burial(TEXT, "airplane", Random(seed), words=words)
        assert TEXT in text and not text.startswith(TEXT)
        # A comma counts as a word.
        assert words - 4 <= len(text.split()) + text.count(",") <= words


def test_asides_say_nothing_of_any_concept() -> None:
    from bench import prompts

    for concept in prompts.concepts().values():
        for word in (concept.name, *concept.synonyms):
            for form in (*sentences.ASIDES, *sentences.DISTRACTIONS, *sentences.DENIALS):
                assert f" {word.casefold()} " not in f" {form.casefold()} ", (word, form)


@given(
    kind=st.sampled_from(KINDS[:-1]), text=st.text(), phrase=st.text(min_size=1), seed=st.integers()
)
def test_no_text_breaks_a_change(kind: str, text: str, phrase: str, seed: int) -> None:
    result = CHANGES[kind](text, phrase, Random(seed))
    if phrase.casefold() not in text.casefold():
        assert result == text


def test_derived_prompts_keep_seed_and_concept_and_carry_their_kind() -> None:
    direct = [Prompt(f"d-{i}", TEXT, i, "target", "airplane") for i in range(3)]
    found = derive(direct, KINDS, 20)
    assert [row.tag for row in found] == [kind for kind in KINDS for _ in direct]
    assert [row.seed for row in found] == [0, 1, 2] * len(KINDS)
    assert found[0].id == "airplane-adversarial-typo-000"
    assert len({row.id for row in found}) == len(found)
    assert {(row.role, row.concept) for row in found} == {("adversarial", "airplane")}


def test_a_prompt_does_not_change_with_those_around_it() -> None:
    direct = [Prompt(f"d-{i}", TEXT, i, "target", "airplane") for i in range(3)]
    alone = derive(direct[:1], ("typo",), 20)
    assert derive(direct, ("swapped", "typo"), 20)[3:4] == alone


def test_what_a_kind_cannot_change_is_left_out() -> None:
    direct = [Prompt("d", "猫", 0, "target", "猫"), Prompt("e", "a cat", 1, "target", "cat")]
    found = derive(direct, ("homoglyph", "leetspeak"), 20)
    assert [row.concept for row in found] == ["cat", "cat"]


def test_slugs_name_files() -> None:
    assert slug("Vincent van Gogh") == "vincent-van-gogh"
    assert slug("...") == "concept"


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("дракон", "drakon"),
        ("龍", "long"),
        ("ドラゴン", "doragon"),
        ("كلب", "klb"),
        ("Ünïcode Drache", "unicode-drache"),
        ("🚀 rocket", "rocket-rocket"),
        ("../..\\x", "x"),
    ],
)
def test_slugs_of_other_scripts_can_be_read(name: str, readable: str) -> None:
    assert slug(name) == readable
