from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bench import cli, files, registry
from bench.metrics.raters import Raters
from bench.models.mini import known
from bench.results import store
from bench.runs import plan, rated, runner
from bench.types import InputError

from ..conftest import WriteSuite


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """Return the concepts of rendered images, and write their prompt file beside them."""
    folder, rows, names = tmp_path / "mine", ["id,concept,role,text,seed"], []
    folder.mkdir()
    for number, (image, concept) in enumerate(known.images("object", 1)):
        if concept:
            image.save(folder / f"{concept}.png")
            role = "target" if concept == "airplane" else "far"
            rows.append(f"{concept},{concept},{role},a photo of a {concept},{number}")
            names.append(concept)
    (tmp_path / "prompts.csv").write_text("\n".join(rows) + "\n")
    return names


def command(tmp_path: Path, *verdicts: Path) -> list[str]:
    words = ["score", "--images", str(tmp_path / "mine"), "--erased", "airplane"]
    words += ["--prompts", str(tmp_path / "prompts.csv"), "--model", "mini"]
    words += [word for each in verdicts for word in ("--verdicts", str(each))]
    return [*words, "--to", str(tmp_path / "out"), "--device", "cpu"]


def test_verdicts_on_images_made_elsewhere_are_a_metric_and_agree_with_the_judge(
    images: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = tmp_path / "people.csv"
    rows = [
        f"{name}.png,{who},{'no' if name == 'airplane' else 'yes'}"
        for name in images
        for who in ("ann", "bob")
    ]
    people.write_text("\n".join(["image,rater,verdict", *rows, "other.png,ann,yes"]) + "\n")
    assert cli.main(command(tmp_path, people)) == 0
    text = capsys.readouterr().out
    assert f"{len(images)} of {len(images)} images are rated; 1 of its images are not here" in text
    assert "raters@people, between raters: 1.000" in text
    scores = {
        (s["metric"], s["measure"], s["role"]): s
        for s in files.read_rows(tmp_path / "out" / "scores.csv")
    }
    target = scores["raters@people", "share", "target"]
    assert float(target["value"]) == 0 and float(target["high"]) > 0
    assert float(scores["raters@people", "share", "far"]["value"]) == 1
    # People have seen no airplane in the image of one; the judge does.
    assert float(scores["judge", "share", "target"]["value"]) == 1
    agreed = {row["other"]: row for row in files.read_rows(tmp_path / "out" / "agreement.csv")}
    assert agreed.keys() == {"between raters", "judge", "clip"}
    judged = agreed["judge"]
    assert int(judged["n"]) == len(images)
    assert float(judged["agreeing"]) == pytest.approx(1 - 1 / len(images))


def test_verdicts_on_some_images_alone_decide_nothing(images: list[str], tmp_path: Path) -> None:
    people, record = tmp_path / "people.csv", tmp_path / "out" / "record.json"
    for names, decides in ((images, "raters@people"), (images[1:], "judge")):
        lines = [f"{name}.png,yes" for name in names]
        people.write_text("\n".join(["image,verdict", *lines]) + "\n")
        assert cli.main(command(tmp_path, people)) == 0
        assert files.read_json(record)["provenance"]["decides"] == decides


def test_verdicts_are_not_taken_for_those_on_unerased_images_of_the_same_names(
    images: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tmp_path / "mine", tmp_path / "before")
    people, seen = tmp_path / "people.csv", []
    people.write_text("\n".join(["image,verdict", *(f"{name}.png,no" for name in images)]) + "\n")
    measure = Raters.measure

    def told(self: Raters, paths: list[Path], *others: Any) -> Any:
        seen.extend(path.parent.name for path in paths)
        return measure(self, paths, *others)

    monkeypatch.setattr(Raters, "measure", told)
    assert cli.main([*command(tmp_path, people), "--original", str(tmp_path / "before")]) == 0
    assert seen and set(seen) == {"mine"}


def test_verdicts_on_a_run_stand_in_its_record(
    write_suite: WriteSuite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(tmp_path)
    for spec in plan.specs(["uce"], model="mini", suite=str(suite), size="tiny", steps=1):
        runner.run(spec, tmp_path / "runs")
    (path,) = (tmp_path / "runs").glob("uce-*")
    run = store.RunFolder(path.parent, path.name)
    vlm = tmp_path / "vlm.csv"
    lines = [f"{row['id']},{row['concept']}" for row in run.read_per_image() if row["concept"]]
    vlm.write_text("\n".join(["id,verdict", *lines]) + "\n")
    assert cli.main(["score", str(path), "--verdicts", str(vlm), "--device", "cpu"]) == 0
    assert "raters@vlm, judge: " in capsys.readouterr().out
    found = {(s.metric, s.measure, s.role): s.value for s in run.read_record().scores}
    assert found["raters@vlm", "share", "target"] == found["raters@vlm", "share", "far"] == 1
    assert found["raters@vlm", "leak", "far"] == 0
    assert "raters@vlm" in run.read_record().provenance["scored_again"]


def test_verdicts_on_other_images_are_refused_before_any_work(
    images: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("image,verdict\nnobody.png,yes\n")
    assert cli.main(command(tmp_path, other)) == 2
    assert f"names none of the {len(images)} images: it rates nobody.png" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("prompt", ["", "mine/"])
def test_a_recognisers_verdicts_are_on_images_that_are_there(tmp_path: Path, prompt: str) -> None:
    file = tmp_path / "faces.csv"
    metric, some = f"identity@{file}", [(tmp_path / "mine" / "a.png", "a")]
    file.write_text("image,label\nimages/mine/a.png,Ada\n")
    with pytest.raises(InputError, match=r"faces.csv names none of the 1 images: it rates images/"):
        rated.told([registry.metric(metric)], some)
    file.write_text(f"image,label\n{prompt}a.png,Ada\nb.png,\n")
    found = {"identity@faces": "1 of 1 images are rated; 1 of its images are not here"}
    assert rated.told([registry.metric(metric)], some) == found
    cases = ("mine", "yours")
    if prompt:
        assert rated.told([registry.metric(metric)], some, cases) == found
        return
    with pytest.raises(InputError, match=r"does not say of which case .* must have images as case"):
        rated.told([registry.metric(metric)], some, cases)


def test_a_run_of_several_cases_asks_for_the_case(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("id,verdict\na,yes\n")
    some = [(tmp_path / case / "a.png", "a") for case in ("cat", "dog")]
    with pytest.raises(InputError, match=r"does not say of which case .* must have a column case"):
        rated.told([registry.metric(f"raters@{file}")], some, ("cat", "dog"))
    file.write_text("id,verdict,case\na,yes,cat\n")
    found = rated.told([registry.metric(f"raters@{file}")], some, ("cat", "dog"))
    assert found == {"raters@people": "1 of 2 images are rated"}


def test_each_question_of_a_file_is_a_metric_and_two_of_one_name_are_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("id,metric,verdict\na,quality,4\na,style,5\n")
    assert rated.names([file]) == [f"raters@{file}#quality", f"raters@{file}#style"]
    with pytest.raises(InputError, match="two files of verdicts make metric raters@people"):
        rated.names([file, file])
