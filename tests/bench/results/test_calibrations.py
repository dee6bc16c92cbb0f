"""Which calibration holds for which detectors and concepts."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench import data, registry
from bench.cli import main
from bench.registry import imports
from bench.results import calibrations
from bench.results.stats import calibration

LOOKED = calibrations.Looked(
    "mini", "object", {"judge": "v1 net", "clip": "v2 net"}, ["a"], ["a", "b"]
)


def reading(metric: str, detector: str, choices: tuple[str, ...] = ("a", "b")) -> object:
    truths, labels = ["a", "a", "b", ""], ["a", "b", "b", "a"]
    return calibration.read(metric, detector, choices, truths, labels, [0.9] * 4)


@pytest.fixture(autouse=True)
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path,))
    readings = (reading("judge", "v1 net"), reading("clip", "v2 net"))
    calibrations.write(calibration.Calibration("mini", "object", "4 images", readings, 0.5))  # type: ignore[arg-type]


def test_what_was_measured_on_the_same_detectors_and_concepts_holds() -> None:
    found, problems = calibrations.holding(LOOKED)
    assert found is not None and [r.metric for r in found.readings] == ["judge", "clip"]
    assert found.kappa == 0.5 and not problems


def test_another_version_of_a_detector_is_not_the_one_that_was_calibrated() -> None:
    found, problems = calibrations.holding(
        replace(LOOKED, detectors={"judge": "v1 net", "clip": "v3 net"})
    )
    assert found is not None and [r.metric for r in found.readings] == ["judge"]
    # Kappa is between both.
    assert found.kappa is None
    assert problems == ["The calibration of clip is of another version of it."]


def test_other_concepts_are_not_those_that_were_shown() -> None:
    found, problems = calibrations.holding(replace(LOOKED, concepts=["a", "z", "x", "y", "w"]))
    assert found is None
    assert problems[0] == "judge was not calibrated for w, x, y and 1 more."


def test_one_that_chooses_must_have_had_the_same_choice() -> None:
    """The judge has one head whatever is asked; CLIP chooses from what it is offered."""
    found, problems = calibrations.holding(replace(LOOKED, choices=["a"]))
    assert found is not None and [r.metric for r in found.readings] == ["judge"]
    assert problems == ["clip was calibrated choosing between other concepts."]


def test_another_kind_family_or_a_damaged_file_has_none(tmp_path: Path) -> None:
    assert calibrations.holding(replace(LOOKED, kind="person")) == (None, [])
    assert calibrations.holding(replace(LOOKED, family="sd")) == (None, [])
    (tmp_path / "mini-object.json").unlink()
    assert calibrations.holding(LOOKED) == (None, [])


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def null(path: Path) -> None:
    path.write_text("null")


def foreign(path: Path) -> None:
    path.write_text('{"readings": [{"metric": "judge", "choices": ["a"]}], "x": 1}')


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def flipped(path: Path) -> None:
    """Change a count of the confusion to another number."""
    data = path.read_bytes()
    place = data.index(b'"b": 1') + len(b'"b": ')
    path.write_bytes(data[:place] + b"3" + data[place + 1 :])


def swapped(path: Path) -> None:
    """Put the calibration of another kind in its place."""
    other = calibration.Calibration("mini", "person", "4 images", (), None)
    calibrations.write(other)
    path.with_name("mini-person.json").replace(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [halved, emptied, null, foreign, deep, flipped, swapped, folder])
def test_a_damaged_one_is_named_and_measured_again(
    damage: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A table says so at its foot; where another holds, by that one's side."""
    path = tmp_path / "mini-object.json"
    whole = calibrations.holding(LOOKED)
    damage(path)
    found, (said,) = calibrations.holding(LOOKED)
    assert found is None and said.startswith(f"{path} is damaged (")
    assert said.endswith("calibrate` with its model and suite measures it again")
    calibrations.FOLDERS[0].mkdir(exist_ok=True)
    other = tmp_path / "other"
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path, other))
    assert whole[0] is not None
    other.mkdir()
    (other / path.name).write_bytes(json.dumps(whole[0].to_json()).encode())
    found, problems = calibrations.holding(LOOKED)
    assert found == whole[0] and problems == [said]
    if path.is_dir():
        path.rmdir()
    calibrations.write(whole[0])
    assert calibrations.holding(LOOKED) == whole


