"""Attacks by worker processes: however many there are, the same files, tables and strips."""

from __future__ import annotations

import shutil
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from bench import registry
from bench.attacks import Budget
from bench.files import read_rows
from bench.results import sums
from bench.results.report import attacks
from bench.results.report.strip import Panel
from bench.results.store import RunFolder
from bench.runs import plan
from bench.runs.schedule import Begun, Setup
from bench.runs.trials import attack
from bench.runs.trials import plan as trials
from bench.runs.trials.plan import Attempt
from bench.runs.units import Clock, Kept
from bench.types import RunSpec, WorkerDiedError, silent

from .conftest import SMALL

METHOD = '''
import os, signal
from dataclasses import dataclass
from pathlib import Path
from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import silent

HERE = Path(__file__).parent

@dataclass(frozen=True)
class Mine(Eraser):
    """Weakens what text gives; where trouble is, whoever draws without birds is killed."""
    paper = "none"
    # Not of the form weights, so that it is asked to apply what it fitted.
    form = "inference"
    touches = ("unet.*.attn2.to_v.weight",)

    def fit(self, pipe, concepts, *, seed, progress=silent):
        values = pipelines.cross_attention(pipe.unet).items()
        return {name: 0.9 * weight.data for name, weight in values if ".to_v." in name}

    def apply(self, pipe, concepts, tensors):
        if (HERE / "trouble").exists() and concepts[0].name == "bird":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().apply(pipe, concepts, tensors)
'''
NAMES = ("inversion", "latent_inversion", "p4d", "seed_search")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a method, and runs of which everything is erased and nothing attacked."""
    # What the workers need of a budget is in their units.
    monkeypatch.setitem(trials.BUDGETS, "quick", Budget(prompts=2, candidates=2, batch=1))  # type: ignore[arg-type]
    (tmp_path / "mine.py").write_text(METHOD)
    for spec in specs(tmp_path)[1:]:
        for unit in Begun(spec, tmp_path / "alone", Setup()).fits:
            unit.perform(Kept(), Clock(), silent)
    shutil.copytree(tmp_path / "alone", tmp_path / "shared")
    return tmp_path


def specs(here: Path) -> list[RunSpec]:
    return plan.specs(
        [f"{here / 'mine.py'}:Mine"],
        model="mini",
        suite="objects",
        size="quick",
        concepts=["airplane", "bird"],
        steps=6,
    )


def go(here: Path, out: str, workers: int) -> list[dict[str, str]]:
    known = registry.attacks()
    chosen = [
        Attempt(known[name], registry.options(known[name], "mini") | SMALL[name], "quick")
        for name in NAMES
    ]
    runs = specs(here)
    rows = attack.attack(runs, chosen, here / out, Setup(workers=workers, threads=1))
    for run_id, shown in attack.images(runs, chosen, here / out).items():
        attacks.write_strip(RunFolder(here / out, run_id).path, [Panel(*each) for each in shown])
    return rows


def files(out: Path) -> dict[str, Any]:
    """Return every file by its name; of tables all but what something took."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        if path.name in (sums.NAME, ".lock"):
            continue
        name = path.relative_to(out).as_posix()
        found[name] = path.read_bytes()
        if path.suffix == ".csv" and "suite" not in path.parts:
            found[name] = [row | {"seconds": ""} for row in read_rows(path)]
    return found


@pytest.mark.slow
def test_whoever_attacks_leaves_the_same_files(here: Path) -> None:
    """In this process; and by three, of which one is killed, then by two for what is left."""
    alone = go(here, "alone", 1)
    (here / "trouble").touch()
    with pytest.raises(WorkerDiedError, match=r"killed by SIGKILL while it made .*bird"):
        go(here, "shared", 3)
    assert not active_children()
    assert not list((here / "shared").rglob("attacks.csv"))
    (here / "trouble").unlink()
    shared = go(here, "shared", 2)
    assert not active_children()
    assert [row | {"seconds": ""} for row in shared] == [row | {"seconds": ""} for row in alone]
    whole = files(here / "alone")
    assert files(here / "shared") == whole
    # The control: concepts are there, searches did something, and there is something to compare.
    assert len(alone) == 8 and {row["case"] for row in alone} == {"airplane", "bird"}
    assert all(int(row["n"]) > 0 and not row["note"] for row in alone)
    assert {float(row["evaluations"]) > 0 for row in alone if row["attack"] == "p4d"} == {True}
    kinds = ("summary.csv", "seen.csv", "attacks.csv", "attacks.png", "embeddings/0.safetensors")
    assert [sum(name.endswith(kind) for name in whole) for kind in kinds] == [8, 4, 1, 1, 2]
