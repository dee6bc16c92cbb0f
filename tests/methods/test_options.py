"""Options: their ranges, ends included or not, and what stays as it was published."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import pytest

from bench.types import InputError
from methods import _options


@pytest.mark.parametrize(
    ("check", "good", "bad", "message"),
    [
        (partial(_options.at_least, 1), 1, 0, "steps is 0, allowed is 1 or more"),
        (partial(_options.at_least, 0), 0.0, -0.5, "steps is -0.5, allowed is 0 or more"),
        (partial(_options.at_least, 0), None, math.nan, "steps is nan, allowed is 0 or more"),
        (partial(_options.above, 0), 1e-9, 0.0, "steps is 0.0, allowed is more than 0"),
        (partial(_options.above, 0), None, math.nan, "steps is nan, allowed is more than 0"),
        (partial(_options.within, 0, 1), 0, -0.1, "steps is -0.1, allowed is 0 to 1"),
        (partial(_options.within, 0, 1), 1, 1.1, "steps is 1.1, allowed is 0 to 1"),
        (partial(_options.within, 0, 1), 0.5, math.nan, "steps is nan, allowed is 0 to 1"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(
    check: Callable[..., None], good: float | None, bad: float, message: str
) -> None:
    check(batch=good, steps=good)
    with pytest.raises(InputError) as error:
        check(batch=good, steps=bad)
    assert str(error.value) == message


@dataclass(frozen=True)
class Published:
    steps: int = 100
    rate: float = 1e-5
    where: str = "all"


def test_what_is_open_is_as_published() -> None:
    options = SimpleNamespace(steps=0, rate=None, where=None, seed=5)
    assert _options.completed(Published(where="keys"), options) == Published(0, 1e-5, "keys")
