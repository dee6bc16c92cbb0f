"""Whether a solver of higher order draws mini's roles with half of the evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest

from bench import run
from bench.images import read_image
from bench.models import loading
from bench.results import Results, frames

pytestmark = pytest.mark.slow


def rates(results: Results) -> dict[tuple[str, str], Any]:
    """Return shares with their limits by method and role, as mini's judge sees them."""
    found = frames.scores(results)
    found = found[(found["metric"] == "judge") & (found["measure"] == "share")]
    return {(row.method, row.role): row for row in found.itertuples() if not row.tag}


def first(out: Path) -> np.ndarray[Any, Any]:
    """Return one of the un-erased model's images."""
    path = min(out.glob("original-*/images/unerased/*.png"))
    return np.asarray(read_image(path), float)


def test_ten_steps_of_dpm_solver_draw_the_roles_as_twenty_of_ddim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DPM-Solver++ (2211.01095), second order multistep: no interval of a rate is apart."""
    wanted = rates(run("uce", out=tmp_path / "ddim"))
    fewer = rates(run("uce", out=tmp_path / "fewer", steps=10))
    monkeypatch.setattr(diffusers, "DDIMScheduler", diffusers.DPMSolverMultistepScheduler)
    monkeypatch.setattr(loading, "shared", loading.load)
    assert loading.load("mini", "cpu").scheduler.config.algorithm_type == "dpmsolver++"
    found = rates(run("uce", out=tmp_path / "dpm", steps=10))
    for key, each in wanted.items():
        ten = f"DDIM, 10 steps {fewer[key].value:.2f}, DPM-Solver++ {found[key].value:.2f}"
        print(*key, f"of {each.n}: DDIM, 20 steps {each.value:.2f}, {ten}")
    far = {
        name: np.abs(first(tmp_path / name) - first(tmp_path / "ddim")).mean()
        for name in ("fewer", "dpm")
    }
    print("grey levels between an image and that of 20 steps:", far)
    assert min(far.values()) > 0.1
    apart = [
        k for k, each in wanted.items() if found[k].low > each.high or found[k].high < each.low
    ]
    assert found.keys() == wanted.keys() and not apart, apart
