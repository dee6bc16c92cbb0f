from __future__ import annotations

import pytest

from bench.names import find, nearest, typed
from bench.types import InputError


def test_a_known_name_is_returned() -> None:
    assert find("size", "quick", ["smoke", "quick"]) == "quick"


def test_an_unknown_name_lists_choices_and_nearest() -> None:
    with pytest.raises(InputError) as error:
        find("size", "Qick", ["smoke", "quick", "full"])
    assert str(error.value) == "unknown size: 'Qick'; nearest: quick; choices: smoke, quick, full"


def test_nothing_near_and_nothing_allowed_are_said() -> None:
    with pytest.raises(InputError, match="choices: none"):
        find("option", "zz", [])
    with pytest.raises(InputError) as error:
        find("option", "zz", ["abc"])
    assert "nearest" not in str(error.value)


@pytest.mark.parametrize(
    ("typed", "choices", "near"),
    [
        ("relera", ["realera", "esd"], "realera"),
        ("--metod", ["--method", "--model"], "--method"),
        ("Metod", ["--method"], "--method"),
        ("air", ["airplane", "bird"], "airplane"),
        ("cud", ["cpu", "cuda"], "cuda"),
        ("unt", ["unet", "clip"], "unet"),
        ("sd1.4", ["sd14", "sd15"], "sd14"),
        ("rnu", ["run", "list"], "run"),
        ("--dtype", ["--suite", "--size", "--seed"], None),
        ("giraffe", ["airplane", "bird", "cat"], None),
        ("zz", ["abc"], None),
        ("x", ["xl", "sd"], "xl"),
        ("e", ["esd", "mace"], None),
        ("tpu", ["cpu", "cuda"], "cpu"),
        ("", ["run"], None),
    ],
)
def test_only_what_is_near_is_called_nearest(
    typed: str, choices: list[str], near: str | None
) -> None:
    assert nearest(typed, choices) == near


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("/env/bin/erasure-bench", "erasure-bench list methods"),
        ("C:/env/Scripts/erasure-bench.exe", "erasure-bench list methods"),
        ("/src/bench/__main__.py", "python -m bench list methods"),
        ("", "python -m bench list methods"),
    ],
)
def test_a_hint_is_what_the_user_would_type(
    program: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [program])
    assert typed("list methods") == said
    assert typed() == said.removesuffix(" list methods")
