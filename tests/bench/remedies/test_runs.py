"""What messages about runs say to do: done by the words that they say, the trouble is gone."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from bench.models import generate
from bench.results.report import figures
from bench.results.report.figures import shapes
from bench.runs import pace, reference
from bench.types import InputError

from ..conftest import WriteSuite
from .conftest import Said, as_said, carries_out, commands, run, words


@carries_out("{} with the same options make{} it again")
def test_a_damaged_file_is_made_again_by_the_command_that_is_named(said: Said, here: Path) -> None:
    image = run(here).path / "images" / "airplane" / "a-0.png"
    image.write_bytes(b"")
    verify = ["compare", "--out", str(here / "out"), "--verify"]
    said(as_said(said(verify, 2), here))
    said(verify)


@carries_out("the command that made the run makes it again")
def test_a_damaged_record_is_made_again_by_its_command(said: Said, here: Path) -> None:
    run(here).record_path.write_text("null")
    told = said(["compare", str(run(here).path)], 2)
    assert "the command that made the run makes it again" in told
    said(words(here))
    said(["compare", str(run(here).path)])


@carries_out("{} has no whole {} to be verified by; delete {}, and {}")
def test_a_run_without_checksums_is_made_anew(said: Said, here: Path) -> None:
    run(here).sums.path.unlink()
    verify = ["compare", str(run(here).path), "--verify"]
    told = said(verify, 2)
    Path(told.split("; delete ")[1].split(", and `")[0]).unlink()
    said(as_said(told, here))
    said(verify)


@carries_out("{} does not say its {}; delete it and the same command makes it again")
@carries_out("{} is damaged ({}); delete it and the same command makes it again")
@pytest.mark.parametrize("content", [b"", b"unsaid"])
def test_an_erasure_that_cannot_be_read_is_deleted_and_made_again(
    said: Said, here: Path, content: bytes
) -> None:
    """One whose checksum is of what it is; else it is made again unasked."""
    folder = run(here)
    path = folder.erasure_path("airplane")
    if content:
        from safetensors.torch import load_file, save_file

        save_file(load_file(path), path)
    else:
        path.write_bytes(content)
    folder.sums.note([path])
    folder.record_path.unlink()
    shutil.rmtree(folder.images("airplane"))
    told = said(words(here), 2)
    assert f"{path} " in told and "; delete it and the same command makes it again" in told, told
    path.unlink()
    said(words(here))
    said(["compare", "--out", str(here / "out"), "--verify"])


@carries_out(
    "{} does not list this run's images and metrics ({}); delete it and the same command measures "
    "them again"
)
def test_a_table_of_other_images_is_deleted_and_measured_again(said: Said, here: Path) -> None:
    folder = run(here)
    text = folder.per_image_path.read_text()
    folder.per_image_path.write_text(text.replace("a photo of", "a painting of"))
    folder.sums.note([folder.per_image_path])
    folder.record_path.unlink()
    told = said(words(here), 2)
    assert "delete it and the same command measures them again" in told, told
    folder.per_image_path.unlink()
    said(words(here))
    assert folder.per_image_path.read_text() == text


@carries_out(
    "{} holds {} but no spec.json, so it is not a run that can be resumed; delete the folder or "
    "choose another --out",
    "delete the folder or choose another --out",
)
@pytest.mark.parametrize("deleted", [True, False])
def test_a_folder_that_is_no_run_is_deleted_or_left(said: Said, here: Path, deleted: bool) -> None:
    folder = run(here)
    folder.spec_path.unlink()
    folder.sums.path.unlink()
    plan = words(here, "--plan")
    told = said(plan, 2)
    assert "holds " in told and "; delete the folder or choose another --out" in told
    folder.spec_path.write_text("null")
    assert "; delete the folder or choose another --out" in said(plan, 2)
    if deleted:
        shutil.rmtree(folder.path)
        said(plan)
    else:
        said([*plan[:-3], "--out", str(here / "another"), "--plan"])


@carries_out("there is no finished run under {}; `{}` makes one")
def test_the_command_that_makes_a_first_run_does(said: Said, here: Path) -> None:
    out = here / "none"
    told = said(["compare", "--out", str(out)], 2)
    (command,) = commands(told)
    rest = words(here)[3:-2]
    said([each.replace("NAME", "original") for each in command] + rest)
    said(["compare", "--out", str(out)])


@carries_out("{}: interrupted; the same command resumes")
def test_an_interrupted_command_resumes(
    said: Said, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.cli import main

    before = run(here).per_image_path.read_bytes()
    shutil.rmtree(here / "out")
    png, drawn = generate._png, list[Any]()

    def stopped(image: Any) -> bytes:
        drawn.append(image)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return png(image)

    monkeypatch.setattr(generate, "_png", stopped)
    assert main(words(here)) == 130
    assert "interrupted; the same command resumes" in capsys.readouterr().err
    said(words(here))
    assert run(here).per_image_path.read_bytes() == before


@carries_out(
    "drawn, not measured; `{} RUN --metric NAME` measures a run, the",
    "same command without --no-metrics all of them",
    "--no-metrics measures nothing; leave --metric, --reference-images out",
)
def test_what_was_drawn_is_measured_later(said: Said, here: Path) -> None:
    shutil.rmtree(here / "out")
    told = said(words(here, "--no-metrics", "--metric", "judge"), 2)
    assert "leave --metric, --reference-images out" in told
    quiet = [each for each in words(here, "--no-metrics") if each != "--quiet"]
    (command,) = commands(said(quiet))
    filled = {"RUN": str(run(here).path), "NAME": "judge"}
    said([filled.get(each, each) for each in command])
    assert run(here).read_record().scores
    said(words(here))
    assert run(here, "original").read_record().scores


@carries_out("; --anyway compares them and marks the table")
def test_runs_of_two_protocols_are_compared_when_that_is_asked(said: Said, here: Path) -> None:
    said(words(here, "--limit", "1"))
    paths = [str(path) for path in (here / "out").glob("uce-*")]
    told = said(["compare", *paths], 2)
    assert "; --anyway compares them and marks the table" in told
    said(["compare", *paths, "--anyway"])


@carries_out(
    "--wide with RUN prints: say --format csv too; without RUN it is written",
    "--label is of LaTeX tables; --format is {}, not latex",
    "{} is no folder; --out is the folder of the runs",
)
def test_words_that_do_not_go_together_go_as_is_said(said: Said, here: Path) -> None:
    path, out = str(run(here).path), str(here / "out")
    assert "say --format csv too" in said(["compare", path, "--wide"], 2)
    assert "judge_share_" in said(["compare", path, "--wide", "--format", "csv"])
    said(["compare", "--out", out, "--wide"])
    assert (here / "out" / "comparison_wide.csv").exists()
    assert "--format is csv, not latex" in said(
        ["compare", path, "--label", "tab:a", "--format", "csv"], 2
    )
    assert r"\label{tab:a}" in said(["compare", path, "--label", "tab:a", "--format", "latex"])
    assert "--out is the folder of the runs" in said(["report", "--out", path + "/record.json"], 2)
    said(["report", "--out", out])


@carries_out("no finished run here is of this model, size, device and precision; see --measure")
def test_a_plan_that_knows_no_pace_measures_one(
    said: Said, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MEASURED", 1)
    plan = words(here, "--plan")
    plan[plan.index("--out") + 1] = str(here / "another")
    assert "; see --measure" in said(plan)
    assert "see --measure" not in said([*plan, "--measure"])


@carries_out("the run would be called '{}...', which has {} bytes, more than the {} of a file's name; call suite, size or model shorter")  # noqa: E501  # fmt: skip
def test_a_run_with_too_long_a_name_has_a_shorter_one(
    said: Said, write_suite: WriteSuite, tmp_path: Path
) -> None:
    long, short = (write_suite(tmp_path / (letter * n)) for letter, n in (("a", 150), ("b", 9)))
    for suite in (long, short):
        table = suite / "suite.toml"
        size = "s" * (100 if suite == long else 9)
        table.write_text(table.read_text().replace("sizes.tiny", f"sizes.{size}"))
        plan = ["run", "--method", "uce", "--suite", str(suite), "--size", size, "--plan"]
        told = said([*plan, "--out", str(tmp_path / "out")], 2 if suite == long else 0)
        assert ("; call suite, size or model shorter" in told) == (suite == long)


@carries_out("--together: case {} has {} in its name; rename it")
def test_a_case_with_a_joint_name_is_renamed(said: Said, suite: Path, tmp_path: Path) -> None:
    table = suite / "suite.toml"
    plain = table.read_text()
    table.write_text(plain.replace("ship = [", '"a+ship" = ['))
    plan = ["run", "--method", "uce", "--suite", str(suite), "--size", "tiny", "--plan"]
    plan += ["--together", "--concept", "airplane", "--out", str(tmp_path / "out"), "--concept"]
    assert "in its name; rename it" in said([*plan, "a+ship"], 2)
    table.write_text(plain)
    said([*plan, "ship"])


@carries_out(
    "attack needs an erased model, and {} erases nothing; name another --method",
    "attacks search on DDIM's path at the model's own size, got {}; leave --scheduler, --width, "
    "--height and --negative-prompt out",
)
def test_an_attack_is_asked_as_is_said(said: Said, suite: Path, tmp_path: Path) -> None:
    plan = ["attack", "--attack", "seed_search", "--suite", str(suite), "--size", "tiny"]
    plan += ["--out", str(tmp_path / "out"), "--plan", "--method"]
    assert "name another --method" in said([*plan, "original"], 2)
    assert "leave --scheduler" in said([*plan, "uce", "--negative-prompt", "a dog"], 2)
    said([*plan, "uce"])


@carries_out(
    "{} holds scores of images that were made elsewhere; `{} --images` measures them again, by "
    "--metric",
    "{} is a run's folder, which would be lost; name another with --to",
    "{} are both called as prompt {} is; leave one",
    "in {} and scores.csv; `{} {} RUN` compares them",
)
def test_images_made_elsewhere_are_scored_as_is_said(said: Said, here: Path) -> None:
    images = here / "mine"
    shutil.copytree(run(here).images("airplane"), images)
    for path in run(here, "original").path.rglob("*.png"):
        if path.parent.parent.name == "images" and not (images / path.name).exists():
            shutil.copy(path, images)
    Image.open(images / "a-0.png").save(images / "a-0.jpg")
    score = ["score", "--images", str(images), "--suite", str(here / "suite"), "--size", "tiny"]
    score += ["--erased", "airplane", "--model", "mini", "--device", "cpu"]
    told = said([*score, "--metric", "judge"], 2)
    assert "are both called as prompt a-0 is; leave one" in told
    (images / "a-0.jpg").unlink()
    told = said([*score, "--to", str(run(here).path)], 2)
    assert "which would be lost; name another with --to" in told
    to = here / "scored"
    told = said([*score, "--to", str(to)])
    (command,) = commands(told)
    said([*command[:-1], str(run(here).path), "--anyway"])
    told = said(["score", str(to), "--metric", "judge"], 2)
    assert commands(told) == [["score", "--images"]] and "by --metric" in told
    said([*score, "--to", str(to), "--metric", "judge"])


@carries_out("two files of verdicts make metric {}; rename one")
def test_two_files_of_verdicts_have_two_names(said: Said, here: Path) -> None:
    score = ["score", str(run(here).path), "--device", "cpu"]
    for folder in ("one", "two"):
        (here / folder).mkdir()
        rows = "airplane/a-0.png,yes\nairplane/a-1.png,no\n"
        (here / folder / "people.csv").write_text(f"image,verdict\n{rows}")
    files_ = [str(here / name / "people.csv") for name in ("one", "two")]
    verdicts = [word for each in files_ for word in ("--verdicts", each)]
    assert "; rename one" in said([*score, *verdicts], 2)
    other = Path(files_[1]).rename(here / "two" / "others.csv")
    said([*score, *verdicts[:2], "--verdicts", str(other)])


@carries_out(
    "--reference-images {}: {} cannot be read as an image; take it out",
    "{} holds other images than those that {} was compared with; put them back, or name the "
    "folder to compare with by --reference-images",
)
def test_reference_images_are_those_that_a_run_was_compared_with(here: Path) -> None:
    real = here / "real"
    real.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64), (number, 9, 9)).save(real / f"{number}.png")
    (real / "odd.png").write_text("no image")
    compares: list[Any] = [SimpleNamespace(name="m", least_reference=lambda family: 2)]
    with pytest.raises(InputError, match=r"odd\.png cannot be read as an image; take it out"):
        reference.reference(real, compares, "mini")
    (real / "odd.png").unlink()
    found = reference.reference(real, compares, "mini")
    record = run(here).read_record()
    record = replace(record, provenance={**record.provenance, **reference.facts(found)})
    (real / "2.png").rename(here / "2.png")
    with pytest.raises(InputError, match="put them back, or name the folder"):
        reference.recorded(record, compares, "mini")
    (here / "2.png").rename(real / "2.png")
    assert reference.recorded(record, compares, "mini") == found


@carries_out("{} cannot compute in {} ({}); choose with --precision")
def test_a_precision_that_a_device_lacks_is_chosen_otherwise(
    said: Said, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(here / "out")
    conv2d = torch.nn.functional.conv2d

    def limited(image: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        if image.dtype == torch.float16:
            raise RuntimeError("not implemented for 'Half'")
        return conv2d(image, *rest, **more)

    monkeypatch.setattr(torch.nn.functional, "conv2d", limited)
    told = said(words(here, "--precision", "fp16"), 2)
    assert "; choose with --precision" in told, told
    said(words(here, "--precision", "fp32"))


@carries_out("plot needs matplotlib: pip install matplotlib")
def test_figures_are_drawn_when_what_is_named_is_installed(
    said: Said, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = figures.KINDS["cost"]
    point = shapes.Point(shapes.Series("uce", "uce", "uce-1", False, False), (1, 0, 2), (1, 0, 2))
    scatter = shapes.Scatter("cost", "s", "share", (point,))
    monkeypatch.setitem(figures.KINDS, "cost", replace(shown, of=lambda group: scatter))
    plot = ["plot", str(run(here).path), "--kind", "cost", "--to", str(here / "a.svg")]
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib", None)
        assert "pip install matplotlib" in said(plot, 2)
    said(plot)
