from __future__ import annotations

import pytest

from bench import prompts
from bench.prompts import sizes
from bench.types import InputError


def test_a_limited_size_has_the_first_images_of_each_role() -> None:
    suite = prompts.suite("objects")
    whole, cut = (sizes.size_of(suite, name) for name in ("quick", "quick@3"))
    assert sizes.cut("quick") == "quick" and sizes.cut("quick", 3) == cut.name
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


def test_a_size_of_some_roles_has_their_images_alone() -> None:
    suite = prompts.suite("objects")
    whole = sizes.size_of(suite, "quick")
    name = sizes.cut("quick", 3, ["target", "far", "target"])
    assert name == "quick+far+target@3"
    assert sizes.size_of(suite, name).images == {"target": 3, "far": 3}
    assert list(sizes.size_of(suite, name).images) == [
        role for role in whole.images if role in ("target", "far")
    ]
    alone = sizes.size_of(suite, sizes.cut("quick", roles=["far"]))
    assert alone.images == {"far": whole.images["far"]}
    rows = prompts.select(suite, suite.cases[0], whole, "mini")
    some = prompts.select(suite, suite.cases[0], alone, "mini")
    assert list(some) == [row for row in rows if row.role == "far"]


def test_a_role_that_the_size_lacks_is_named() -> None:
    with pytest.raises(InputError, match="role of size quick of suite objects: 'fra'; nearest: fa"):
        sizes.size_of(prompts.suite("objects"), "quick+fra@3")
