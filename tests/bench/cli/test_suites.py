from __future__ import annotations

import hashlib

import pytest

from bench import prompts
from bench.cli.suites import show_suite
from bench.types import InputError


def test_a_suite_is_shown_with_cases_counts_and_hashes() -> None:
    suite = prompts.suite("objects")
    text = "\n".join(show_suite("objects"))
    for path in prompts.paths(suite, "sd"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text and path.name in text
    assert "objects-words.csv, 2400 rows, for sd, sdxl alone" in text
    assert "version 2" in text
    assert "synonym     6000 rows, 300 texts" in text
    assert "erases cat; rows: target 200, synonym 600, related 200, remainder 108" in text
    assert "smoke  target 4, synonym 6, related 4, adversarial 6, near 4, far 9" in text
    assert "by tag    language-de 200, language-fr 200" in text
    assert "derived from target rows: typo, swapped" in text
    with pytest.raises(InputError, match="unknown suite: 'object'; nearest: objects"):
        list(show_suite("object"))


def test_many_tags_are_shown_by_the_most_frequent() -> None:
    text = "\n".join(show_suite("objects"))
    assert "tabby 40, Siamese kitten 40, Maine Coon 40 and 18 more" in text


def test_a_suite_for_some_models_says_so() -> None:
    assert "models    sd, sdxl" in "\n".join(show_suite("explicit"))
