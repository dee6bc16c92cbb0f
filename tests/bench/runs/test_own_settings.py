"""Runs of prompts whose rows say how they are drawn, from the suite's file to the table."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.attacks import BUDGETS
from bench.drawing import AS_RUN, Drawing
from bench.portable import UNERASED
from bench.results import load, report
from bench.results.store import RunFolder
from bench.runs import outline, plan, sweep
from bench.runs.resolved import Resolved
from bench.runs.trials.plan import targets
from bench.types import RunSpec

from ..conftest import WriteSuite

ROWS = (
    "a-0,airplane,target,a photo of an airplane,1,15,512,256,",
    "a-1,airplane,target,a photo of an airplane,1,,,,",
    "a-2,airplane,target,a photo of an airplane,1,,512,256,",
    "a-3,airplane,target,a photo of an airplane,1,,,,a blue sky",
)
COLUMNS = "id,concept,role,text,seed,guidance,width,height,negative_prompt"


@pytest.fixture(scope="module")
def suite(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("own")
    images = {"target": 4}
    metrics = ("judge", "clip")
    made = write_suite(
        folder,
        rows=ROWS,
        columns=COLUMNS,
        concepts=("airplane",),
        images=images,
        metrics=metrics,
    )
    return str(made)


def resolved(suite: str, model: str) -> Resolved:
    (spec,) = plan.specs(["original"], model=model, suite=suite, size="tiny")
    return Resolved(spec)


def drawings(suite: str, model: str) -> list[Drawing]:
    return [row.drawing for row in resolved(suite, model).prompts["airplane"]]


def test_a_model_that_draws_every_size_draws_what_rows_say(suite: str) -> None:
    found = resolved(suite, "sd14")
    assert drawings(suite, "sd14")[0] == Drawing(15.0, 512, 256)
    assert found.own == "guidance 1, size 2, negative prompt 1"
    assert found.resized == 0


def test_mini_has_one_size_and_this_is_said(suite: str, tmp_path: Path) -> None:
    assert drawings(suite, "mini") == [
        Drawing(guidance=15.0),
        AS_RUN,
        AS_RUN,
        Drawing(negative_prompt="a blue sky"),
    ]
    said = "\n".join(outline.describe([resolved(suite, "mini").spec], tmp_path))
    assert "settings of their own: guidance 1, negative prompt 1" in said
    assert "2 images have a size of their own, which mini does not draw" in said


def test_searches_are_of_one_size(suite: str) -> None:
    found = resolved(suite, "sd14")
    rows = targets(found, found.cases[0], BUDGETS["quick"])
    assert [row.drawing.size for row in rows] == [None] * 4
    assert rows[0].drawing.guidance == 15


def pixels(spec: RunSpec, out: Path, number: int) -> np.ndarray:
    folder = RunFolder(out, spec.run_id).images(UNERASED)
    return np.asarray(Image.open(folder / f"a-{number}.png"), dtype=int)


def test_a_run_draws_by_them_and_its_table_says_so(
    suite: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (spec,) = plan.specs(["original"], model="mini", suite=suite, size="tiny", steps=4)
    with caplog.at_level(logging.WARNING):
        sweep.carry_out([spec], tmp_path)
    assert "2 images have a size of their own" in caplog.text
    strong, plain, resized, away = (pixels(spec, tmp_path, number) for number in range(4))
    assert np.abs(plain - resized).max() <= 1
    assert np.abs(plain - strong).max() > 8
    assert np.abs(plain - away).max() > 8
    (group,) = report.groups(load(tmp_path).runs)
    notes = report.page(group).notes
    assert any("guidance 1, negative prompt 1" in note for note in notes)
