from __future__ import annotations

from typing import Any

import pytest

from bench.runs import grid
from bench.types import InputError

FRAME: dict[str, Any] = {"model": "sd14", "suite": "objects", "size": "smoke"}


def test_a_name_that_is_given_several_times_makes_a_grid() -> None:
    assert grid.grid(["a=1", "b=x", "a=2", "b=y", "a=1"]) == [
        ["a=1", "b=x"],
        ["a=1", "b=y"],
        ["a=2", "b=x"],
        ["a=2", "b=y"],
    ]
    assert grid.grid([]) == [[]]


def test_each_seed_and_value_is_a_run_of_its_own_and_the_un_erased_model_runs_once() -> None:
    settings = ["lamb=1", "lamb=10", "lamb=1.0"]
    found = grid.specs(["uce", "original"], seeds=[0, 2, 0], settings=settings, **FRAME)
    assert [(spec.method, spec.options.get("lamb"), spec.seed) for spec in found] == [
        ("original", None, 0),
        ("uce", 1.0, 0),
        ("uce", 1.0, 2),
        ("uce", 10.0, 0),
        ("uce", 10.0, 2),
    ]


def test_a_method_without_the_option_runs_once_a_seed() -> None:
    found = grid.specs(["uce", "sld"], seeds=[0], settings=["lamb=1", "lamb=10"], **FRAME)
    assert [spec.method for spec in found] == ["original", "uce", "sld", "uce"]


def test_one_bad_value_of_several_is_refused() -> None:
    with pytest.raises(InputError, match="lamb=many"):
        grid.specs(["uce"], seeds=[0], settings=["lamb=1", "lamb=many"], **FRAME)
