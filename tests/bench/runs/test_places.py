"""Where a thing lies and how its path was typed decide no result; what it holds does."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from bench import cli, prompts, registry
from bench.results import calibrations, frames, store
from bench.runs import folders, plan, rescore, runner
from bench.runs.resolved import Resolved
from bench.runs.schedule import Begun, Setup
from bench.runs.units import Clock, Kept
from bench.types import InputError, RunSpec, silent

from ..conftest import WriteSuite

METHOD = '''
from dataclasses import dataclass
from bench.models.eraser import Eraser
from bench.types import silent
@dataclass(frozen=True)
class Mine(Eraser):
    """Erases nothing."""
    paper = "none"
    touches = ()
    factor: float = {factor}
    """A factor."""
    def fit(self, pipe, concepts, *, seed, progress=silent):
        return {{}}
'''


@pytest.fixture(scope="module")
def write(write_suite: WriteSuite) -> WriteSuite:
    """Write a suite that the judge and CLIP see."""
    return functools.partial(write_suite, metrics=("judge", "clip"))


@pytest.fixture
def here(write: WriteSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that paths are relative to, with the suite `s` in it."""
    write(tmp_path / "here" / "s")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def rewrite(file: Path, *changes: tuple[str, str]) -> None:
    """Replace what is in a file."""
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def specs(
    method: str = "uce", *, model: str = "mini", suite: str = "s", **more: Any
) -> list[RunSpec]:
    return plan.specs([method], model=model, suite=suite, size="tiny", **more)


def run_id(method: str = "uce", **more: Any) -> str:
    return specs(method, **more)[-1].run_id


def spellings(path: Path) -> list[str]:
    """Ways to type a path from the folder that it is in."""
    own = path.name
    return [own, f"./{own}", f"{own}/", f"../{path.parent.name}/{own}", str(path)]


def test_a_suite_is_one_however_its_path_is_typed(here: Path) -> None:
    found = [specs(suite=each) for each in spellings(here / "s")]
    assert len({run.run_id for each in found for run in each}) == 2
    assert all(each == found[0] for each in found)
    assert found[0][0].suite == "s" and "s" in found[0][0].run_id.split("-")
    assert not any(str(here) in str(run.to_json()) for run in found[0])


def test_a_suite_is_one_wherever_it_lies_and_another_with_other_content(
    write: WriteSuite, here: Path
) -> None:
    own = run_id()
    write(here / "copied" / "s")
    assert run_id(suite="copied/s") == own
    # Comments and the order of keys are no content.
    table = here / "copied" / "s" / "suite.toml"
    rewrite(table, ('version = "1"\n', "# mine\n"))
    table.write_text('version = "1" # first\n' + table.read_text())
    assert run_id(suite="copied/s") == own
    rewrite(write(here / "other" / "s") / "prompts.csv", ("a red airplane", "a blue airplane"))
    assert run_id(suite="other/s") != own
    assert specs(suite="other/s")[0].suite == "s"


