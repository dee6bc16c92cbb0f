"""Deliberately broken models: each must be caught, and the un-erased and an honest one must not."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench import prompts
from bench.models import loading
from bench.models.generate import generate
from bench.results.store import RunFolder
from bench.runs import plan, runner
from bench.runs.resolved import Resolved
from bench.runs.schedule import Begun, Setup
from bench.runs.units import Clock, Kept
from bench.types import InputError, RunSpec, silent

from ..conftest import WriteSuite


@pytest.fixture(scope="module")
def out(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    concepts = ("airplane", "bird", "ship", "truck", "horse")
    rows, lines = prompts.read(prompts.FOLDER / "objects.csv"), []
    for concept in concepts:
        own = [row for row in rows if row.concept == concept and row.role == "target"][:3]
        lines += [f"{row.id},{concept},target,{row.text},{row.seed}" for row in own]
    images = {"target": 2, "near": 2, "far": 9}
    folder = tmp_path_factory.mktemp("suite")
    return write_suite(folder, rows=lines, concepts=concepts, images=images)


def specs(suite: Path, **options: float) -> list[RunSpec]:
    settings = [f"{name}={value}" for name, value in options.items()]
    return plan.specs(["uce"], model="mini", suite=str(suite), size="tiny", settings=settings)


def changed(kind: str) -> Any:
    """Return mini with another U-Net: untrained, or undefined."""
    pipe = copy.copy(loading.shared("mini", "cpu"))
    pipe.unet = copy.deepcopy(pipe.unet)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in pipe.unet.parameters():
            untrained = torch.randn(weight.shape, generator=generator) * 0.02
            weight.copy_(untrained if kind == "untrained" else torch.full_like(weight, math.nan))
    return pipe


def draw(kind: str, spec: RunSpec, folder: Path) -> None:
    """Put the images of a broken model where the run will look for its own."""
    rows = Resolved(spec).prompts["airplane"]
    if kind in ("untrained", "NaN"):
        generate(changed(kind), rows, folder, spec.sampler)
        return
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for row in rows:
        noise = rng.integers(0, 256, (64, 64, 3))
        pixels = noise if kind == "noise" else np.full((64, 64, 3), 128)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{row.id}.png")


def test_a_model_without_numbers_draws_nothing(out: Path) -> None:
    _, spec = specs(out)
    with pytest.raises(InputError, match=r"draws no numbers \(NaN\) for .* prompts"):
        draw("NaN", spec, out / "images")
    assert not list((out / "images").glob("*.png"))


@pytest.mark.parametrize("kind", ["noise", "grey", "untrained"])
def test_a_broken_model_is_caught(kind: str, out: Path) -> None:
    original, spec = specs(out, lamb=1.0 + len(kind))
    runs = out / "runs"
    assert runner.run(original, runs).flags == ()
    begun = Begun(spec, runs, Setup())
    for unit in begun.fits:
        unit.perform(Kept(), Clock(), silent)
    images = begun.folder.images("airplane")
    draw(kind, spec, images)
    # What has no checksum is drawn again.
    begun.folder.sums.note(images.iterdir())
    record = runner.run(spec, runs)
    # It "erased" perfectly, which is why it has to be caught.
    target = next(s for s in record.scores if (s.measure, s.role) == ("share", "target"))
    assert target.value == 0
    assert any("far images show their own concept" in text for text in record.flags)
    assert RunFolder(runs, spec.run_id).read_record().flags == record.flags


def test_an_honest_erasure_is_not(out: Path) -> None:
    original, spec = specs(out)
    runner.run(original, out / "runs")
    record = runner.run(spec, out / "runs")
    target = next(s for s in record.scores if (s.measure, s.role) == ("share", "target"))
    assert target.value == 0 and record.flags == ()