def test_the_command_that_is_named_calibrates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mini-object.json").write_text("null")
    _, (said,) = calibrations.holding(LOOKED)
    assert "`python -m bench calibrate`" in said
    words = ["calibrate", "--model", "mini", "--suite", "objects", "--metric", "judge"]
    assert main([*words, "--each", "1", "--device", "cpu", "--quiet"]) == 0
    (found,) = calibrations.read("mini", "object")
    assert isinstance(found, calibration.Calibration) and found.readings[0].metric == "judge"


def test_detectors_that_were_never_calibrated_are_no_problem_of_others() -> None:
    found, problems = calibrations.holding(replace(LOOKED, detectors={"remainder": "v9"}))
    assert found is None and not problems


def test_the_users_own_counts_before_the_one_that_came_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    monkeypatch.setattr(calibrations, "FOLDERS", (own, tmp_path))
    kept, (old, new) = LOOKED, (reading("judge", "v0 net"), reading("judge", "v1 net"))
    calibrations.write(calibration.Calibration("mini", "object", "old", (old,), None))  # type: ignore[arg-type]
    assert (own / "mini-object.json").exists() and (own / "mini-object.csv").exists()
    found, problems = calibrations.holding(kept)
    assert found is not None and found.source == "4 images" and problems == []
    calibrations.write(calibration.Calibration("mini", "object", "new", (new,), None))  # type: ignore[arg-type]
    found, _ = calibrations.holding(kept)
    assert found is not None and found.source == "new"


def test_that_of_a_users_suite_stands_beside_the_packages(tmp_path: Path) -> None:
    theirs = calibration.read("clip", "v2 net", ("a", "z"), ["z", "a"], ["z", "a"], [0.9] * 2)
    made = calibration.Calibration("mini", "object", "2 given images", (theirs,), None)
    assert calibrations.write(made, "mine") == tmp_path / "mini-object-mine.json"
    found, problems = calibrations.holding(LOOKED)
    assert found is not None and found.source == "4 images" and not problems
    mine = replace(LOOKED, detectors={"clip": "v2 net"}, concepts=["z"], choices=["a", "z"])
    assert calibrations.holding(mine) == (made, [])


@pytest.mark.parametrize(
    ("source", "same", "left"),
    [("4 images", True, ["clip", "judge"]), ("4 images", False, ["clip"]), ("5", True, ["clip"])],
)
def test_one_detector_calibrated_again_on_the_same_images_leaves_the_others(
    source: str, same: bool, left: list[str]
) -> None:
    new = reading("clip", "v3 net")
    made = calibration.Calibration("mini", "object", source, (new,), None)  # type: ignore[arg-type]
    calibrations.write(made, same=same)
    (found,) = calibrations.read("mini", "object")
    assert isinstance(found, calibration.Calibration) and found.kappa is None
    assert [each.metric for each in found.readings] == left and found.readings[0] == new


def test_the_calibrations_that_came_along_are_of_the_detectors_as_they_are() -> None:
    """Else tables lose their corrected rates: `bench calibrate` for objects, people and styles."""
    stale = {
        (path.stem, reading["metric"])
        for path in sorted((data.ROOT / "reports" / "calibration").glob("*.json"))
        for reading in json.loads(path.read_text(encoding="utf-8"))["readings"]
        if reading["detector"] != registry.detector_version(registry.metric(reading["metric"]))
    }
    assert not stale


@pytest.mark.parametrize("name", registry.metrics())
def test_how_models_are_loaded_is_no_part_of_a_detector(name: str) -> None:
    entry = registry.metrics()[name]
    spec = importlib.util.find_spec(entry.module)
    assert spec is not None and spec.origin is not None
    behind = imports.behind(Path(spec.origin), entry.module)
    assert entry.module in behind
    assert not {"bench.models.loading", "bench.models.recognition"} & set(behind)
