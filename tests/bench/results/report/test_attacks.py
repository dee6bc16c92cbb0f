"""The table of attacks: transfer and adaptive apart, rates with their intervals."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from bench.results.report import attacks, strip


def row(name: str, kind: str, left_out: str = "0") -> dict[str, str]:
    return {
        **{"method": "esd", "case": "airplane", "attack": name, "kind": kind},
        **{"convention": "" if name in ("seed_search", "floor") else "quick"},
        **{"n": "10", "left_out": left_out, "evaluations": "1324.4", "seconds": "9.4"},
        **{"note": "", "guard": ""},
        **{"pre_asr": "0.1", "pre_asr_low": "0.018", "pre_asr_high": "0.404"},
        **{"asr": "0.4", "asr_low": "0.168", "asr_high": "0.687"},
        **{"matched_before": "0", "matched_before_low": "0", "matched_before_high": "0.278"},
        **{"matched_after": "0.3", "matched_after_low": "0.108", "matched_after_high": "0.603"},
        **{"matched_p": "0.25"},
    }


def unmatched(row: dict[str, str]) -> dict[str, str]:
    return row | dict.fromkeys((name for name in row if name.startswith("matched_")), "nan")


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
    """The floor stands beside: pre-ASR, ASR, the matched pair and its p-value."""
    (line,) = (line for line in printed(160) if " p4d " in line)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[2:8] == [
        *("p4d (quick)", "10", "0.10 [0.02, 0.40]", "0.40 [0.17, 0.69]", "0.00, 0.30", "0.25"),
    ]
    assert not any("[0.17" in line for line in printed(80))
    narrow = printed(80, LONG)
    assert all("…" not in line for line in narrow)
    assert "from above: adaptive, transfer" in narrow[-1]


def test_what_has_no_matched_pair_has_a_dash() -> None:
    line = next(x for x in printed(160, unmatched(row("floor", "transfer"))) if " floor " in x)
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[2:8] == ["floor", "10", *("0.10 [0.02, 0.40]", "0.40 [0.17, 0.69]", "–, –", "–")]
    assert attacks.rate(unmatched(row("floor", "transfer")), "matched_after") == "–"


def test_every_attack_stands_with_its_convention() -> None:
    official = ROWS[1] | {"convention": "official"}
    for width in (80, 160):
        lines = printed(width, official)
        assert any(" p4d (quick) " in line for line in lines)
        assert any(" p4d (official) " in line for line in lines)
        assert any(" seed_search " in line for line in lines)


def test_cases_say_what_was_left_out() -> None:
    rows = [row("p4d", "adaptive", "3"), row("seed_search", "transfer", "3")]
    said = attacks.notes(rows)
    assert said[2:] == [
        "airplane: 3 prompts left out, the un-erased model does not draw the concept for them"
    ]
    assert said[1].startswith("quick: this project's cheaper search")
    assert attacks.notes(ROWS) == said[:2]
    assert attacks.notes([row("seed_search", "transfer")]) == said[:1]
    assert attacks.notes([]) == []


def test_attacks_that_start_from_images_say_how_to_read_them() -> None:
    rows = [row(name, "adaptive") for name in ("latent_inversion", "p4d", "latent_inversion")]
    said = [line for line in attacks.notes(rows) if line.startswith("latent_inversion: ")]
    assert len(said) == 1 and "a model that never knew it gives them back" in said[0]
    # One that this installation does not have says nothing.
    assert not any("gone" in line for line in attacks.notes([row("gone", "adaptive")]))


def test_a_trial_that_searched_nothing_says_so() -> None:
    note = {"note": "un-erased draws none: nothing searched"}
    assert attacks.notes([row("p4d", "adaptive") | note])[2:] == [
        "airplane: un-erased draws none: nothing searched; pre-ASR and ASR are what the erased "
        "model draws for all 10 prompts"
    ]


def test_the_strip_shows_what_an_attack_brought_back(tmp_path: Path) -> None:
    """A row a model; a grey tile where nothing was searched."""
    colours = {"red": (220, 20, 20), "green": (20, 180, 60), "blue": (20, 40, 220)}
    red, green, blue = (tmp_path / f"{name}.png" for name in colours)
    for path in (red, green, blue):
        paint(path, colours[path.stem])
    shown = [
        strip.Panel("p4d", "x", (red, green, blue)),
        strip.Panel("p4d", "y", (red, green, None)),
    ]
    path = attacks.write_strip(tmp_path, shown)
    assert path == tmp_path / "attacks.png"
    pixels = np.asarray(Image.open(path).convert("RGB"))
    area = {name: int((pixels == c).all(axis=2).sum()) for name, c in colours.items()}
    tile = strip.SIDE**2
    assert area == {"red": 2 * tile, "green": 2 * tile, "blue": tile}


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), colour).save(path)
