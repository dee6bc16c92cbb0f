from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
from safetensors.torch import load_file

from bench import cli, registry
from bench.results import calibrations, store, verification
from bench.results.stats import calibration
from bench.runs import plan, rescore, runner
from bench.types import InputError, RunRecord

from ...conftest import WriteSuite


@pytest.fixture(scope="module")
def made(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw a run of four images, judged by the judge alone."""
    suite = write_suite(tmp_path_factory.mktemp("suite"))
    for spec in plan.specs(["uce"], model="mini", suite=str(suite), size="tiny"):
        runner.run(spec, suite / "runs")
    return suite / "runs"


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Iterator[store.RunFolder]:
    copy = tmp_path / "runs"
    shutil.copytree(made, copy)
    (path,) = copy.glob("uce-*")
    yield store.RunFolder(copy, path.name)


def values(record: RunRecord, *metrics: str) -> dict[tuple[str, ...], float]:
    """Return the scores by metric, measure and role, of these metrics or of all."""
    found = (s for s in record.scores if s.metric in (metrics or (s.metric,)))
    return {(s.metric, s.measure, s.role): s.value for s in found}


def corrected(record: RunRecord) -> dict[tuple[str, ...], float]:
    return {key: value for key, value in values(record).items() if key[1] == "corrected"}


def test_a_new_metric_is_added_and_the_others_stay(run: store.RunFolder) -> None:
    before = run.read_record()
    assert not values(before, "clip")
    after = rescore.score_again(run, ["clip"])
    far = [row for row in run.read_per_image() if row["role"] == "far"]
    shown = sum(row["clip_label"] == row["concept"] for row in far) / len(far)
    assert values(after)["clip", "share", "far"] == pytest.approx(shown)
    kept = {key: value for key, value in values(after).items() if key[0] != "clip"}
    assert repr(kept) == repr(values(before))
    assert repr(run.read_record().scores) == repr(after.scores)
    assert "clip_label" in run.read_per_image()[0]
    assert [s.metric for s in run.read_scores()] == [s.metric for s in after.scores]


@pytest.fixture
def calibrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Keep a calibration of the judge in this version, that sees planes in half of all planes."""
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path,))

    def keep(detector: str) -> None:
        truths = ["airplane"] * 40 + ["bird"] * 40 + ["ship"] * 40 + [""] * 40
        labels = ["airplane"] * 20 + ["ship"] * 20 + truths[40:]
        reading = calibration.read("judge", detector, [], truths, labels, [0.9] * len(truths))
        calibrations.write(calibration.Calibration("mini", "object", "images", (reading,), None))

    return keep


def test_corrected_rates_stand_beside_raw_ones_where_a_calibration_holds(
    run: store.RunFolder, calibrate: Callable[[str], None]
) -> None:
    assert not corrected(rescore.score_again(run, ["judge"]))
    detector = registry.detector_version(registry.metric("judge"))
    calibrate(detector)
    after = rescore.score_again(run, ["judge"])
    raw, truer = values(after), corrected(after)
    assert {role for *_, role in truer} == {"target", "near", "far", "kept"}
    # Of planes the judge sees half: (p - 0) / (0.5 - 0).
    assert truer["judge", "corrected", "target"] == min(1.0, raw["judge", "share", "target"] / 0.5)
    (score,) = [s for s in run.read_scores() if (s.measure, s.role) == ("corrected", "target")]
    assert score.n == 2 and 0 <= score.low <= score.value <= score.high <= 1
    # That of another version is none.
    calibrate("000000000000" + detector[12:])
    assert not corrected(rescore.score_again(run, ["judge"]))


def test_the_same_metric_again_leaves_the_same_files(run: store.RunFolder) -> None:
    files = [run.per_image_path, run.scores_path]
    before = [path.read_bytes() for path in files]
    rescore.score_again(run, ["judge"])
    assert [path.read_bytes() for path in files] == before


def test_metrics_of_sets_and_of_pairs_can_be_added(run: store.RunFolder) -> None:
    record = rescore.score_again(run, ["change", "cost"])
    far = [row for row in run.read_per_image() if row["role"] == "far"]
    distances = [float(row["change_distance"]) for row in far]
    assert values(record)["change", "judge", "far"] == pytest.approx(mean(distances)) != 0
    edited = load_file(run.erasure_path("airplane")).values()
    assert values(record)["cost", "parameters", "all"] == sum(value.numel() for value in edited)


def test_a_hand_edited_file_is_refused_and_nothing_changes(run: store.RunFolder) -> None:
    text = run.per_image_path.read_text()
    run.per_image_path.write_text(text.replace("none", "bird", 1))
    with pytest.raises(InputError, match="was changed since the run wrote it"):
        rescore.score_again(run, ["clip"])
    assert "clip" not in run.scores_path.read_text()


