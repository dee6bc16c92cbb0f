from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import cli, files, prompts, registry
from bench.models.mini import known
from bench.results import calibrations, store
from bench.results.stats import calibration
from bench.runs import external, plan, rescore, runner
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
    assert values(record)["change", "judge", "far"] >= 0
    assert values(record)["cost", "parameters", "all"] > 0


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
    assert values(record, "clip") and rescore.CHANGING not in record.provenance


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


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Rendered images, one of them truncated, and a prompt file that names one more."""
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = ["id,concept,role,text,seed"]
    for number, (image, concept) in enumerate(known.images("object", 1)):
        if concept:
            image.save(folder / f"{concept}.png")
            role = "target" if concept == "airplane" else "far"
            rows.append(f"{concept},{concept},{role},a photo of a {concept},{number}")
    (folder / "ship.png").write_bytes(b"\x89PNG")
    (tmp_path / "prompts.csv").write_text("\n".join([*rows, "gone,cat,far,a cat,7"]) + "\n")
    return folder


def test_images_made_elsewhere_are_scored_and_what_is_missing_named(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["score", "--images", str(images), "--prompts", str(tmp_path / "prompts.csv")]
    words += ["--erased", "airplane", "--model", "mini", "--to", str(out), "--device", "cpu"]
    assert cli.main(words) == 0
    text = capsys.readouterr().out
    assert "1 of 11 images are missing, not scored: gone.png" in text
    assert "1 of 11 images are damaged, not scored: ship.png" in text
    rows = {row["id"]: row for row in files.read_rows(out / "per_image.csv")}
    assert rows["airplane"]["judge_label"] == "airplane" and rows["gone"]["judge_label"] == ""
    scores = files.read_rows(out / "scores.csv")
    found = {s["role"]: s for s in scores if s["measure"] == "share"}
    assert {role: int(found[role]["n"]) for role in ("target", "near", "far", "kept")} == {
        **{"target": 1, "near": 1, "far": 7, "kept": 8},
    }
    assert all(float(score["value"]) > 0.8 for score in found.values())


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Twenty rendered images of four concepts, and what a file of targets says of them.

    The airplanes are erased: their images show an automobile. One more row is a synonym of cats.
    """
    folder = tmp_path / "made"
    folder.mkdir()
    drawn: dict[str, list[Any]] = {}
    for image, concept in known.images("object", 5):
        drawn.setdefault(concept, []).append(image)
    rows = ["id,concept,role,text,seed"]
    for concept in ("airplane", "bird", "cat", "ship"):
        for number in range(5):
            shown = "automobile" if concept == "airplane" else concept
            drawn[shown][number].save(folder / f"{concept}-{number}.png")
            rows.append(f"{concept}-{number},{concept},target,a {concept},{number}")
    drawn["cat"][0].save(folder / "kitten.png")
    rows.append("kitten,cat,synonym,a kitten,1")
    (tmp_path / "mixed.csv").write_text("\n".join(rows) + "\n")
    return folder


def score_given(folder: Path, file: Path, *erased: str) -> dict[tuple[str, str], files.Row]:
    out = folder.parent / "scored"
    words = ["score", "--images", str(folder), "--prompts", str(file), "--model", "mini"]
    words += [word for name in erased for word in ("--erased", name)]
    assert cli.main([*words, "--metric", "judge", "--device", "cpu", "--to", str(out)]) == 0
    return {(s["measure"], s["role"]): s for s in files.read_rows(out / "scores.csv")}


