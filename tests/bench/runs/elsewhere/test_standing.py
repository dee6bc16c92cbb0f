"""Images made elsewhere as a run of its own, which stands in tables beside others."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from bench import cli
from bench.results import report, store
from bench.results.report import sheet
from bench.results.sums import Sums
from bench.runs import plan, runner
from bench.runs.elsewhere import given, scoring
from bench.runs.elsewhere.given import Asked
from bench.types import InputError, Score

from ...conftest import WriteSuite


@pytest.fixture(scope="module")
def there(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw a suite of four prompts by the un-erased model and by uce, in `runs`.

    What uce drew is beside as somebody's images, in `theirs`.
    """
    folder = write_suite(tmp_path_factory.mktemp("there"))
    for spec in plan.specs(["uce"], model="mini", suite=str(folder), size="tiny"):
        runner.run(spec, folder / "runs")
    (run,) = (folder / "runs").glob("uce-*")
    shutil.copytree(run / "images" / "airplane", folder / "theirs")
    return folder


@pytest.fixture
def images(there: Path, tmp_path: Path) -> Path:
    shutil.copytree(there / "theirs", tmp_path / "theirs")
    return tmp_path / "theirs"


def scored(folder: Path, suite: Path, out: Path, *, name: str = "", original: bool = True) -> Path:
    before = next((suite / "runs").glob("original-*/images/unerased")) if original else None
    asked = Asked(folder, ("airplane",), "mini", name=name, original=before)
    scoring.score(given.of_suite(asked, str(suite), "tiny"), out)
    return out


def runs(suite: Path, *others: Path) -> store.Results:
    return store.read([*store.folders(suite / "runs"), *others])


def values(run: store.Finished) -> dict[tuple[str, ...], Score]:
    return {score.key: score for score in run.record.scores if score.metric == "judge"}


def test_what_a_run_drew_has_the_same_scores_where_it_was_made_elsewhere(
    there: Path, images: Path, tmp_path: Path
) -> None:
    found = runs(there, scored(images, there, tmp_path / "out"))
    assert not found.problems
    (group,) = report.groups(found.runs)
    labels = [group.label(run) for run in group.runs]
    assert labels == ["original", "theirs (made elsewhere)", "uce"]
    theirs, ours = group.runs[1:]
    for key, score in values(ours).items():
        other = values(theirs)[key]
        assert (score.value, score.low, score.high, score.n) == pytest.approx(
            (other.value, other.low, other.high, other.n), nan_ok=True
        )
    page = report.page(group)
    assert page.heading.endswith("20 steps, guidance 4, fp32")
    (note,) = [note for note in page.notes if note.startswith("theirs (made elsewhere)")]
    assert "sampler, guidance, precision and noise" in note
    lines = list(csv.DictReader(sheet.sheet([page]).splitlines()))
    made = {line["method"]: (line["made"], line["precision"]) for line in lines}
    assert made == {
        "original": ("here", "fp32"),
        "theirs": ("elsewhere", ""),
        "uce": ("here", "fp32"),
    }


def test_without_unerased_images_a_note_says_what_goes_unnoticed(
    there: Path, images: Path, tmp_path: Path
) -> None:
    (run,) = store.read([scored(images, there, tmp_path / "out", original=False)]).runs
    page = report.page(report.group([run]))
    assert page.heading.endswith("airplane · made elsewhere")
    assert any("a collapse goes unnoticed" in note for note in page.notes)


def test_a_collapsed_model_is_flagged_where_the_unerased_images_are_there(
    there: Path, images: Path, tmp_path: Path
) -> None:
    for each in ("b-0.png", "s-0.png"):
        shutil.copy(images / "a-0.png", images / each)
    (run,) = store.read([scored(images, there, tmp_path / "out")]).runs
    assert any("far images show their own concept in 0.00" in flag for flag in run.record.flags)
    # As the run that drew the images is, whose two images that should stay are few.
    (honest,) = store.read([scored(there / "theirs", there, tmp_path / "honest")]).runs
    (drawn,) = (run for run in runs(there).runs if run.record.spec.method == "uce")
    assert honest.record.flags == drawn.record.flags
    assert not any("own concept" in flag for flag in honest.record.flags)


@pytest.mark.parametrize("name", ["original", "uce", "un-erased", "file.py:Class"])
def test_a_folder_is_never_taken_for_a_method_of_ours(
    name: str, there: Path, images: Path, tmp_path: Path
) -> None:
    found = runs(there, scored(images, there, tmp_path / "out", name=name))
    (group,) = report.groups(found.runs)
    assert group.unerased is not None
    assert group.unerased.folder.path.name.startswith("original-")
    marked = [label for label in map(group.label, group.runs) if "made elsewhere" in label]
    assert len(marked) == 1 and len({group.label(run) for run in group.runs}) == 3