def test_stopped_between_its_files_the_same_call_finishes(
    run: store.RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stop:
        stop.setattr(store.RunFolder, "write_scores", lambda *_: (_ for _ in ()).throw(KeyError()))
        with pytest.raises(KeyError):
            rescore.score_again(run, ["clip"])
    record = rescore.score_again(run, ["clip"])
    assert values(record, "clip") and verification.CHANGING not in record.provenance


def test_missing_and_truncated_images_are_counted(run: store.RunFolder) -> None:
    first, second, *_ = (run.path / row["image"] for row in run.read_per_image())
    first.unlink()
    second.write_bytes(second.read_bytes()[:40])
    record = rescore.score_again(run, ["judge"])
    assert values(record)["judge", "unread", "all"] == 0.5


def test_who_measured_last_belongs_to_the_protocol(run: store.RunFolder) -> None:
    right = run.read_record()
    stale = {**right.provenance, "detectors": {"judge": "of another version"}, "protocol": "0"}
    run.write_record(replace(right, provenance=stale))
    # A metric beside the suite's own changes no protocol.
    assert rescore.score_again(run, ["clip"]).provenance["detectors"] == stale["detectors"]
    record = rescore.score_again(run, ["judge"])
    for name in ("detectors", "protocol"):
        assert record.provenance[name] == right.provenance[name] != stale[name]


def test_the_command_prints_the_scores(
    run: store.RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["score", str(run.path), "--metric", "clip", "--device", "cpu"]) == 0
    text = capsys.readouterr().out
    assert "probability" in text and str(run.scores_path) in text


@pytest.mark.parametrize("path", [".", "../../link"])
def test_a_run_is_found_by_any_path_to_its_folder(
    run: store.RunFolder, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (run.path.parents[1] / "link").symlink_to(run.path)
    monkeypatch.chdir(run.path)
    assert cli.main(["score", path, "--metric", "change", "--device", "cpu", "-q"]) == 0
    # Compared with the un-erased model's, which lie beside the folder itself.
    assert values(run.read_record(), "change")["change", "judge", "target"] > 0
    assert cli.main(["compare", path, "-q"]) == 0


def test_a_run_whose_folder_was_called_otherwise_says_what_it_was(
    run: store.RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    other = run.path.rename(run.path.parent / "mine")
    assert cli.main(["score", str(other), "--metric", "judge"]) == 2
    said = capsys.readouterr().err
    assert f"is of a folder called {run.path.name}" in said and "damaged" not in said


def test_unerased_images_beside_them_are_compared_with(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a run says of its own images is said of them where they are given as anybody's."""
    (erased,), (original,) = made.glob("uce-*"), made.glob("original-*")
    record = store.RunFolder(made, erased.name).read_record()
    words = ["score", "--images", str(erased / "images"), "--prompts"]
    words += [str(erased / "suite" / "prompts.csv"), "--erased", "airplane", "--model", "mini"]
    words += ["--original", str(original / "images"), "--metric", "judge", "--metric", "change"]
    assert cli.main([*words, "--to", str(tmp_path / "out"), "--device", "cpu"]) == 0
    assert "images    by their ids" in capsys.readouterr().out
    folder = store.RunFolder(tmp_path, "out")
    found = {(s.metric, s.measure, s.role): s.value for s in folder.read_scores()}
    wanted = {(s.metric, s.measure, s.role): s.value for s in record.scores}
    for key in (("judge", "share", "target"), ("judge", "share", "far")):
        assert found[key] == wanted[key]
    # Effects are relative to what the un-erased model drew, which was looked at as well.
    assert any("efficacy" in measure for _, measure, _ in found)
    rows = folder.read_per_image()
    assert all(float(row["change_distance"]) >= 0 for row in rows)
    assert any(float(row["change_distance"]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "score needs either"),
        (["RUN", "--images", "x"], "score needs either"),
        (["RUN"], "score needs --metric; choices: change, clip"),
        (["RUN", "--metric", "clp"], "unknown metric: 'clp'; nearest: clip"),
        (["RUN", "--metric", "clip@3"], "metric clip has no options"),
        (["RUN", "--metric", "nudity@0.1"], "must be from 0.25"),
        (
            ["RUN", "--metric", "style"],
            "unknown metric for concepts of kind object in images of mini: 'style'",
        ),
        (["nowhere", "--metric", "clip"], "nowhere is no finished run"),
        (["--images", "x"], "--images needs --prompts, or --suite"),
        (["--images", "x", "--prompts", "PROMPTS"], "--images needs --erased"),
        (["--images", "x", "--prompts", "PROMPTS", "--erased", "airplan"], "nearest: airplane"),
        (["--images", "x", "--prompts", "PROMPTS", "--erased", "cat"], "there is no folder x"),
        (
            ["--images", "EMPTY", "--prompts", "PROMPTS", "--erased", "cat"],
            "has none of the images of 4 prompts",
        ),
    ],
)
def test_bad_input(
    words: list[str],
    message: str,
    run: store.RunFolder,
    write_suite: WriteSuite,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    write_suite(tmp_path)
    places = {"RUN": run.path, "PROMPTS": tmp_path / "prompts.csv", "EMPTY": tmp_path / "empty"}
    assert cli.main(["score", *(str(places.get(word, word)) for word in words)]) == 2
    assert message in capsys.readouterr().err
