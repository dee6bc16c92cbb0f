from __future__ import annotations

import math

import pytest

from bench.results.stats import effects, intervals


def row(number: int, role: str, shows: float, case: str = "airplane") -> dict[str, str]:
    return {"id": f"{role}-{number}", "role": role, "case": case, "shows": str(shows)}


def value(row: effects.Row) -> float:
    return float(row["shows"])


def found(
    rows: list[dict[str, str]], unerased: list[dict[str, str]]
) -> dict[tuple[str, str], tuple[intervals.Interval, int]]:
    return {(name, role): (i, n) for name, role, i, n in effects.of([rows], unerased, value)}


def test_efficacy_and_generality_are_what_fell_and_the_others_what_stayed() -> None:
    rows = [
        row(i, role, i == 0)
        for role in ("target", "synonym", "related", "far")
        for i in (0, 1, 2, 3)
    ]
    got = found([{**r, "shows": str(float(r["shows"] == "True"))} for r in rows], [])
    assert got["efficacy", "target"][0][0] == 0.75
    assert got["generality", "synonym"][0][0] == 0.75
    assert got["residue", "related"][0][0] == 0.25
    assert got["specificity", "far"][0][0] == 0.25
    assert not [name for name, _ in got if name.endswith("_relative")]
    value, low, high = got["efficacy", "target"][0]
    assert low < value < high and (1 - value, 1 - high, 1 - low) == pytest.approx(
        intervals.wilson(1, 4)
    )


def test_relative_counts_only_what_the_un_erased_model_draws() -> None:
    rows = [row(0, "related", 1), row(1, "related", 0), row(2, "related", 0), row(3, "related", 1)]
    before = [
        row(0, "related", 1),
        row(1, "related", 1),
        row(2, "related", 0),
        row(3, "related", math.nan),
    ]
    (rate, _, _), n = found(rows, before)["residue_relative", "related"]
    assert (rate, n) == (0.5, 2)
    assert found(rows, before)["residue", "related"][1] == 4


def test_a_model_that_never_drew_it_says_nothing() -> None:
    rows, before = [row(0, "related", 0)], [row(0, "related", 0)]
    (rate, low, high), n = found(rows, before)["residue_relative", "related"]
    assert n == 0 and math.isnan(rate) and math.isnan(low) and math.isnan(high)
