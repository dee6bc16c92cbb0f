"""What a plan says that is left to do, and what it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench.drawing import SCHEDULERS, Drawing
from bench.models import samplers
from bench.models.generate import draw
from bench.models.meter import counted
from bench.results.store import RunFolder
from bench.runs import estimate, pace, plan
from bench.runs.estimate import NO_PACE, Estimate
from bench.types import RunSpec, Sampler

from .. import synthetic
from ..conftest import WriteSuite

ROWS = [
    f"{name[0]}-{number},{name},target,a photo of {name} {number},{number}"
    for name in ("airplane", "bird", "ship")
    for number in range(4)
]
IMAGES = {"target": 4, "near": 2, "far": 2}


@pytest.fixture
def specs(write_suite: WriteSuite, tmp_path: Path) -> list[RunSpec]:
    """The un-erased model, uce and esd: eight prompts a case, of which two cases share four."""
    suite = write_suite(
        tmp_path / "suite",
        rows=ROWS,
        images=IMAGES,
        cases=("airplane", "bird"),
        metrics=("judge", "clip"),
    )
    methods = ["uce", "esd"]
    return plan.specs(methods, model="mini", suite=str(suite), size="tiny", steps=5)


def planned(specs: list[RunSpec], out: Path, **settings: Any) -> Estimate:
    return estimate.estimate(specs, out, device="cpu", **settings)


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize(("guidance", "steps"), [(1.0, 4), (3.0, 4), (3.0, 1)])
def test_evaluations_of_an_image_are_those_that_drawing_it_makes(
    name: str, guidance: float, steps: int, tiny_pipe: Any
) -> None:
    sampler = Sampler(steps, guidance, name)
    with counted() as made:
        draw(samplers.sampled(tiny_pipe, name), ["a", "b"], [0, 1], sampler, "latent")
    assert made() == 2 * sampler.evaluations()
    assert sampler.evaluations(Drawing(guidance=1.0)) * (1 + (guidance > 1)) == made() / 2


def test_a_plan_counts_what_is_left(specs: list[RunSpec], tmp_path: Path) -> None:
    out = tmp_path / "runs"
    found = planned([*specs, *specs], out)
    # Cases share images of the un-erased model; each run is named twice.
    shared = len({row.id for rows in _prompts(specs[0]).values() for row in rows})
    each = sum(map(len, _prompts(specs[1]).values()))
    assert (found.images, found.erasures) == (shared + 2 * each, 4) and shared < each
    assert found.evaluations == {"draw": found.images * 5 * 2, "erase": None, "attack": 0}
    assert found.seconds is None and found.seconds_from == NO_PACE
    assert found.bytes == found.images * 3 * 64 * 64 and "at most" in found.bytes_from
    lines = list(found.lines())
    assert f"{found.images} images to draw, 4 cases to erase" in lines[0]
    assert "an unknown number to erase" in lines[1] and "unknown" in lines[2]


def _prompts(spec: RunSpec) -> dict[str, Any]:
    from bench.runs.resolved import Resolved

    return Resolved(spec).prompts


def test_it_says_what_runs_here_took(specs: list[RunSpec], tmp_path: Path) -> None:
    out = tmp_path / "runs"
    original, uce, esd = specs
    synthetic.write(out, [original, uce])
    again = replace(uce, seed=7)
    folder = RunFolder(out, uce.run_id)
    folder.erasure_path("bird").parent.mkdir()
    told = {"seconds": "3.0", "cost": '{"evaluations": 40}'}
    save_file({"a": np.zeros(4)}, folder.erasure_path("bird"), metadata=told)
    folder.images("bird").mkdir(parents=True)
    (folder.images("bird") / "b-0.png").write_bytes(b"x" * 1000)
    # What cannot be read is not counted as nothing.
    folder.erasure_path("empty").write_bytes(b"")
    odd = {"seconds": "3.0", "cost": "[1"}
    save_file({"a": np.zeros(4)}, folder.erasure_path("garbled"), metadata=odd)
    save_file({"a": np.zeros(4)}, folder.erasure_path("silent"))

    found = planned([original, uce, again], out, workers=2)
    images = sum(map(len, _prompts(uce).values()))
    assert (found.images, found.erasures) == (images, 2), "finished runs are not drawn again"
    assert found.evaluations["erase"] == 80
    # As synthetic runs say: 0.2 s to draw an image, 6.62 s to measure all.
    assert found.seconds == pytest.approx((0.2 * images + 6.62 + 2 * 3.0) / 2)
    assert uce.run_id in found.seconds_from
    size = folder.erasure_path("bird").stat().st_size
    assert found.bytes == images * 1000 + 2 * size and "as images here" in found.bytes_from

    new = planned([original, esd], out)
    assert new.evaluations["erase"] is None and new.seconds is not None
    assert "without erasing by esd" in new.seconds_from
    other = planned([replace(original, precision="bf16")], out)
    assert other.seconds is None, "another precision says nothing of it"


def test_it_says_what_was_measured(specs: list[RunSpec], tmp_path: Path) -> None:
    measured = {("mini", "fp32"): pace.Pace(0.01, 0.0, "4 images drawn now")}
    found = planned(specs[:1], tmp_path, measured=measured)
    assert found.seconds == pytest.approx(found.images * 10 * 0.01)
    assert "4 images drawn now" in found.seconds_from


def test_a_measurement_draws_a_few_images(specs: list[RunSpec]) -> None:
    with counted() as made:
        found = pace.measured(replace(specs[0], sampler=Sampler(1, 1.0)), "cpu", ["a photo"])
    assert made() == pace.WARMING + pace.MEASURED and found.evaluation > 0


def test_attacks_alone_draw_no_run(specs: list[RunSpec], tmp_path: Path) -> None:
    found = planned(specs, tmp_path, drawn=False, attacks=123)
    assert (found.images, found.erasures, found.evaluations["attack"]) == (0, 4, 123)
    assert "123 at most to attack" in list(found.lines())[1]


def test_measuring_is_for_plans(capsys: pytest.CaptureFixture[str]) -> None:
    from bench import cli

    assert cli.main(["run", "--method", "uce", "--measure"]) == 2
    assert "--measure is for --plan" in capsys.readouterr().err
