"""What stands at the foot of tables: calibration, and roles that say nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench.results import calibrations
from bench.results.report import group, page
from bench.results.stats import calibration
from bench.results.store import Finished
from bench.types import Score

from .conftest import SPEC, UNERASED, Make

NET = {"judge": "1 a net", "clip": "2 another"}


def calibrate(folder: Path, detector: str = NET["judge"]) -> None:
    reading = calibration.read(
        *("judge", detector, ["airplane"], ["airplane", "airplane", ""]),
        ["airplane", "bird", "airplane"],
        [0.9, 0.9, 0.9],
    )
    calibrations.write(calibration.Calibration("mini", "object", "3 images", (reading,), None))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path,))
    return tmp_path


def test_the_foot_states_the_calibration_or_that_there_is_none(make: Make, folder: Path) -> None:
    facts = {"detectors": NET}
    assert "were not calibrated" in " ".join(page(group([make(facts=facts)])).notes)
    calibrate(folder)
    notes = " ".join(page(group([make(facts=facts)])).notes)
    assert "judge is right on 0.500" in notes and "sees a concept in 1.00 of 1 without" in notes


def test_the_foot_does_not_state_what_was_measured_of_others(make: Make, folder: Path) -> None:
    """It was stated by kind and family alone: for people that it was never shown."""
    calibrate(folder)
    facts = {"detectors": NET}
    notes = " ".join(page(group([make(replace(SPEC, cases=("bird",)), facts=facts)])).notes)
    assert "judge was not calibrated for bird." in notes and "is right on" not in notes
    calibrate(folder, "0 a net")
    notes = " ".join(page(group([make(facts=facts)])).notes)
    assert "is of another version" in notes and "is right on" not in notes
    # Nor where nobody knows who looked.
    assert "is right on" not in " ".join(page(group([make()])).notes)


def test_corrected_rates_stand_in_a_table_of_their_own(make: Make) -> None:
    runs = []
    for spec, value in ((UNERASED, 0.97), (SPEC, math.nan)):
        run = make(spec)
        place = (spec.method, "mini", "objects", "airplane")
        score = Score(*place, "judge", "corrected", "target", "", value, math.nan, math.nan, 200)
        record = replace(run.record, scores=(*run.record.scores, score))
        runs.append(Finished(run.folder, record))
    tables = page(group(runs)).tables
    (table,) = [each for each in tables if "corrected" in each.title]
    assert table.header == ("method", "target ↓")
    assert [line[1].text for line in table.lines] == ["0.97", "–"]
    assert "no more often where it is" in table.notes[0]
    assert not any("corrected" in title for title in tables[0].header)
    assert not [t for t in page(group(runs), metric="clip").tables if "corrected" in t.title]
    assert not [t for t in page(group(runs), tested=False).tables if "corrected" in t.title]


def test_a_role_that_the_un_erased_model_fails_is_flagged(make: Make) -> None:
    def notes(rate: float) -> str:
        return " ".join(page(group([make(UNERASED, rate), make(SPEC, 0.0)])).notes)

    assert "judge sees the concept in 0.40 of the un-erased model's target images" in notes(0.4)
    assert "low rates there say nothing" not in notes(0.6)
    assert "no un-erased run" in " ".join(page(group([make()])).notes)


def test_an_erasure_that_does_not_load_into_a_plain_pipeline_is_told_apart(make: Make) -> None:
    def notes(form: str) -> str:
        return " ".join(page(group([make(facts={"form": form})])).notes)

    said = "inference, which leaves the weights as they were and acts while drawing: realera"
    assert said in notes("inference")
    assert "Of the form adapter, which adds tensors to the model: realera" in notes("adapter")
    assert not {"adapter", "acts"} & set(notes("weights").split())
