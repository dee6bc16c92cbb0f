"""Every command: stdout holds results alone, what is under way is told on stderr."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import cli
from bench.cli import commands
from bench.registry import scaffold
from bench.results import calibrations, store
from bench.runs import contract
from bench.runs.sensitivity import table
from bench.runs.tuning import study

PROGRESS = "it is under way"
"""What made-up work says while it is done."""
SAYS = {
    "check-method": r"(ok   |FAILS)  .*|all checks pass",
    "import-prompts": r"[a-z]+ {2,}.*|  .*|next: .*",
    "mini": r"/\S+",
    "new-method": r"wrote \S+|next: .*",
    "sensitivity": r"none +H_all .*|/\S+",
    "tune": r"uce: best of 1 trials 0\.5000, .*",
}
"""What each line of stdout is; of other commands, whatever it is with --quiet."""


@pytest.fixture(scope="module")
def here(
    made: store.Results, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A copy of suite and runs, which commands may change, and one of the runs."""
    folder = tmp_path_factory.mktemp("streams") / place.name
    shutil.copytree(place, folder)
    return folder, folder / "runs" / made.runs[1].record.spec.run_id


@pytest.fixture
def words(
    here: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[str]]:
    """Words of each command, whose long work is done already or made up."""
    place, one = map(str, here)
    runs = f"{place}/runs"
    asked = ["--method", "uce", "--suite", place, "--size", "tiny", "--steps", "1"]
    asked += ["--seed", "0", "--set", "lamb=1", "--device", "cpu", "--out", runs]
    (tmp_path / "theirs.txt").write_text("a photo of a zebra\n")
    theirs = [str(tmp_path / "theirs.txt"), "--concept", "zebra", "--kind", "object"]
    _make_up(tmp_path, monkeypatch)
    return {
        "attack": [*asked, "--attack", "seed_search"],
        "calibrate": ["--metric", "judge", "--each", "1", "--device", "cpu"],
        "check-method": ["uce"],
        "compare": ["--out", runs],
        "export": [one, "--to", str(tmp_path / "bundle"), "--as", "bundle"],
        "gallery": [one, "--to", str(tmp_path / "gallery.png")],
        "import-prompts": [*theirs, "--out", str(tmp_path / "suite")],
        "list": ["suites"],
        "mini": ["path"],
        "new-method": ["forget"],
        "plot": [one, "--kind", "interference", "--to", str(tmp_path / "plot.svg")],
        "prefetch": ["--model", "sd15", "--suite", "objects", "--plan"],
        "report": ["--out", runs],
        "run": asked,
        "score": [one, "--metric", "judge"],
        "sensitivity": ["--fault", "none", "--to", str(tmp_path / "faults")],
        "show": ["suite", place],
        "tune": ["--method", "uce", "--trials", "1", "--out", str(tmp_path)],
    }


def _make_up(folder: Path, patch: pytest.MonkeyPatch) -> None:
    def tune(task: object, out: Path, run: object, told: object) -> list[study.Trial]:
        told(PROGRESS)  # type: ignore[operator]
        return [study.Trial(0, {"lamb": 0.25}, 0.5, {"why": ""})]

    def measure(out: Path, *, told: object, **settings: object) -> list[table.Line]:
        told(PROGRESS)  # type: ignore[operator]
        return [table.Line("none", 1.0, {"H_all": (1.0, 0.9, 1.0)})]

    def check(name: str) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(check="same seed, same tensors", problem="")

    patch.setattr(study, "tune", tune)
    patch.setattr(table, "measure", measure)
    patch.setattr(contract, "check", check)
    patch.setattr(scaffold, "create", lambda name, kind: [Path(f"methods/{name}.py")])
    patch.setattr(calibrations, "FOLDERS", (folder / "calibration",))


def _takes_quiet(name: str) -> bool:
    parser = argparse.ArgumentParser()
    commands.found()[name].add_arguments(parser)
    return "--quiet" in parser._option_string_actions


def test_every_command_is_tried(words: dict[str, list[str]]) -> None:
    assert words.keys() == commands.found().keys()


@pytest.mark.parametrize("name", commands.found())
def test_stdout_holds_results_alone(
    name: str, words: dict[str, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([name, *words[name]]) == 0
    out, err = capfd.readouterr()
    for said in out.splitlines():
        assert re.fullmatch(SAYS.get(name, ".*"), said), said
    if name in ("tune", "sensitivity"):
        assert err == f"{PROGRESS}\n"
    if not _takes_quiet(name):
        assert name in SAYS
        return
    if name == "export":
        shutil.rmtree(words[name][2])
    assert cli.main([name, *words[name], "--quiet"]) == 0
    assert capfd.readouterr() == (out, "") and out
