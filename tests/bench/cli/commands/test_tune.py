"""`bench tune`: a plan without torch, bad input in one line, a row a method."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import cli
from bench.runs.tuning import study
from bench.runs.tuning.study import Trial
from bench.runs.tuning.task import Task


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "tune needs --method; choices: adavd"),
        (["--method", "ucee"], "'ucee'; nearest: uce"),
        (["--method", "original"], "method original says nowhere what to search"),
        (["--method", "uce", "--size", "smok"], "'smok'; nearest: smoke"),
        (["--method", "uce", "--objective", "H_o"], "unknown objective 'H_o'; choices: H_all"),
        (["--method", "uce", "--trials", "0"], "got '0'"),
        (["--method", "uce", "--budget", "-1"], "got '-1'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_made(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--plan"]):
        assert cli.main(["tune", *words, *more]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1
        assert message in captured.err
    assert not any(tmp_path.iterdir())


def test_a_plan_says_what_is_searched_and_needs_no_torch(alone: Any, tmp_path: Path) -> None:
    done = alone("tune", "--method", "uce", "--trials", "7", "--out", str(tmp_path), "--plan")
    assert done.status == 0, done.err
    assert "uce: 7 of 7 trials left" in done.out
    assert "ship, deer, sepia, darwin; 147 images a trial, size smoke" in done.out
    assert "at most 12000 U-Net evaluations" in done.out
    assert "lamb 0.05 to 5.0, by logarithm" in done.out
    assert not {"torch", "diffusers", "optuna"} & done.packages
    assert not any(tmp_path.iterdir())


def test_each_method_gets_the_same_and_a_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Task, Path]] = []

    def tune(task: Task, out: Path, run: object, told: Any) -> Sequence[Trial]:
        asked.append((task, out))
        told("a line")
        values = {"uce": 0.5, "rece": float("nan")}
        return [Trial(0, {"lamb": 0.25}, values[task.method], {"why": ""})]

    monkeypatch.setattr(study, "tune", tune)
    words = ["tune", "--method", "uce", "--method", "rece", "--trials", "1", "--seed", "3"]
    words += ["--out", str(tmp_path)]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "uce: best of 1 trials 0.5000, the preset 0.5000: --set lamb=0.25",
        "rece: best of 1 trials nan, the preset nan: no trial counts",
    ]
    assert asked == [(Task(m, 1, "smoke", "H_all", 12_000, 3), tmp_path) for m in ("uce", "rece")]
    assert cli.main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["best"] for row in rows] == [0.5, None]
    assert rows[0]["settings"] == {"lamb": 0.25}


@pytest.mark.slow
def test_two_trials_are_carried_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tune", "--method", "uce", "--trials", "2", "--json"]
    words += ["--out", str(tmp_path / "logs"), "--runs", str(tmp_path / "runs")]
    assert cli.main(words) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["trials"] == 2 and row["best"] >= row["preset"] > 0.3
    assert len(list((tmp_path / "runs").glob("uce-*"))) == 6
    assert len(list((tmp_path / "runs").glob("original-*"))) == 3


def test_the_command_grants_what_a_task_does() -> None:
    words = ["tune", "--method", "uce"]
    args = cli._parser(words).parse_args(words)
    asked = (args.trials, args.size, args.objective, args.budget, args.seed)
    assert asked == (Task.trials, Task.size, Task.objective, Task.budget, Task.seed)