def test_two_folders_of_one_name_stand_side_by_side(
    there: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = scored(images, there, tmp_path / "a" / "scores")
    shutil.copy(images / "s-0.png", images / "a-0.png")
    second = scored(images, there, tmp_path / "b" / "scores")
    words = ["compare", str(first), str(second), "--format", "csv"]
    assert cli.main(words) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len({line["run_id"] for line in lines}) == 2


def test_other_prompts_or_detectors_are_another_table(
    there: Path, write_suite: WriteSuite, images: Path, tmp_path: Path
) -> None:
    first, *others = (there / "prompts.csv").read_text().splitlines()[1:]
    rows = [first.replace("photo", "picture"), *others]
    other = write_suite(tmp_path / "other", rows=rows)
    asked = Asked(images, ("airplane",), "mini")
    scoring.score(given.of_suite(asked, str(other), "tiny"), tmp_path / "out")
    assert len(report.groups(runs(there, tmp_path / "out").runs)) == 2
    path = tmp_path / "out" / "record.json"
    scored(images, there, tmp_path / "out")
    assert len(report.groups(runs(there, tmp_path / "out").runs)) == 1
    detector = '"judge": "'
    assert detector in path.read_text()
    path.write_text(path.read_text().replace(detector, detector + "another-"))
    Sums(path.parent).note([path])
    assert len(report.groups(runs(there, tmp_path / "out").runs)) == 2


def test_the_size_is_the_largest_that_is_there(
    write_suite: WriteSuite, images: Path, tmp_path: Path
) -> None:
    suite = write_suite(tmp_path / "suite")
    with (suite / "suite.toml").open("a") as table:
        table.write("\n[sizes.two]\nimages = { target = 2 }\ncases = ['airplane']\n")
    asked = Asked(images, ("airplane",), "mini")
    found = given.of_suite(asked, str(suite))
    assert found.told["size"] == "tiny" and not found.missing
    (images / "s-0.png").unlink()
    found = given.of_suite(asked, str(suite))
    assert found.told["size"] == "two" and not found.missing
    (images / "a-1.png").unlink()
    found = given.of_suite(asked, str(suite))
    assert found.told["size"] == "tiny" and found.missing == ("a-1.png", "s-0.png")


def test_fewer_metrics_are_of_one_table_and_others_not(
    write_suite: WriteSuite, images: Path, tmp_path: Path
) -> None:
    suite = write_suite(tmp_path / "suite", metrics=("judge", "clip"))
    for spec in plan.specs(["original"], model="mini", suite=str(suite), size="tiny"):
        runner.run(spec, suite / "runs")

    def tables(*metrics: str) -> int:
        asked = Asked(images, ("airplane",), "mini", metrics)
        scoring.score(given.of_suite(asked, str(suite), "tiny"), tmp_path / "out")
        return len(report.groups(runs(suite, tmp_path / "out").runs))

    assert tables("judge") == tables() == 1
    # Another one decides.
    assert tables("clip") == 2


def test_concepts_of_ones_own_come_with_their_suite(
    write_suite: WriteSuite, there: Path, images: Path, tmp_path: Path
) -> None:
    suite = write_suite(tmp_path / "own")
    with (suite / "suite.toml").open("a") as table:
        table.write('\n[concepts."paper plane"]\nkind = "object"\nanchor = "the sky"\n')
    file = tmp_path / "own.csv"
    names = sorted(each.name for each in images.iterdir())
    lines = [f"a photo of a paper plane,paper plane,{name}" for name in names]
    file.write_text("\n".join(["prompt,concept,file", *lines]) + "\n")
    asked = Asked(images, ("paper plane",), "mini", ("clip",))
    with pytest.raises(InputError, match="paper plane"):
        given.of_file(asked, file)
    found = given.of_file(asked, file, suite=str(suite))
    assert [concept.name for concept in found.erased] == ["paper plane"]
    assert "paper plane" in {each.name for each in found.choice.classes}
    scoring.score(found, tmp_path / "out")
    (run,) = store.read([tmp_path / "out"]).runs
    assert run.record.spec.suite == "own"
    assert {row["concept"] for row in run.images} == {"paper plane"}


def test_a_run_s_folder_is_never_written_over(there: Path, images: Path, tmp_path: Path) -> None:
    run = next((there / "runs").glob("uce-*"))
    before = (run / "record.json").read_bytes()
    words = ["score", "--images", str(images), "--suite", str(there), "--erased", "airplane"]
    words += ["--model", "mini", "--size", "tiny", "--device", "cpu", "--to"]
    assert cli.main([*words, str(run)]) == 2
    assert (run / "record.json").read_bytes() == before
    # One's own scores are, and images may be beside them.
    for _ in range(2):
        assert cli.main([*words, str(images)]) == 0
    (found,) = store.read([images]).runs
    assert all((images / row["image"]).is_file() for row in found.images)
    assert not any(Path(row["image"]).is_absolute() for row in found.images)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["score", "OUT", "--metric", "judge"], "images that were made elsewhere; "),
        (["export", "OUT", "--to", "NEW"], "made elsewhere: there is no erasure here"),
        (["score", "--images", "IMAGES", "--suite", "SUITE"], "--images needs --erased"),
        (
            ["score", "--images", "IMAGES", "--suite", "SUITE", "--erased", "airplan"],
            "unknown concept: 'airplan'; nearest: airplane",
        ),
        (
            ["score", "--images", "IMAGES", "--suite", "obects", "--erased", "airplane"],
            "unknown suite: 'obects'; nearest: objects",
        ),
        (
            [
                *("score", "--images", "IMAGES", "--suite", "SUITE", "--size", "tini"),
                *("--erased", "airplane", "--model", "mini"),
            ],
            "unknown size: 'tini'; nearest: tiny",
        ),
        (
            [
                *("score", "--images", "IMAGES", "--suite", "SUITE", "--columns", "a=b"),
                *("--erased", "airplane", "--model", "mini"),
            ],
            "--columns is of a prompt file; needs --prompts",
        ),
        (
            [
                *("score", "--images", "IMAGES", "--suite", "SUITE", "--size", "tiny"),
                *("--prompts", "SUITE/prompts.csv", "--erased", "airplane", "--model", "mini"),
            ],
            "--size is of a suite's prompts; not allowed with --prompts",
        ),
    ],
)
def test_bad_input(
    words: list[str],
    message: str,
    there: Path,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = scored(images, there, tmp_path / "out")
    places = {"OUT": out, "NEW": tmp_path / "new", "IMAGES": images, "SUITE": there}
    for word, place in places.items():
        words = [each.replace(word, str(place)) for each in words]
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
