"""Every column of every CSV file that is written is explained, and nothing that no file has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import cli, registry
from bench.data import ROOT
from bench.models.mini import known
from bench.results import Results, calibrations
from bench.results.glossary import GLOSSARY, VERDICTS, WHERE, WORDS
from bench.results.stats import axes, calibration
from bench.results.store import Finished, RunFolder
from bench.runs import plan
from bench.runs.sensitivity import table
from bench.runs.tuning.study import tune
from bench.runs.tuning.task import Task
from bench.types import ROLES, RunRecord, RunSpec, Score

from .. import synthetic
from ..columns import explained
from ..conftest import WriteSuite

ELSEWHERE = {"attacks.csv", "seen.csv", "results.csv", "found/N.csv", "lora_errors.csv"}
"""Files that are compared where they are made: tests of trials and of exports."""
WRITERS = {
    "bench/results/agreement.py",
    "bench/results/calibrations.py",
    "bench/results/report/axes.py",
    "bench/results/report/interference.py",
    "bench/results/report/sheet.py",
    "bench/results/report/wide.py",
    "bench/results/store.py",
    "bench/prompts/importers/suite.py",
    "bench/runs/export/write.py",
    "bench/runs/sensitivity/table.py",
    "bench/runs/trials/folder.py",
    "bench/runs/trials/table.py",
    "bench/runs/trials/unattacked.py",
    "bench/runs/tuning/study.py",
}
"""Modules that write CSV files; what a new one writes is to be made here, or where it is tested."""


def compared(folder: Path, suite: Path) -> None:
    specs = plan.specs(["uce"], model="mini", suite=str(suite), size="tiny", steps=2)
    synthetic.write(folder, specs)
    assert cli.main(["compare", "--out", str(folder), "--wide", "--quiet"]) == 0


def rated(folder: Path) -> None:
    image = next(image for image, concept in known.images("object", 1) if concept)
    (folder / "in").mkdir()
    image.save(folder / "in" / "a.png")
    prompts, people = folder / "in" / "prompts.csv", folder / "in" / "people.csv"
    prompts.write_text("id,concept,role,text,seed\na,airplane,target,an airplane,1\n")
    people.write_text("image,verdict\na.png,yes\n")
    words = ["score", "--images", str(folder / "in"), "--prompts", str(prompts)]
    words += ["--erased", "airplane", "--model", "mini", "--verdicts", str(people)]
    assert cli.main([*words, "--to", str(folder / "scored"), "--device", "cpu"]) == 0
    prompts.unlink()
    people.unlink()


def calibrated(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(calibrations, "FOLDERS", (folder,))
    reading = calibration.read("judge", "v1", ("a", "b"), ["a", ""], ["a", "b"], [0.9] * 2)
    calibrations.write(calibration.Calibration("mini", "object", "2 images", (reading,), None))


def tuned(folder: Path) -> None:
    def run(specs: list[RunSpec]) -> Results:
        place = ("uce", "mini", specs[-1].suite)
        scores = [
            Score(*place, c, "judge", "H_all", "all", "", 1, 0, 1, 9) for c in specs[-1].cases
        ]
        records = [RunRecord(spec, {}, {}, tuple(scores), ()) for spec in specs]
        return Results(tuple(Finished(RunFolder(Path(), "a"), each) for each in records), ())

    tune(Task("uce", trials=1), folder, run, lambda line: None)  # type: ignore[arg-type]


def planted(folder: Path) -> None:
    found = dict.fromkeys((axes.AXES[0].name, axes.OVERALL), (1.0, 0.9, 1.0))
    table.write([table.Line("none", 1.0, found)], folder, "As asked.")


def imported(folder: Path) -> None:
    (folder / "theirs.txt").write_text("a photo of a zebra\n")
    words = ["import-prompts", str(folder / "theirs.txt"), "--concept", "zebra", "--kind", "object"]
    assert cli.main([*words, "--out", str(folder / "suite")]) == 0


def test_real_files_have_the_columns_that_are_explained(
    tmp_path: Path, write_suite: WriteSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("runs", "rated", "calibrated", "tuned", "planted", "imported"):
        (tmp_path / name).mkdir()
    suite = write_suite(tmp_path / "suite", metrics=("judge", "clip"))
    compared(tmp_path / "runs", suite)
    (suite / "prompts.csv").unlink()
    rated(tmp_path / "rated")
    calibrated(tmp_path / "calibrated", monkeypatch)
    tuned(tmp_path / "tuned")
    planted(tmp_path / "planted")
    imported(tmp_path / "imported")
    assert explained(tmp_path) == GLOSSARY.keys() - ELSEWHERE


def test_no_other_module_writes_such_files() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("bench", "methods")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\b(csv_bytes|write_rows|csv\.writer|DictWriter)\(", path.read_text())
    }
    assert found - {"bench/files.py"} == WRITERS


def test_every_column_of_our_metrics_is_explained() -> None:
    metrics = {
        name: registry.metric(name) for name, e in registry.metrics().items() if not e.origin
    }
    columns = {name: metric.columns for name, metric in metrics.items() if metric.columns}
    assert {name: tuple(words) for name, words in VERDICTS.items()} == columns


def test_every_file_says_where_it_is_and_every_word_is_a_sentence() -> None:
    assert WHERE.keys() == GLOSSARY.keys()
    tables = [*GLOSSARY.values(), *VERDICTS.values(), WHERE, WORDS]
    assert all(words.endswith(".") for each in tables for words in each.values())


def test_roles_and_axes_are_told_apart_once() -> None:
    assert all(f"`{role}`" in WORDS["role"] for role in ROLES)
    assert all(axis.name in WORDS["axis"].lower() for axis in axes.AXES)
