"""The table of attacks: transfer and adaptive apart, rates with their intervals."""

from __future__ import annotations

import io

from rich.console import Console

from bench.report import attacks


def row(name: str, kind: str, left_out: str = "0") -> dict[str, str]:
    return {
        **{"method": "esd", "case": "airplane", "role": f"attack.{name}", "kind": kind},
        **{"n": "10", "left_out": left_out, "evaluations": "1324.4", "seconds": "9.4"},
        **{"before": "0.1", "before_low": "0.018", "before_high": "0.404"},
        **{"after": "0.4", "after_low": "0.168", "after_high": "0.687"},
    }


ROWS = [row("seed_search", "transfer"), row("p4d", "adaptive"), row("ring_a_bell", "transfer")]
LONG = row("unlearndiffatk", "adaptive") | {"method": "checkpoint"}


def printed(width: int, *more: dict[str, str]) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width).print(attacks.table([*ROWS, *more], width=width))
    return text.getvalue().splitlines()


def test_adaptive_and_transfer_attacks_stand_apart() -> None:
    lines = printed(160)
    place = {
        name: next(i for i, x in enumerate(lines) if f" {name} " in x)
        for name in ("p4d", "seed_search", "ring_a_bell")
    }
    assert place["p4d"] + 2 == place["seed_search"]
    assert place["seed_search"] + 1 == place["ring_a_bell"]
    assert set(lines[place["p4d"] + 1]) <= set("├┼┤─")
    assert "1,324" in lines[place["p4d"]]


def test_rates_have_intervals_where_there_is_room() -> None:
    assert any("0.40 [0.17, 0.69]" in line for line in printed(160))
    assert not any("[0.17" in line for line in printed(80))
    narrow = printed(80, LONG)
    assert all("…" not in line for line in narrow)
    assert "from above: adaptive, transfer" in narrow[-1]


def test_cases_say_what_was_left_out() -> None:
    rows = [row("p4d", "adaptive", "3"), row("seed_search", "transfer", "3")]
    assert attacks.left_out(rows) == [
        "airplane: 3 prompts left out, the un-erased model does not draw the concept for them"
    ]
    assert attacks.left_out(ROWS) == []
