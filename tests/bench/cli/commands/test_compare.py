from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import cli
from bench.results import store
from bench.types import RunRecord, RunSpec, Sampler, Score

SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0)
MOST_READS = 2
"""How often a comparison may read a run's rows: for effects, and for paired differences."""
ROLES = ("target", "synonym", "related", "near", "far")


def write(out: Path, spec: RunSpec) -> Path:
    """Write a finished run of 300 images without drawing any."""
    folder = store.RunFolder(out, spec.run_id)
    rows = [
        {"case": "airplane", "id": f"{role}-{n}", "role": role, "tag": "", "concept": "airplane"}
        | {"text": "a", "seed": str(n), "image": "x.png", "judge_label": "airplane"}
        | {"judge_probability": "0.9", "judge_erased": "1"}
        for role in ROLES
        for n in range(60)
    ]
    folder.write_per_image(rows)
    place = (spec.method, spec.model, spec.suite, "airplane")
    scores = tuple(
        Score(*place, "judge", measure, role, "", 0.5, 0.4, 0.6, 60)
        for measure in ("share", "probability", "entropy")
        for role in ROLES
    )
    folder.write_record(RunRecord(spec, {"finished": "2024"}, {"erase": 1.0}, scores))
    return folder.path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for method in ("original", "uce", "mace"):
        write(tmp_path, replace(SPEC, method=method))
    return tmp_path


def test_all_runs_are_compared_and_the_files_written(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "original" in text and "difference from original" in text
    assert all((out / f"comparison.{ending}").exists() for ending in ("csv", "md", "tex"))


def test_named_runs_are_compared_and_no_file_is_written(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(path) for path in store.folders(out) if "mace" not in path.name]
    assert cli.main(["compare", *runs, "--baseline", "uce", "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    assert "| original |" in text and "mace" not in text and "difference from uce" in text
    assert not (out / "comparison.csv").exists()


def test_different_protocols_are_refused_unless_told_and_then_marked(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write(out, replace(SPEC, size="full", model="sd14"))
    runs = [str(out / SPEC.run_id), str(other)]
    assert cli.main(["compare", *runs]) == 2
    error = capsys.readouterr().err
    assert "model: mini and sd14; size: quick and full" in error and "--anyway" in error
    assert cli.main(["compare", *runs, "--anyway", "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    assert "These runs have different protocols: model: mini and sd14" in text
    assert "uce (model sd14, size full)" in text
    # All of a folder are not one comparison: each protocol has its own tables.
    assert cli.main(["compare", "--out", str(out), "--format", "csv"]) == 0


def test_a_record_of_another_version_is_named_and_the_rest_still_compared(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / SPEC.run_id / "record.json").write_text("{}")
    assert cli.main(["compare", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "left out:" in captured.err and SPEC.run_id in captured.err
    assert "mace" in captured.out
    assert f"Left out: {out / SPEC.run_id}" in (out / "comparison.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--baseline", "mce"], "unknown baseline: 'mce'; nearest: mace"),
        (["--metric", "judg"], "unknown metric of these runs: 'judg'; nearest: judge"),
        (["--format", "pdf"], "unknown format: 'pdf'"),
        (["nowhere"], "nowhere is no finished run"),
    ],
)
def test_bad_input(
    out: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", "--out", str(out), *words]) == 2
    assert message in capsys.readouterr().err


def test_an_empty_folder_says_how_to_fill_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", "--out", str(tmp_path)]) == 2
    assert "there is no finished run" in capsys.readouterr().err


def test_twenty_runs_take_no_torch_and_each_file_is_read_once(alone: Any, out: Path) -> None:
    for number in range(17):
        write(out, replace(SPEC, method=f"m{number}"))
    done = alone("compare", "--out", str(out))
    assert done.status == 0 and done.out.count("m16") >= 1
    assert not {"torch", "diffusers", "transformers", "pandas"} & done.packages
    reads = Counter(name for name in done.opened if Path(name).name == "record.json")
    assert sorted(reads) == sorted(str(path / "record.json") for path in store.folders(out))
    assert set(reads.values()) == {1}
    rows = Counter(name for name in done.opened if Path(name).name == "per_image.csv")
    assert len(rows) == 20 and max(rows.values()) <= MOST_READS