def test_targets_of_other_concepts_are_what_must_stay(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a run: look-alikes are near, the rest far, and a synonym of another is neither."""
    scores = score_given(mixed, tmp_path / "mixed.csv", "airplane")
    found = {role: score for (name, role), score in scores.items() if name == "share"}
    sizes = {role: int(score["n"]) for role, score in found.items()}
    assert sizes == {"target": 5, "near": 5, "far": 10, "kept": 15}
    rates = {role: float(score["value"]) for role, score in found.items()}
    assert rates["target"] == 0 and rates["near"] > 0.7 and rates["far"] > 0.7
    text = capsys.readouterr().out
    assert "1 rows say nothing of this erasure, not scored: synonym of cat 1" in text


def test_several_concepts_may_be_erased_together(mixed: Path, tmp_path: Path) -> None:
    scores = score_given(mixed, tmp_path / "mixed.csv", "airplane", "cat")
    sizes = {role: int(s["n"]) for (name, role), s in scores.items() if name == "share"}
    assert sizes == {"target": 10, "synonym": 1, "near": 5, "far": 5, "kept": 10}
    with pytest.raises(InputError, match="kinds object, style; must be of one"):
        external.given(mixed, tmp_path / "mixed.csv", erased=["cat", "mosaic"], model="mini")


def test_samples_of_one_prompt_and_seed_are_images_of_their_own(
    mixed: Path, tmp_path: Path
) -> None:
    text = "airplane,target,a photo of an airplane,443426,"
    rows = [f"airplane-{number},{text}" for number in range(5)]
    (tmp_path / "five.csv").write_text("\n".join(["id,concept,role,text,seed,tag", *rows]) + "\n")
    scores = score_given(mixed, tmp_path / "five.csv", "airplane")
    assert int(scores["share", "target"]["n"]) == 5
    # In a run they would be the same image five times.
    with pytest.raises(InputError, match="repeats line 2 under another id"):
        prompts.read(tmp_path / "five.csv")


def test_a_file_that_says_nothing_of_the_erasure_is_refused(mixed: Path, tmp_path: Path) -> None:
    row = "kitten,cat,synonym,a kitten,1"
    (tmp_path / "cats.csv").write_text(f"id,concept,role,text,seed\n{row}\n")
    with pytest.raises(InputError, match="no row that an erasure of airplane needs"):
        external.given(mixed, tmp_path / "cats.csv", erased=["airplane"], model="mini")


def test_only_what_cannot_be_opened_is_damaged(images: Path, tmp_path: Path) -> None:
    """A metric that reads some roles only says nothing of the others' files."""
    file = tmp_path / "prompts.csv"
    work = external.given(images, file, erased=["airplane"], model="mini", metrics=["remainder"])
    assert external.score(work, tmp_path / "out").damaged == ("ship.png",)


def test_each_kind_is_seen_by_the_metrics_that_can(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"

    def names(erased: str, model: str) -> list[str]:
        work = external.given(images, file, erased=[erased], model=model)
        return [metric.name for metric in work.metrics]

    assert names("airplane", "mini") == ["judge", "clip"]
    assert names("airplane", "sd14") == ["clip"]
    assert names("Abraham Lincoln", "sd14") == ["identity", "clip"]
    assert names("nudity", "sd14") == ["nudity@0.6"]


def test_nothing_is_compared_with_images_that_are_not_there(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    with pytest.raises(InputError, match=r"metric for single images of mini .*'change'"):
        external.given(images, file, erased=["airplane"], model="mini", metrics=["change"])


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


def test_a_published_layout_of_images_is_scored(tmp_path: Path) -> None:
    """Numbers and samples in file names, labels by another name, no ids, roles or seeds."""
    folder = tmp_path / "out" / "samples"
    folder.mkdir(parents=True)
    lines = ["case_number,prompt,class"]
    some = {name: image for image, name in known.images("object", 2) if name}
    for number, name in enumerate(("airplane", "bird")):
        lines.append(f"{number},a photo of a {name},{name}")
        for sample in range(2):
            some[name].convert("RGB").save(folder / f"{number}_{sample}.jpg", quality=95)
    (tmp_path / "theirs.csv").write_text("\n".join(lines) + "\n")
    work = external.given(folder.parent, tmp_path / "theirs.csv", erased=["airplane"], model="mini")
    done = external.score(work, tmp_path / "scores")
    shares = {(s.metric, s.role): (s.value, s.n) for s in done.scores if s.measure == "share"}
    assert shares[("judge", "target")] == (1.0, 2)
    assert shares[("judge", "near")] == (1.0, 2)


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
        (["--images", "x"], "--images needs --prompts"),
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
