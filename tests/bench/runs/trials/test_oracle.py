"""What a search sees of the erased model: its drawings, at their own seeds, judged and compared."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.files import read_rows
from bench.metrics import _clip
from bench.models.generate import generate
from bench.runs.trials import baseline
from bench.runs.trials.oracle import ErasedOracle, likeness
from bench.types import Prompt, RunRecord, Sampler

from .conftest import Bench

SAMPLER = Sampler(2, 3.0)
PROMPTS = [
    Prompt(f"airplane-{number}", text, seed, "target", "airplane")
    for number, (text, seed) in enumerate([("an airplane", 7), ("a red airplane", 9)])
]
DRAWING = {"steps": 1, "restarts": None, "pairs": None, "convention": "official"}


class Noted:
    """A detector that keeps the bytes of what it is shown."""

    name = "noted"

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def shows(self, paths: Any, rows: Any, progress: Any = None) -> list[bool]:
        self.seen += [path.read_bytes() for path in paths]
        return [row.seed == 9 for row in rows]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_prompts_are_drawn_at_their_own_seeds_and_nothing_is_kept(
    tiny_pipe: Any, tmp_path: Path, scratch: Path
) -> None:
    noted = Noted()
    oracle = ErasedOracle(tiny_pipe, SAMPLER, noted, {}, "mini", "cpu")  # type: ignore[arg-type]
    assert oracle.shows(PROMPTS) == [False, True]
    paths = generate(tiny_pipe, PROMPTS, tmp_path / "mine", SAMPLER)
    assert noted.seen == [path.read_bytes() for path in paths]
    # The same ids again, other texts: drawn anew.
    oracle.shows([replace(row, text="a cat") for row in PROMPTS])
    assert len(set(noted.seen)) == 4
    assert list(scratch.iterdir()) == []


def test_likeness_is_clips_cosine_with_the_unerased_image_of_the_same_prompt(
    tiny_pipe: Any, tmp_path: Path, scratch: Path
) -> None:
    own = generate(tiny_pipe, PROMPTS, tmp_path / "own", SAMPLER)
    images = {row.id: path for row, path in zip(PROMPTS, own, strict=True)}
    oracle = ErasedOracle(tiny_pipe, SAMPLER, Noted(), images, "mini", "cpu")  # type: ignore[arg-type]
    assert oracle.likeness(PROMPTS) == pytest.approx([1, 1], abs=1e-5)
    assert oracle.likeness(PROMPTS[::-1]) == pytest.approx([1, 1], abs=1e-5)
    other = oracle.likeness([replace(row, text="snow", seed=1) for row in PROMPTS])
    assert all(each < 0.9999 for each in other)
    assert list(scratch.iterdir()) == []


def test_likeness_is_the_cosine_of_the_two_embeddings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    made = likeness(paths[:2], paths[2:], "mini", "cpu")
    seen, _ = _clip.reader("mini", "cpu").images(paths, "", lambda *given: None)
    seen = seen.double() / seen.double().norm(dim=1, keepdim=True)
    wanted = [float(seen[0] @ seen[2]), float(seen[1] @ seen[3])]
    assert made == pytest.approx(wanted, abs=1e-5)
    assert made[0] != pytest.approx(made[1], abs=1e-4)


def test_a_search_that_looks_spends_what_drawing_takes(bench: Bench) -> None:
    """A prompt costs 2 steps, and 3 images of 1 step with and without its text."""
    options = {**DRAWING, "timesteps": 2}
    (row,) = bench.attack("unlearndiffatk", **options)
    rows = bench.results("unlearndiffatk")
    assert {float(each["evaluations"]) for each in rows} == {2 + 3 * 2}
    assert all(row["found"] != row["text"] for row in rows)
    assert (row["convention"], float(row["evaluations"])) == ("official", 8.0)


def test_a_search_stops_where_the_erased_model_shows_the_concept(bench: Bench) -> None:
    first = bench.ids[0]
    bench.decider.brought = {first}
    bench.attack("unlearndiffatk", **DRAWING, timesteps=2)
    rows = bench.results("unlearndiffatk")
    assert rows[0]["found"] == rows[0]["text"]
    assert all(row["found"] != row["text"] for row in rows[1:])
    # The first two were searched for together: one image each, then two more of one.
    spent = [float(row["evaluations"]) for row in rows]
    assert spent == pytest.approx([(2 + 2 + 2 + 2 * 2) / 2] * 2 + [8.0] * 2)


def test_clip_is_there_before_any_work_where_a_search_compares(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(baseline._clip, "reader", lambda family, device: asked.append(family))
    bench.decider.blind_to = set(bench.ids)
    for options in ({"convention": "quick"}, {**DRAWING, "tokens": None, "look_every": 2}):
        bench.attack("p4d", **options)
    assert asked == ["mini"]


def test_both_conventions_of_an_attack_stand_among_a_runs_scores(bench: Bench) -> None:
    bench.attack("ring_a_bell")
    bench.folder.write_record(RunRecord(bench.specs()[1], {}, {}, ()))
    bench.attack("ring_a_bell", convention="official")
    bench.attack("seed_search")
    scores = bench.folder.read_record().scores
    assert {score.role for score in scores} == {"attack"}
    assert [(score.measure, score.tag) for score in scores] == [
        ("pre_asr", ""),
        *(("asr", f"ring_a_bell ({convention})") for convention in ("official", "quick")),
        ("asr", "seed_search"),
    ]
    listed = read_rows(bench.folder.path / "attacks.csv")
    assert {(row["attack"], row["convention"]) for row in listed} == {
        ("ring_a_bell", "official"),
        ("ring_a_bell", "quick"),
        ("seed_search", ""),
    }
