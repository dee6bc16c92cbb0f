from __future__ import annotations

import pytest

from bench import prompts
from bench.prompts import sizes
from bench.types import InputError


def test_a_limited_size_has_the_first_images_of_each_role() -> None:
    suite = prompts.suite("objects")
    whole, cut = (sizes.size_of(suite, name) for name in ("quick", "quick@3"))
    assert sizes.limited("quick", None) == "quick" and sizes.limited("quick", 3) == cut.name
    assert cut.images == {role: min(count, 3) for role, count in whole.images.items()}
    assert cut.cases == whole.cases
    case = suite.cases[0]
    every, some = (prompts.select(suite, case, each, "mini") for each in (whole, cut))
    for role in cut.images:
        first = [row for row in every if row.role == role][:3]
        assert [row for row in some if row.role == role] == first


@pytest.mark.parametrize("name", ["quick@", "quick@0", "quick@-1", "quick@x", "quick@1.5"])
def test_a_limit_is_a_whole_number(name: str) -> None:
    with pytest.raises(InputError, match="a whole number from 1 up"):
        sizes.size_of(prompts.suite("objects"), name)


def test_an_unknown_size_is_named() -> None:
    with pytest.raises(InputError, match="unknown size: 'quik'; nearest: quick"):
        sizes.size_of(prompts.suite("objects"), "quik@3")
