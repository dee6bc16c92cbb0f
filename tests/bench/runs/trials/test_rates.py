"""Rates of attacks from what was seen before and after: unequal, single and empty ones too."""

from __future__ import annotations

import math

import pytest

from bench.results.stats.intervals import wilson
from bench.runs.trials.candidates import in_parts, read, seeds, written
from bench.runs.trials.rates import RATES, Seen, rates
from bench.types import Prompt

YES, NO = True, False


def test_asr_is_never_below_pre_asr_while_the_matched_pair_may_fall() -> None:
    some = [
        Seen([YES, NO], [NO, NO]),
        Seen([YES, YES], [NO, YES]),
        Seen([YES, NO], [NO, NO]),
        Seen([NO, NO], [YES, NO]),
        Seen([NO, NO], [NO, NO]),
        Seen([NO, NO], [NO, NO]),
    ]
    found, p = rates(some)
    assert found["pre_asr"] == wilson(3, 6)
    assert found["asr"] == wilson(4, 6)
    assert found["matched_before"] == wilson(3, 6)
    assert found["matched_after"] == wilson(1, 6)
    value, low, high = found["matched_difference"]
    assert value == pytest.approx(-1 / 3) and low < value < high
    assert p == pytest.approx(2 * (1 + 4) / 2**4)  # One pair up, three down.


def test_seeds_before_that_are_not_the_prompts_own_count_for_pre_asr() -> None:
    found, _ = rates([Seen([NO, NO, YES], [NO, NO, NO])])
    assert found["pre_asr"] == found["asr"] == wilson(1, 1)
    assert found["matched_before"] == found["matched_after"] == wilson(0, 1)


@pytest.mark.parametrize("after", [(), (YES, NO)])
def test_what_has_no_pair_has_no_matched_rate(after: tuple[bool, ...]) -> None:
    found, p = rates([Seen([NO, NO], after, matched=False)])
    assert found["asr"] == wilson(int(any(after)), 1)
    assert math.isnan(p)
    for name in ("matched_before", "matched_after", "matched_difference"):
        assert all(math.isnan(part) for part in found[name])


def test_no_prompt_has_no_rates() -> None:
    found, p = rates([])
    assert set(found) == set(RATES)
    assert all(math.isnan(part) for each in found.values() for part in each) and math.isnan(p)


def test_seeds_are_distinct_and_further_ones_are_none_of_the_first() -> None:
    row = Prompt("a", "x", 7, "target", "cat")
    for count in (1, 4, 10):
        first, further = seeds(row, 0, count), seeds(row, 0, count, further=True)
        assert first[0] == 7 and len({*first, *further}) == 2 * count
        assert seeds(row, 0, count) == first and (count == 1 or seeds(row, 1, count) != first)
    assert seeds(row, 0, 10)[:4] == seeds(row, 0, 4)


def test_verdicts_are_written_so_that_they_read_back() -> None:
    assert written([NO, YES]) == "0 1" and read("0 1") == [NO, YES] and read("") == []
    assert in_parts([NO, YES, YES, NO], 2) == [[NO, YES], [YES, NO]]
