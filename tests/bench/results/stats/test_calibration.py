from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import cli, registry
from bench.models.mini import known
from bench.models.mini.world.truth import OBJECTS, STYLES
from bench.results import calibrations
from bench.results.stats import calibration, intervals
from bench.runs import calibrate
from bench.types import InputError


def test_accuracy_counts_images_that_show_something_and_inventions_the_others() -> None:
    truths, labels = ["a", "a", "b", "", ""], ["a", "b", "b", "", "b"]
    reading = calibration.read("m", "d", ["a", "b"], truths, labels, [0.9] * 5)
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
    assert calibration.kappa(["a", "b"], ["a", "b"]) == pytest.approx(1.0)
    # One and the same answer is no agreement beyond chance; it was 1.
    assert calibration.kappa(["a", "a"], ["a", "a"]) is None and calibration.kappa([], []) is None


def test_it_survives_json_and_says_everything_in_its_note() -> None:
    readings = tuple(
        calibration.read(name, "d", ["a"], ["a", ""], ["a", "a"], [0.9, 0.8]) for name in ("m", "n")
    )
    found = calibration.Calibration("mini", "object", "2 images", readings, 0.5)
    again = calibration.Calibration.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    for words in ("m is right on 1.000", "n is right on 1.000", "of 1 without one", "kappa 0.50"):
        assert words in found.note()


@pytest.mark.parametrize("truths", [["a", "a"], ["", ""], []])
def test_what_was_never_shown_survives_json(truths: list[str]) -> None:
    """A folder without empty images gave NaN, which JSON refused after all had been read."""
    reading = calibration.read("m", "d", ["a"], truths, ["a"] * len(truths), [0.9] * len(truths))
    found = calibration.Calibration("sd", "object", "images", (reading,), None)
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    again = calibration.Calibration.from_json(data)
    assert repr(again) == repr(found)
    assert math.isnan(reading.error) == ("a" not in truths)