def test_an_anchor_is_content_of_every_suite_that_erases_its_concept(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    before = {name: prompts.suite(name).version for name in ("objects", "people", "s")}
    table = prompts.FOLDER / "concepts.toml"
    changed = table.read_text().replace('anchor = "the sky"', 'anchor = "a cloud"')
    assert changed != table.read_text()
    copy = here / "prompts"
    shutil.copytree(prompts.FOLDER, copy)
    (copy / "concepts.toml").write_text(changed)
    monkeypatch.setattr(prompts, "FOLDER", copy)
    after = {name: prompts.suite(name).version for name in before}
    assert [name for name in before if before[name] != after[name]] == ["objects", "s"]


def test_a_suite_from_outside_never_passes_for_the_packages_own(
    write: WriteSuite, here: Path
) -> None:
    write(here / "objects")
    ours, theirs = prompts.suite("objects"), prompts.suite("./objects")
    assert ours.name == theirs.name and ours.version != theirs.version


@pytest.fixture(scope="module")
def made(write: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite `s` and the runs of it."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "s")
    for spec in specs(suite=str(folder / "s")):
        runner.run(spec, folder / "runs")
    return folder


@pytest.fixture
def moved(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs alone, elsewhere: what they were made of is gone."""
    shutil.copytree(made / "runs", tmp_path / "elsewhere")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "elsewhere"


def the(runs: Path, method: str) -> store.RunFolder:
    (path,) = runs.glob(f"{method}-*")
    return store.RunFolder(runs, path.name)


def test_a_run_is_scored_where_its_suite_is_not(
    moved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # As if the detectors had been calibrated since their code last changed.
    (found, *_) = calibrations.read("mini", "object")
    now = [
        replace(each, detector=registry.detector_version(registry.metric(each.metric)))
        for each in found.readings
    ]
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path,))
    calibrations.write(replace(found, readings=tuple(now)))
    folder = the(moved, "uce")
    assert cli.main(["score", str(folder.path), "--metric", "clip", "--device", "cpu"]) == 0
    names = {(score.metric, score.measure) for score in folder.read_record().scores}
    assert {("clip", "share"), ("clip", "probability"), ("judge", "share")} <= names
    assert cli.main(["compare", "--out", str(moved)]) == 0
    assert found.source in " ".join(capsys.readouterr().out.split())
    assert set(frames.scores(moved)["suite"]) == {"s"}


def test_a_runs_own_suite_is_the_suite_that_it_was_made_with(moved: Path) -> None:
    """So a run can be drawn again, attacked or joined by another method from its folder alone."""
    folder = the(moved, "uce")
    again = specs(suite=str(folder.suite_path))
    assert {run.run_id for run in again} == {path.name for path in moved.iterdir()}
    assert all(store.RunFolder(moved, run.run_id).is_done() for run in again)


def test_images_are_measured_by_the_suite_that_they_were_drawn_from(
    made: Path, moved: Path
) -> None:
    """Though the suite's own folder has changed since."""
    changed = made / "s" / "prompts.csv"
    text = changed.read_text()
    changed.write_text(text.replace("airplane", "ship"))
    try:
        record = rescore.score_again(the(made / "runs", "uce"), ["judge"])
    finally:
        changed.write_text(text)
    kept = the(moved, "uce").read_record()
    assert str(record.scores) == str(kept.scores)


def test_a_built_in_suite_is_kept_as_well(tmp_path: Path) -> None:
    (spec,) = plan.specs(["original"], model="sd14", suite="people", size="smoke")
    folder, resumed = folders.opened(spec, tmp_path)
    own = prompts.suite(str(folder.suite_path))
    assert (own.name, own.version, resumed) == (spec.suite, spec.suite_version, False)
    theirs = prompts.suite("people")
    for case in theirs.cases:
        for size in theirs.sizes:
            assert prompts.select(own, case, size, "sd") == prompts.select(theirs, case, size, "sd")
    assert folders.opened(spec, tmp_path)[1] is False


def test_a_run_keeps_the_concepts_as_they_were(
    moved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = the(moved, "uce")
    concepts = prompts.concepts()
    later = {name: replace(each, anchor="a cloud", near=()) for name, each in concepts.items()}
    monkeypatch.setattr(prompts, "concepts", lambda: later)
    content = Resolved(folder.read_record().spec)
    assert prompts.known_concepts(content.suite)["airplane"] == concepts["airplane"]
    assert [row.role for row in content.prompts["airplane"]] == ["target", "target", "near", "far"]


def test_a_copy_that_was_changed_or_is_gone_is_named(moved: Path) -> None:
    folder = the(moved, "uce")
    prompt_file = folder.suite_path / "prompts.csv"
    prompt_file.write_text(prompt_file.read_text().replace("a red", "a green"))
    with pytest.raises(InputError, match=r"suite holds suite s 1-.*, the run was made with s 1-"):
        rescore.score_again(folder, ["judge"])
    shutil.rmtree(folder.suite_path)
    with pytest.raises(InputError, match=r"has no copy of its suite"):
        rescore.score_again(folder, ["judge"])


def test_prompt_files_of_one_name_are_kept_apart(write: WriteSuite, here: Path) -> None:
    rewrite(here / "s" / "suite.toml", ('["prompts.csv"]', '["prompts.csv", "more/prompts.csv"]'))
    rewrite(write(here / "s" / "more") / "prompts.csv", ("-", "-more-"), ("photo", "scan"))
    spec = specs("original")[0]
    folder, _ = folders.opened(spec, here / "runs")
    shutil.rmtree(here / "s" / "more")
    own = prompts.suite(str(folder.suite_path))
    assert (own.name, own.version) == (spec.suite, spec.suite_version)
    assert len(prompts.rows(own)) == 8


def test_a_run_of_another_version_is_said_to_be_one(moved: Path) -> None:
    folder = the(moved, "uce")
    text = folder.record_path.read_text()
    folder.record_path.write_text(text.replace('"precision": "fp32",', ""))
    with pytest.raises(InputError, match=r"written by another version, whose runs differ in prec"):
        rescore.score_again(folder, ["judge"])


@pytest.mark.parametrize(("name", "called"), [("a\x1b[31m\nb", "a_[31m_b"), ("x" * 250, "x" * 150)])
def test_a_model_folder_of_any_name_is_called_by_one_that_files_can_have(
    here: Path, tiny_folder: Path, name: str, called: str
) -> None:
    shutil.copytree(tiny_folder, here / name)
    (spec,) = specs("original", model=str(here / name))[:1]
    assert spec.model.rpartition("-")[0] == called and spec.run_id.startswith("original-")


def test_a_run_that_no_folder_could_be_called_by_is_refused(here: Path) -> None:
    spec = replace(specs("original")[0], suite="s" * 150, size="z" * 100)
    with pytest.raises(InputError, match=r"which has 2\d\d bytes, more than the 255"):
        folders.check([spec], here / "runs")


def test_a_model_folder_is_its_weights(
    here: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_folder, here / "m")
    found = [specs("original", model=each)[0] for each in spellings(here / "m")]
    assert len({spec.run_id for spec in found}) == 1
    assert found[0].model.startswith("m-") and found[0].place("model") == str(here / "m")
    shutil.copytree(here / "m", here / "copied" / "m")
    assert run_id("original", model="copied/m") == found[0].run_id
    changed = here / "copied" / "m" / "unet" / "config.json"
    changed.write_text(changed.read_text() + " ")
    assert run_id("original", model="copied/m") != found[0].run_id
    # A folder never passes for a model of the package.
    shutil.move(here / "copied" / "m", here / "sd14")
    assert specs("original", model="./sd14")[0].model.startswith("sd14-")


def test_a_model_folder_is_loaded_from_where_it_is_and_its_run_scored_without_it(
    here: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_folder, here / "xl")
    config = here / "xl" / "unet" / "config.json"
    table = here / "s" / "suite.toml"
    table.write_text(table.read_text().replace('["judge", "clip"]', '["cost"]'))
    (spec,) = specs("original", model="xl", steps=1)
    monkeypatch.chdir(here.parent)
    runner.run(spec, here / "runs")
    assert config.exists()
    shutil.rmtree(here / "xl")
    record = rescore.score_again(store.RunFolder(here / "runs", spec.run_id), ["cost"])
    # The name alone would say SDXL.
    assert Resolved(record.spec).family == "sd"
    assert record.spec.family == spec.family == "sd"
    assert record.provenance["places"]["model"] == str(here / "xl")


def test_a_hub_id_and_the_packages_name_for_it_are_one_model(here: Path) -> None:
    named, hub = (
        specs("original", model=each) for each in ("sd14", "CompVis/stable-diffusion-v1-4")
    )
    assert named == hub


def test_a_method_from_outside_is_its_code(here: Path) -> None:
    (here / "mine.py").write_text(METHOD.format(factor=0.5))
    own = run_id("mine.py:Mine")
    assert {run_id(f"{path}:Mine") for path in ("./mine.py", here / "mine.py")} == {own}
    for folder, factor in (("same", 0.5), ("other", 0.25)):
        (here / folder).mkdir()
        (here / folder / "mine.py").write_text(METHOD.format(factor=factor))
    assert run_id("same/mine.py:Mine") == own != run_id("other/mine.py:Mine")
    twice = plan.specs(["mine.py:Mine", "./mine.py:Mine"], model="mini", suite="s", size="tiny")
    assert [spec.method for spec in twice] == ["original", "mine.py:Mine"]
    # The un-erased model's run beside it has nothing of the method.
    original = Resolved(twice[1]).original
    assert original == twice[0]
    assert type(registry.eraser(twice[1])).__name__ == "Mine"
    assert type(registry.eraser(original)).__name__ == "Original"


@pytest.fixture
def edit(here: Path) -> Callable[[str, float], None]:
    """Writes a checkpoint that multiplies one matrix of mini."""
    from bench.models import loading, pipelines

    name, weight = next(iter(pipelines.cross_attention(loading.shared("mini", "cpu").unet).items()))

    def written(path: str, factor: float) -> None:
        (here / path).parent.mkdir(exist_ok=True)
        save_file({name: weight.detach() * factor}, here / path)

    return written


def test_an_option_that_is_a_path_is_what_is_there(
    here: Path, edit: Callable[[str, float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    edit("e.safetensors", 2.0)
    edit("same/e.safetensors", 2.0)
    edit("other/e.safetensors", 3.0)

    def of(path: object) -> str:
        return run_id("checkpoint", settings=[f"path={path}"])

    own = of("e.safetensors")
    assert {
        of(each) for each in ("./e.safetensors", here / "e.safetensors", "same/e.safetensors")
    } == {own}
    assert of("other/e.safetensors") != own
    words = ["run", "--method", "checkpoint", "--suite", "s", "--size", "tiny", "--plan"]
    assert cli.main([*words, "--set", "path=gone.safetensors"]) == 2
    assert "path=gone.safetensors: there is no such file or folder" in capsys.readouterr().err


def test_a_checkpoint_is_loaded_from_where_it_is(
    here: Path, edit: Callable[[str, float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.models.erasures import read

    edit("e.safetensors", 2.0)
    spec = specs("checkpoint", settings=["path=./e.safetensors"])[-1]
    monkeypatch.chdir(here.parent)
    begun = Begun(spec, here / "runs", Setup())
    for unit in begun.fits:
        unit.perform(Kept(), Clock(), silent)
    assert len(read(begun.folder.erasure_path("airplane")).shapes) == 1


def test_verdicts_from_elsewhere_are_recorded_by_what_they_say(here: Path) -> None:
    for name, label in (("a", "Ada"), ("b", "Bo")):
        (here / name).mkdir()
        (here / name / "faces.csv").write_text(f"image,label\nx.png,{label}\n")
    one, same, other = (
        registry.detector_version(registry.metric(f"identity@{path}"))
        for path in ("a/faces.csv", here / "a" / "faces.csv", "b/faces.csv")
    )
    assert one == same != other
