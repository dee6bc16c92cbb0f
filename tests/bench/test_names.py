from __future__ import annotations

import pytest

from bench.names import find
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
