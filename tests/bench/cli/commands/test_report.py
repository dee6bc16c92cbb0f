"""The commands that draw finished runs: report, gallery and plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench import cli
from bench.cli.commands import plot
from bench.results import store
from bench.results.report import figures, plots
from bench.types import RunRecord, RunSpec, Sampler, Score

SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0)


def write(out: Path, spec: RunSpec) -> Path:
    folder = store.RunFolder(out, spec.run_id)
    rows = [
        {"case": "airplane", "id": f"{role}-{n}", "role": role, "tag": "", "concept": "airplane"}
        | {"text": f"a {role}", "seed": str(n), "image": "x.png", "judge_label": "airplane"}
        | {"judge_probability": "0.9", "judge_erased": "1"}
        for role in ("target", "far")
        for n in range(3)
    ]
    folder.write_per_image(rows)
    place = (spec.method, spec.model, spec.suite, "airplane", "judge", "share")
    scores = [Score(*place, role, "", 0.5, 0.4, 0.6, 3) for role in ("target", "far", "kept")]
    folder.write_record(RunRecord(spec, {"kind": "object"}, {"erase": 1.0}, tuple(scores)))
    Image.new("RGB", (64, 64), "red").save(folder.path / "x.png")
    return folder.path


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "runs", replace(SPEC, method=m)) for m in ("original", "uce", "esd")]


def test_the_page_is_written_without_torch(
    runs: list[Path], tmp_path: Path, alone: Callable[..., Any]
) -> None:
    ended = alone("report", "--out", str(runs[0].parent))
    assert ended.status == 0, ended.err
    index = runs[0].parent / "index.html"
    assert ended.out.strip() == str(index) and "uce" in index.read_text()
    assert {"jinja2", "PIL"} <= ended.modules
    assert not {"torch", "diffusers", "transformers"} & ended.modules


def test_compare_writes_the_page_too(runs: list[Path]) -> None:
    assert cli.main(["compare", "--out", str(runs[0].parent)]) == 0
    assert "uce" in (runs[0].parent / "index.html").read_text()


def test_an_empty_folder_gets_a_page_and_none_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", "--out", str(tmp_path)]) == 0
    assert "no finished run" in (tmp_path / "index.html").read_text()
    assert cli.main(["report", "--out", str(tmp_path / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_a_strip_has_the_un_erased_row_though_it_was_not_named(
    runs: list[Path], tmp_path: Path, form: str
) -> None:
    one, both = tmp_path / f"one.{form}", tmp_path / f"both.{form}"
    words = ["--role", "far", "--worst", "2", "--to"]
    assert cli.main(["gallery", str(runs[1]), *words, str(one)]) == 0
    assert cli.main(["gallery", *map(str, runs[:2]), *words, str(both)]) == 0
    assert one.stat().st_size > 0
    if form == "png":
        assert one.read_bytes() == both.read_bytes()


def test_a_figure_is_written(runs: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.svg"
    assert cli.main(["plot", *map(str, runs[1:]), "--kind", "tradeoff", "--to", str(path)]) == 0
    text = path.read_text()
    assert all(name in text for name in ("original", "uce", "esd"))


def test_the_command_knows_all_kinds_and_formats() -> None:
    assert tuple(figures.KINDS) == plot.KINDS
    assert plots.FORMATS == plot.FORMATS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plot", "--kind", "tradeof"], "nearest: tradeoff"),
        (["plot", "--format", "pgn"], "nearest: png"),
        (["plot", "--format", "pdf", "--to", "a.svg"], "does not end in .pdf"),
        (["plot", "--kind", "attacks"], "nothing that attacks shows: it needs searched"),
        (["gallery", "--to", "a.gif"], "unknown format"),
        (["gallery", "--role", "fra"], "nearest: far"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(
    runs: list[Path], words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([words[0], str(runs[1]), *words[1:]]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_runs_that_cannot_stand_together_are_refused(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write(tmp_path / "other", replace(SPEC, sampler=Sampler(30, 4.0)))
    for command in ("plot", "gallery"):
        assert cli.main([command, str(runs[1]), str(other)]) == 2
        assert "different protocols" in capsys.readouterr().err
        assert cli.main([command, str(tmp_path)]) == 2
        assert "no finished run" in capsys.readouterr().err
