"""The table of attacks: transfer and adaptive apart, rates with their intervals."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from bench.report import attacks, strip
from bench.store import write_rows


def row(name: str, kind: str, left_out: str = "0") -> dict[str, str]:
    return {
        **{"method": "esd", "case": "airplane", "role": f"attack.{name}", "kind": kind},
        **{"convention": "" if name == "seed_search" else "quick"},
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


def test_every_attack_stands_with_its_convention() -> None:
    official = ROWS[1] | {"convention": "official"}
    for width in (80, 160):
        lines = printed(width, official)
        assert any(" p4d (quick) " in line for line in lines)
        assert any(" p4d (official) " in line for line in lines)
        assert any(" seed_search " in line for line in lines)


def test_cases_say_what_was_left_out() -> None:
    rows = [row("p4d", "adaptive", "3"), row("seed_search", "transfer", "3")]
    assert attacks.left_out(rows) == [
        "airplane: 3 prompts left out, the un-erased model does not draw the concept for them"
    ]
    assert attacks.left_out(ROWS) == []


def test_the_strip_shows_what_an_attack_brought_back(tmp_path: Path) -> None:
    """Three pictures an attack, the successes first, each from where it is."""
    red, green, blue = (220, 20, 20), (20, 180, 60), (20, 40, 220)
    original, run = tmp_path / "original", tmp_path / "run"
    trial = run / "attacks" / "airplane" / "p4d-quick-0"
    results = []
    for number in range(4):
        paint(original / "images" / "unedited" / f"a-{number}.png", red)
        paint(run / "attacks" / "airplane" / "unattacked" / f"a-{number}.png", green)
        paint(trial / "images" / f"a-{number}-0.png", green)
        paint(trial / "images" / f"a-{number}-1.png", blue)
        after = number == 3
        results.append({"id": f"a-{number}", "found": "x", "after": str(int(after))})
        results[-1]["first"] = "1" if after else ""
    write_rows(trial / "results.csv", list(results[0]), results)
    write_rows(trial / "summary.csv", ["role"], [{"role": "attack.p4d"}])
    path = attacks.write_strip(run, original, [trial])
    assert path == run / "attacks.png"
    pixels = np.asarray(Image.open(path).convert("RGB"))
    area = {c: int((pixels == c).all(axis=2).sum()) for c in (red, green, blue)}
    tile = strip.SIDE**2
    assert area == {red: 3 * tile, green: 5 * tile, blue: tile}


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), colour).save(path)
