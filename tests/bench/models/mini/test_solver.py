"""Whether a solver of higher order draws mini's roles with half of the evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest

from bench import run
from bench.models import loading
from bench.results import frames

pytestmark = pytest.mark.slow


def rates(out: Path, **settings: Any) -> dict[tuple[str, str], tuple[float, float, float, int]]:
    """Return share, limits and images by method and role, as mini's judge sees them."""
    found = frames.scores(run("uce", out=out, **settings))
    found = found[(found["metric"] == "judge") & (found["measure"] == "share")]
    found = found[found["tag"].fillna("") == ""]
    return {
        (row.method, row.role): (row.value, row.low, row.high, row.n) for row in found.itertuples()
    }


def test_ten_steps_of_dpm_solver_draw_the_roles_as_twenty_of_ddim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DPM-Solver++ (2211.01095), second order multistep; intervals of each rate overlap."""
    wanted = rates(tmp_path / "ddim")
    monkeypatch.setattr(diffusers, "DDIMScheduler", diffusers.DPMSolverMultistepScheduler)
    monkeypatch.setattr(loading, "shared", loading.shared.__wrapped__)
    pipe = loading.load("mini", "cpu")
    assert pipe.scheduler.config.algorithm_type == "dpmsolver++"
    found = rates(tmp_path / "dpm", steps=10)
    assert found.keys() == wanted.keys()
    for key, (rate, _, _, count) in wanted.items():
        other = found[key]
        print(*key, "of", count, f"DDIM {rate:.2f} DPM-Solver++ {other[0]:.2f}")
    apart = [
        key for key, each in wanted.items() if found[key][1] > each[2] or found[key][2] < each[1]
    ]
    assert not apart, apart