def reading(hits: int, shown: int, false: int, others: int) -> calibration.Reading:
    """A detector of `a` that was shown `a` and, as many times, something else or nothing."""
    truths = ["a"] * shown + ["b"] * (others // 2) + [""] * (others - others // 2)
    labels = ["a"] * hits + ["b"] * (shown - hits) + ["a"] * false + ["b"] * (others - false)
    return calibration.read("m", "d", ["a", "b"], truths, labels, [0.9] * len(truths))


def seen(hits: int, n: int, concept: str = "a") -> list[tuple[str, float]]:
    return [(concept, float(number < hits)) for number in range(n)]


def test_a_rate_is_corrected_as_rogan_and_gladen_do() -> None:
    # (0.4 + 0.9 - 1) / (0.8 + 0.9 - 1)
    value, low, high = reading(80, 100, 20, 200).corrected([seen(40, 100)], seed=0)
    assert value == pytest.approx(3 / 7)
    raw = intervals.wilson(40, 100)
    assert low < value < high and high - low > raw[2] - raw[1]


def test_a_perfect_detector_on_many_images_changes_nothing() -> None:
    perfect = reading(100_000, 100_000, 0, 100_000)
    for hits in (0, 7, 50):
        value, low, high = perfect.corrected([seen(hits, 50)], seed=0)
        raw = intervals.wilson(hits, 50)
        assert value == hits / 50 and (low, high) == pytest.approx(raw[1:], abs=0.05)
        assert 0 <= low <= value <= high <= 1


def test_concepts_of_a_role_are_weighed_by_their_images() -> None:
    rows = [seen(9, 10), seen(15, 30, "b")]
    both = calibration.read(
        *("m", "d", ["a", "b"]),
        ["a"] * 10 + ["b"] * 10 + [""] * 10,
        ["a"] * 9 + [""] + ["b"] * 6 + ["a"] * 4 + ["b"] + [""] * 9,
        [0.9] * 30,
    )
    sensitivity = 0.25 * 0.9 + 0.75 * 0.6
    false = 0.25 * (4 / 20) + 0.75 * (1 / 20)
    value, _, _ = both.corrected(rows, seed=0)
    assert value == pytest.approx((24 / 40 - false) / (sensitivity - false))


def test_what_cannot_be_corrected_is_nan() -> None:
    blind = reading(20, 100, 40, 200)
    known = reading(80, 100, 20, 200)
    only = calibration.read("m", "d", ["a"], ["a"] * 5, ["a"] * 5, [0.9] * 5)
    nothing = calibration.read("m", "d", [], [], [], [])
    for each, rows in (
        (blind, [seen(4, 10)]),
        (known, [seen(4, 10, "zebra")]),
        (known, [[], [("a", math.nan)]]),
        (known, []),
        (only, [seen(4, 10)]),
        (nothing, [seen(4, 10)]),
    ):
        assert all(math.isnan(number) for number in each.corrected(rows, seed=0))


@pytest.mark.parametrize("truth", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize(("sensitivity", "false"), [(0.9, 0.3), (0.95, 0.05), (0.8, 0.02)])
def test_corrected_rates_are_covered_where_raw_ones_are_not(
    truth: float, sensitivity: float, false: float
) -> None:
    """2,400 trials in all, with a calibration of 100 images of the concept and 300 of others."""
    rng = np.random.default_rng(0)
    hits = raw = 0
    bias, trials = 0.0, 200
    for _ in range(trials):
        rate = truth * sensitivity + (1 - truth) * false
        n = int(rng.choice([20, 100]))
        found = int(rng.binomial(n, rate))
        known = reading(
            int(rng.binomial(100, sensitivity)), 100, int(rng.binomial(300, false)), 300
        )
        value, low, high = known.corrected([seen(found, n)], seed=0)
        hits += low <= truth <= high
        raw += intervals.wilson(found, n)[1] <= truth <= intervals.wilson(found, n)[2]
        bias += (value - truth) / trials
    assert hits >= 0.93 * trials
    if abs(rate - truth) > 0.15:
        assert raw < 0.6 * trials and abs(bias) < abs(rate - truth) / 4


def test_rendered_images_show_every_concept_equally_often_and_nothing_too() -> None:
    shown = [concept for _, concept in known.images("object", 2)]
    assert sorted(shown) == sorted([*OBJECTS, ""] * 2)
    styles = {concept for _, concept in known.images("style", 1)}
    assert styles == {*STYLES, ""}


def test_both_detectors_of_mini_are_calibrated_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path,))
    assert cli.main(["calibrate", "--each", "3", "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    assert "judge is right on" in text and "shows, then seen as" in text
    (kept,) = calibrations.read("mini", "object")
    assert isinstance(kept, calibration.Calibration)
    judge, clip = kept.readings
    assert judge.accuracy[0] > 0.9 and judge.invented[0] < 0.5
    # CLIP has to choose one of the concepts, even where there is none.
    assert clip.invented[0] == 1
    assert math.isfinite(clip.error)
    # Readings are found again by the version of who looked.
    assert judge.detector == registry.detector_version(registry.metric("judge"))
    assert {*judge.choices} >= {*OBJECTS}


def test_a_suite_from_outside_is_calibrated_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two images took the place of that of the ten objects, judge and all."""
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path / "kept",))
    (tmp_path / "a.txt").write_text("a zebra\n")
    words = ["import-prompts", str(tmp_path / "a.txt"), "--concept", "zebra", "--kind", "object"]
    assert cli.main([*words, "--out", str(tmp_path / "mine")]) == 0
    next(image for image, _ in known.images("object", 1)).save(tmp_path / "0.png")
    (tmp_path / "p.csv").write_text("id,concept,role,text,seed\n0,zebra,target,a zebra,0\n")
    given = ["--images", str(tmp_path), "--prompts", str(tmp_path / "p.csv"), "--device", "cpu"]
    assert cli.main(["calibrate", "--suite", str(tmp_path / "mine"), "-q", *given]) == 0
    kept = {path.name for path in (tmp_path / "kept").iterdir()}
    assert kept == {"mini-object-mine.json", "mini-object-mine.csv"}


def test_given_images_are_read_by_their_prompt_file(tmp_path: Path) -> None:
    rows = ["id,concept,role,text,seed"]
    for number, (image, concept) in enumerate(known.images("object", 1)):
        if concept:
            image.save(tmp_path / f"{number}.png")
            rows.append(f"{number},{concept},target,a {concept},0")
    file = tmp_path / "prompts.csv"
    file.write_text("\n".join(rows) + "\n")
    plan = calibrate.task("mini", "objects", ["judge"], tmp_path, file)
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
        calibrate.task(**asked)  # type: ignore[arg-type]


def test_missing_images_are_named(tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    file.write_text("id,concept,role,text,seed\na,cat,target,a cat,0\nb,cat,target,a cat,1\n")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"lacks 1 of 2 images, the first is b\.png"):
        calibrate.task("mini", "objects", ["judge"], tmp_path, file)


def test_where_nothing_can_be_kept_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path / "file" / "calibration",))
    monkeypatch.setattr("bench.runs.calibrate.run", lambda *_: pytest.fail("it measured"))
    assert cli.main(["calibrate", "--device", "cpu"]) == 2
    assert "is not a folder" in capsys.readouterr().err
