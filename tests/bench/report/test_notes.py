"""What stands at the foot of tables: calibration, and roles that say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import calibration
from bench.report import calibrated, group, page

from .conftest import SPEC, UNERASED, Make


def test_the_foot_states_the_calibration_or_that_there_is_none(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrated, "FOLDER", tmp_path)
    assert "were not calibrated" in " ".join(page(group([make()])).notes)
    reading = calibration.read("judge", "a net", ["a", "a", ""], ["a", "b", "a"], [0.9, 0.9, 0.9])
    found = calibration.Calibration("mini", "object", "3 pictures", (reading,), None)
    path = calibrated.write_calibration(found)
    assert path.parent == tmp_path and path.with_suffix(".csv").exists()
    notes = " ".join(page(group([make()])).notes)
    assert "judge is right on 0.500" in notes and "sees a concept in 1.00 of 1 without" in notes


def test_a_role_that_the_un_erased_model_fails_is_flagged(make: Make) -> None:
    def notes(rate: float) -> str:
        return " ".join(page(group([make(UNERASED, rate), make(SPEC, 0.0)])).notes)

    assert "judge sees the concept in 0.40 of the un-erased model's target images" in notes(0.4)
    assert "low rates there say nothing" not in notes(0.6)
    assert "no un-erased run" in " ".join(page(group([make()])).notes)
