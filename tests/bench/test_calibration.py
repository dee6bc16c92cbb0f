from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import calibrate, calibration, cli
from bench.mini import known
from bench.mini.world.truth import OBJECTS, STYLES
from bench.report import calibrated
from bench.types import InputError


def test_accuracy_counts_pictures_that_show_something_and_inventions_the_others() -> None:
    truths, labels = ["a", "a", "b", "", ""], ["a", "b", "b", "", "b"]
    reading = calibration.read("m", "d", truths, labels, [0.9] * 5)
    assert reading.accuracy[0] == pytest.approx(2 / 3) and reading.n == 3
    assert reading.invented[0] == 0.5 and reading.empty == 2
    assert reading.confusion == {"a": {"a": 1, "b": 1}, "b": {"b": 1}, "": {"": 1, "b": 1}}


def test_the_calibration_error_of_a_detector_that_is_right_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.random(20_000)
    right = rng.random(20_000) < confidences
    assert calibration.calibration_error(confidences.tolist(), right.tolist()) < 0.02
    # Always sure, half right: off by one half.
    half = [True, False] * 50
    assert calibration.calibration_error([1.0] * 100, half) == pytest.approx(0.5, abs=1e-6)


def test_kappa_by_hand() -> None:
    # Observed agreement 3/4, by chance 1/2.
    assert calibration.kappa(["a", "a", "b", "b"], ["a", "b", "b", "b"]) == pytest.approx(0.5)
    assert calibration.kappa(["a"], ["a"]) == 1.0


def test_it_survives_json_and_says_everything_in_its_note() -> None:
    readings = tuple(
        calibration.read(name, "d", ["a", ""], ["a", "a"], [0.9, 0.8]) for name in ("m", "n")
    )
    found = calibration.Calibration("mini", "object", "2 pictures", readings, 0.5)
    again = calibration.Calibration.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    for words in ("m is right on 1.000", "n is right on 1.000", "of 1 without one", "kappa 0.50"):
        assert words in found.note()


def test_rendered_pictures_show_every_concept_equally_often_and_nothing_too() -> None:
    shown = [concept for _, concept in known.pictures("object", 2)]
    assert sorted(shown) == sorted([*OBJECTS, ""] * 2)
    styles = {concept for _, concept in known.pictures("style", 1)}
    assert styles == {*STYLES, ""}


def test_both_detectors_of_mini_are_calibrated_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrated, "FOLDER", tmp_path)
    assert cli.main(["calibrate", "--each", "3", "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    assert "judge is right on" in text and "shows, then seen as" in text
    data = json.loads((tmp_path / "mini-object.json").read_text())
    judge, clip = calibration.Calibration.from_json(data).readings
    assert judge.accuracy[0] > 0.9 and judge.invented[0] < 0.5
    # CLIP has to choose one of the concepts, even where there is none.
    assert clip.invented[0] == 1
    assert math.isfinite(clip.error)


def test_given_pictures_are_read_by_their_prompt_file(tmp_path: Path) -> None:
    rows = ["id,concept,role,text,seed"]
    for number, (picture, concept) in enumerate(known.pictures("object", 1)):
        if concept:
            picture.save(tmp_path / f"{number}.png")
            rows.append(f"{number},{concept},target,a {concept},0")
    file = tmp_path / "prompts.csv"
    file.write_text("\n".join(rows) + "\n")
    plan = calibrate.plan("mini", "objects", ["judge"], tmp_path, file)
    found = calibrate.run(plan)
    assert found.readings[0].n == 10 and found.kappa is None and "given" in found.source


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "sd14"}, "rendered for mini only; for sd14 give --images"),
        ({"metrics": ["judg"]}, "unknown metric: 'judg'; nearest: judge"),
        ({"suite": "object"}, "unknown suite: 'object'; nearest: objects"),
        ({"folder": Path()}, "--images and --prompts go together"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(settings: dict[str, object], message: str) -> None:
    asked: dict[str, object] = {"model": "mini", "suite": "objects"} | settings
    with pytest.raises(InputError, match=message):
        calibrate.plan(**asked)  # type: ignore[arg-type]


def test_missing_pictures_are_named(tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    file.write_text("id,concept,role,text,seed\na,cat,target,a cat,0\nb,cat,target,a cat,1\n")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"lacks 1 of 2 pictures, the first is b\.png"):
        calibrate.plan("mini", "objects", ["judge"], tmp_path, file)
