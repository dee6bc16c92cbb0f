"""What stands at the foot of tables: published figures, calibration, roles that say nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import calibration
from bench.report import calibrated, group, page
from bench.store import Finished
from bench.types import Sampler, Score

from .conftest import SPEC, UNERASED, Make

PAPER = replace(UNERASED, model="sd14", size="full", sampler=Sampler(50, 7.5), cases=("airplane",))


def with_scores(run: Finished, values: dict[tuple[str, str], float]) -> Finished:
    spec = run.record.spec
    place = (spec.method, spec.model, spec.suite, spec.cases[0])
    scores = tuple(Score(*place, m, r, v, v, v, 200) for (m, r), v in values.items())
    return Finished(run.folder, replace(run.record, scores=run.record.scores + scores))


MEASURED = {
    ("clip_probability", "target"): 0.961,
    ("clip_probability", "kept"): 0.5,
    ("H_o_probability", "all"): 0.1,
}


def test_published_figures_stand_below_measured_ones_of_their_protocol(make: Make) -> None:
    esd = replace(PAPER, method="esd", options={"train_method": "x"})
    runs = [with_scores(make(spec), MEASURED) for spec in (PAPER, esd)]
    (table,) = [t for t in page(group(runs)).tables if "published" in t.title]
    assert "MACE (CVPR 2024, arXiv 2403.06135), Table 1" in table.title
    names = [line[0].text.strip() for line in table.lines]
    assert names == ["un-erased", "SD v1.4, published", "esd", "ESD-x, published"]
    assert [cell.text for cell in table.lines[0][1:3]] == ["0.96", "0.50"]
    assert [cell.text for cell in table.lines[1][1:4]] == ["0.9606", "0.9892", "0.9508"]
    assert table.lines[3][1].text == "0.3311"


@pytest.mark.parametrize(
    "change",
    [{"model": "sd15"}, {"size": "quick"}, {"sampler": Sampler(50, 5.0)}, {"method": "realera"}],
)
def test_no_published_figure_beside_another_protocol(make: Make, change: dict[str, object]) -> None:
    run = with_scores(make(replace(PAPER, **change)), MEASURED)  # type: ignore[arg-type]
    assert not [t for t in page(group([run])).tables if "published" in t.title]


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
