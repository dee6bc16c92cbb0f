"""What changes images is part of the run; what does not, is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import cli
from bench.results import report, store
from bench.runs import plan

from ..conftest import WriteSuite


@pytest.fixture
def suite(write_suite: WriteSuite, tmp_path: Path) -> Path:
    return write_suite(tmp_path / "suite", metrics=("judge", "clip"))


@pytest.fixture(scope="module")
def plain(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the same suite without any switch, to be copied; returns their folder."""
    folder = write_suite(tmp_path_factory.mktemp("plain") / "suite", metrics=("judge", "clip"))
    assert run(folder) == 0
    return folder / "runs"


def run(suite: Path, *words: str, out: str = "runs", method: str = "original") -> int:
    whole = ["run", "--method", method, "--suite", str(suite), "--size", "tiny", "--steps", "2"]
    whole += ["--device", "cpu", "--workers", "1", "--out", str(suite / out), "-q", *words]
    return cli.main(whole)


def found(suite: Path, out: str = "runs") -> tuple[store.Finished, ...]:
    return store.load(suite / out).runs


def image(suite: Path, out: str, name: str = "a-0") -> np.ndarray:
    (path,) = (suite / out).glob(f"original-*/images/unerased/{name}.png")
    return np.asarray(Image.open(path), dtype=int)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scheduler", "dpm++"], "DPM++ 2 steps"),
        (["--scheduler", "Euler"], "Euler 2 steps"),
        (["--negative-prompt", "snow"], "negative prompt 'snow'"),
        (["--limit", "1"], "tiny@1"),
    ],
)
def test_what_changes_images_is_a_run_of_its_own(
    words: list[str], said: str, suite: Path, plain: Path
) -> None:
    shutil.copytree(plain, suite / "runs")
    assert run(suite, *words) == 0
    groups = report.groups(found(suite))
    assert len(groups) == 2
    headings = [group.heading for group in groups]
    assert sum(said in heading for heading in headings) == 1
    if "--limit" not in words:
        drawn = (suite / "runs").glob("original-*/images/unerased/a-0.png")
        assert len({path.read_bytes() for path in drawn}) == 2


def test_the_batch_size_is_no_part_of_a_run(suite: Path, plain: Path) -> None:
    shutil.copytree(plain, suite / "one")
    assert run(suite, "--batch-size", "1", out="two") == 0
    (one,), (two,) = found(suite, "one"), found(suite, "two")
    assert one.record.spec == two.record.spec
    assert (one.record.provenance["batch_size"], two.record.provenance["batch_size"]) == (25, 1)
    assert np.abs(image(suite, "one") - image(suite, "two")).max() <= 1


def test_drawn_now_and_measured_later_is_the_same(
    suite: Path, plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(suite, "--no-metrics") == 0
    assert "drawn, not measured" in capsys.readouterr().out
    (drawn,) = found(suite)
    assert not drawn.record.scores
    path = next((suite / "runs").glob("original-*/images/unerased/a-0.png"))
    before = path.stat().st_mtime_ns
    assert run(suite, "--metric", "judge") == 0
    (judged,) = found(suite)
    assert {score.metric for score in judged.record.scores} == {"judge"}
    assert run(suite) == 0
    (whole,) = found(suite)
    assert {score.metric for score in whole.record.scores} == {"judge", "clip"}
    assert path.stat().st_mtime_ns == before
    shutil.copytree(plain, suite / "at-once")
    (once,) = found(suite, "at-once")
    one, two = ({s.key: repr(s) for s in run.record.scores} for run in (once, whole))
    assert one == two
    assert once.record.provenance["protocol"] == whole.record.provenance["protocol"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scheduler", "DDPM"], "unknown scheduler: 'DDPM'; nearest: DDIM"),
        (["--width", "64"], "--width and --height go together"),
        (["--width", "64", "--height", "64"], "draw images of their own size only"),
        (["--width", "63", "--height", "64"], "must be 64 to"),
        (["--negative-prompt", "snow", "--guidance", "1"], "needs guidance above 1"),
        (["--metric", "juge"], "unknown metric of suite suite for images of mini: 'juge'"),
        (["--metric", "judge", "--no-metrics"], "--no-metrics measures nothing"),
        (["--batch-size", "0"], "must be a whole number from 1 to"),
        (["--limit", "0"], "must be a whole number from 1 to"),
        (["--offload"], "--offload takes off a GPU"),
    ],
)
def test_bad_input_is_found_by_the_plan(
    words: list[str], message: str, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(suite, "--plan", *words) == 2
    assert message in capsys.readouterr().err
    assert not (suite / "runs").exists()


@pytest.mark.parametrize("words", [["--scheduler", "Euler"], ["--negative-prompt", "snow"]])
def test_attacks_refuse_what_they_cannot_search_with(
    words: list[str], suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ["attack", "--method", "uce", "--suite", str(suite), "--size", "tiny", "--plan"]
    whole += ["--attack", "seed_search", "--out", str(suite / "runs")]
    assert cli.main(whole) == 0
    assert cli.main([*whole, *words]) == 2
    assert "attacks search on DDIM's path at the model's own size" in capsys.readouterr().err


def test_a_spec_says_only_what_was_asked_for(suite: Path) -> None:
    """So that runs made before there were such switches are the same runs."""
    (spec,) = plan.specs(["original"], model="mini", suite=str(suite), size="tiny")
    assert spec.to_json()["sampler"] == {"steps": 20, "guidance": 4.0}
