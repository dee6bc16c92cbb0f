"""Names that can be files everywhere, whatever somebody called a thing."""

from __future__ import annotations

import pytest

from bench import portable
from bench.prompts.schema import is_id

HOSTILE = (
    *("", " ", ".", "..", "../x", "/x", "a\\b", "a:b", "a\0b", "a\nb", "\x1b[31m", "\u202eb"),
    *(".x", "x.", " x", "x ", "-x", "con", "COM1.png", "nul.", "x" * 151, "é" * 76, "a|b", "a?"),
)
FINE = ("é", "中文", "дракон", "a dragon's", "🐉", "می‌خواهم", "a+b", "x" * 150, "console", "com")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_file_could_be_called_is_told_and_cleaned(name: str) -> None:
    assert portable.problem(name)
    assert not portable.problem(portable.cleaned(name))


@pytest.mark.parametrize("name", FINE)
def test_names_of_every_script_stay_as_they_are(name: str) -> None:
    assert not portable.problem(name) and portable.cleaned(name) == name


@pytest.mark.parametrize("name", ["unerased", "Unerased", "original", "ALL"])
def test_our_own_names_are_no_cases(name: str) -> None:
    assert not portable.problem(name) and portable.of_case(name)


def test_names_that_some_system_takes_for_one_are_one() -> None:
    assert portable.folded("E\u0301a") == portable.folded("\u00e9A")
    assert portable.folded("a") != portable.folded("á")


@pytest.mark.parametrize("text", ["../x", "a/b", "con", "LPT1.x", ".x", "", "a b", "a\n", "é"])
def test_what_names_no_image_is_no_id(text: str) -> None:
    assert not is_id(text) and is_id("a-1.b_2")
