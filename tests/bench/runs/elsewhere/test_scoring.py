from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import cli, files, prompts
from bench.models.mini import known
from bench.runs.elsewhere import given, scoring
from bench.runs.elsewhere.given import Asked, Given
from bench.types import InputError


def work(folder: Path, file: Path, *erased: str, model: str = "mini", metric: str = "") -> Given:
    return given.of_file(Asked(folder, erased, model, (metric,) if metric else ()), file)


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
        work(mixed, tmp_path / "mixed.csv", "cat", "mosaic")


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
        work(mixed, tmp_path / "cats.csv", "airplane")


def test_only_what_cannot_be_opened_is_damaged(images: Path, tmp_path: Path) -> None:
    """A metric that reads some roles only says nothing of the others' files."""
    file = tmp_path / "prompts.csv"
    some = work(images, file, "airplane", metric="remainder")
    assert scoring.score(some, tmp_path / "out").damaged == ("ship.png",)


def test_each_kind_is_seen_by_the_metrics_that_can(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"

    def names(erased: str, model: str) -> list[str]:
        return [metric.name for metric in work(images, file, erased, model=model).metrics]

    assert names("airplane", "mini") == ["judge", "clip"]
    assert names("airplane", "sd14") == ["clip"]
    assert names("Abraham Lincoln", "sd14") == ["identity", "clip"]
    assert names("nudity", "sd14") == ["nudity@0.6"]


def test_what_no_metric_tells_is_named_or_refused(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    file.write_text("id,concept,role,text,seed\nbird,violence,target,a riot,1\n")
    with pytest.raises(InputError, match="name what is to be measured with --metric"):
        work(images, file, "violence", model="sd14")
    assert work(images, file, "violence", model="sd14", metric="clip").metrics


def test_nothing_is_compared_with_images_that_are_not_there(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    with pytest.raises(InputError, match=r"metric for single images of mini .*'change'"):
        work(images, file, "airplane", metric="change")


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
    some = work(folder.parent, tmp_path / "theirs.csv", "airplane")
    done = scoring.score(some, tmp_path / "scores")
    shares = {(s.metric, s.role): (s.value, s.n) for s in done.scores if s.measure == "share"}
    assert shares[("judge", "target")] == (1.0, 2)
    assert shares[("judge", "near")] == (1.0, 2)
