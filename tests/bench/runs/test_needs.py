"""What runs need beside the package is listed at once, and fetched by one command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bench import cli, registry
from bench.models import recognition
from bench.models.downloads import Checkpoint, Download, Network, transformer
from bench.models.fetching import Model
from bench.runs import asked as asked_for
from bench.runs import needs, plan
from bench.types import InputError

WORDS = ("--suite", "objects", "--model", "sd15")


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches with nothing in them."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def cached(cache: Path, repo: str, *files: str) -> None:
    place = cache / "hub" / f"models--{repo.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("3" * 40)
    for file in files:
        (place / "snapshots" / ("3" * 40)).mkdir(parents=True, exist_ok=True)
        (place / "snapshots" / ("3" * 40) / file).write_text("{}")


def test_a_plan_lists_all_that_is_missing_and_what_fetches_it(alone: Any, empty: Path) -> None:
    words = ["run", "--method", "mace", "--set", "segmenter=grounded_sam", *WORDS]
    where = {"HF_HOME": str(empty), "TORCH_HOME": str(empty), "COLUMNS": "400"}
    done = alone(*words, "--size", "smoke", "--plan", "--device", "cpu", environment=where)
    assert done.status == 0, done.err
    assert "torch" not in done.packages
    (line,) = [each for each in done.out.splitlines() if "not on this machine: " in each]
    for name in (
        "model sd15",
        "CLIP ViT-B-32 of openai",
        "AlexNet for LPIPS",
        "IDEA-Research/grounding-dino-base",
        "facebook/sam-vit-huge",
        "prefetch --model sd15 --suite objects --method mace --set segmenter=grounded_sam",
    ):
        assert name in line


def test_mini_needs_nothing(tmp_path: Path) -> None:
    specs = plan.specs(["uce", "mace"], model="mini", suite="objects", size="smoke")
    assert not needs.missing(specs)
    assert [each.name for each in needs.needed(specs)] == ["model mini"]


def test_networks_of_a_setting_are_needed_for_that_setting_alone() -> None:
    names = {
        value: {
            each.name
            for each in needs.needed(
                plan.specs(
                    ["mace"],
                    model="mini",
                    suite="objects",
                    size="smoke",
                    settings=[f"segmenter={value}"],
                )
            )
        }
        for value in ("attention", "grounded_sam")
    }
    more = names["grounded_sam"] - names["attention"]
    assert more == set(registry.method("mace").networks["segmenter=grounded_sam"])


def test_settings_that_need_networks_are_options_that_exist_and_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, entry in registry.methods().items():
        for setting in entry.networks:
            registry.options(entry, "sd", [setting])
            assert cli.main(["list", "methods", "-v"]) == 0
            assert (
                f"{setting} needs {' and '.join(entry.networks[setting])}"
                in capsys.readouterr().out
            )
            assert name == "mace"


def test_the_masks_are_made_by_the_networks_that_are_declared() -> None:
    from methods.mace import _masks

    declared = registry.method("mace").networks["segmenter=grounded_sam"]
    assert declared == (_masks.DETECTOR, _masks.SEGMENTER)


def test_what_is_in_the_caches_is_here(empty: Path) -> None:
    network = transformer("a/b")
    assert not network.here
    cached(empty, "a/b", "config.json", "preprocessor_config.json")
    assert not network.here
    cached(empty, "a/c", "config.json", "preprocessor_config.json", "pytorch_model.bin")
    assert transformer("a/c").here
    file = Checkpoint("x", "https://somewhere/x.pth")
    assert not file.here
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(b"x")
    assert file.here and file.path.is_relative_to(empty)


def test_files_are_where_torch_looks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for name, value in (("TORCH_HOME", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")):
        monkeypatch.setenv(name, value)
        monkeypatch.setattr(torch.hub, "_hub_dir", None)
        found = Checkpoint("x", "https://somewhere/x.pth").path
        assert found.parent == Path(torch.hub.get_dir()) / "checkpoints"
        monkeypatch.delenv(name)


def test_prefetch_fetches_what_is_missing_and_nothing_else(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched: list[str] = []
    for kind in (Network, Checkpoint, Model):
        monkeypatch.setattr(kind, "fetch", lambda self: fetched.append(self.name))
    alexnet = Path(Checkpoint("", "https://x/alexnet-owt-7be5be79.pth").path)
    alexnet.parent.mkdir(parents=True)
    alexnet.write_bytes(b"x")
    words = ["prefetch", *WORDS, "--method", "mace", "--set", "segmenter=grounded_sam"]
    assert cli.main([*words, "--plan"]) == 0 and not fetched
    said = capsys.readouterr().out
    assert "missing   model sd15" in said and "here      AlexNet for LPIPS" in said
    assert cli.main(words) == 0
    assert fetched[0] == "model sd15" and "CLIP ViT-B-32 of openai" in fetched
    assert "AlexNet for LPIPS" not in fetched and "facebook/sam-vit-huge" in fetched


def test_prefetch_of_all_suites_leaves_out_those_for_other_models(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prefetch", "--model", "sd15", "--plan"]) == 0
    said = capsys.readouterr().out
    for name in ("model sd15", "CLIP", "AlexNet", "InceptionV3 for FID"):
        assert name in said


def test_all_that_cannot_be_fetched_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(self: Any) -> None:
        raise OSError("no route\nto host")

    for kind in (Network, Checkpoint, Model):
        monkeypatch.setattr(kind, "fetch", offline)
    assert cli.main(["prefetch", *WORDS]) == 2
    said = capsys.readouterr().err
    for name in ("model sd15", "CLIP ViT-B-32 of openai", "AlexNet for LPIPS"):
        assert f"{name} (no route to host)" in said


def test_a_model_is_fetched_by_its_own_pipeline_class(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import StableDiffusionPipeline

    asked: dict[str, object] = {}
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: None)
    monkeypatch.setattr(
        StableDiffusionPipeline,
        "download",
        classmethod(lambda cls, repo, **how: asked.update(how, repo=repo)),
    )
    Model("sd15@main+fp16").fetch()
    assert asked["repo"] == recognition.hub_id("sd15") and asked["safety_checker"] is None
    assert (asked["revision"], asked["variant"]) == ("main", "fp16")


def test_a_run_says_at_once_all_that_it_lacks(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.metrics import change, clip

    def lacking(self: Any, family: str, device: str) -> None:
        raise InputError(f"cannot load what {self.name} needs")

    specs = plan.specs(
        ["mace"],
        model=str(tiny_folder),
        suite="objects",
        size="smoke",
        settings=["segmenter=grounded_sam"],
    )
    for kind in (change.Change, clip.Clip):
        monkeypatch.setattr(kind, "prepare", lacking)
    with pytest.raises(InputError) as error:
        needs.check(specs, tmp_path, "cpu", ("clip", "change"))
    said = str(error.value)
    for part in ("grounded_sam needs", "what clip needs", "what change needs"):
        assert part in said
    assert not list(tmp_path.glob("*/images")), "nothing is drawn"


def test_all_says_in_a_line_each_what_it_leaves_out(
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from methods.uce import Uce

    def refused(self: Any, pipe: Any, concepts: Any) -> None:
        raise InputError("uce cannot read this model")

    monkeypatch.setattr(Uce, "check", refused)
    words = ["run", "--method", "all", "--model", str(tiny_folder), "--size", "smoke"]
    assert cli.main([*words, "--device", "cpu", "--out", str(tmp_path), "--plan"]) == 0
    said = capsys.readouterr().out.splitlines()
    for name in ("checkpoint", "retrained"):
        assert f"all leaves out {name}: it needs --set path=..." in said
    asked = {"model": str(tiny_folder), "suite": "objects", "size": "smoke"}
    specs = plan.specs(["uce", "rece"], **asked)
    able = needs.check(specs, tmp_path, "cpu", (), ["all"])
    assert [spec.method for spec in able] == ["original", "rece"]
    assert "all leaves out uce: uce cannot read this model" in caplog.text
    with pytest.raises(InputError, match="uce cannot read this model"):
        needs.check(specs, tmp_path, "cpu", (), ["all", "uce"])
    assert not asked_for.left_out(["uce"], []) and "checkpoint" not in asked_for.left_out(
        ["all"], ["path=x"]
    )


def test_a_model_that_cannot_be_loaded_is_said_once_whatever_all_would_leave_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object) -> None:
        raise InputError("model 'sd15' cannot be loaded")

    monkeypatch.setattr(needs.plan, "check_eraser", offline)
    specs = plan.specs(["uce", "rece"], model="sd15", suite="objects", size="smoke")
    with pytest.raises(InputError, match=r"^model 'sd15' cannot be loaded$"):
        needs.check(specs, tmp_path, "cpu", (), ["all"])


def test_why_something_was_not_fetched_is_cut_between_words_and_ours_is_whole() -> None:
    @dataclass(frozen=True)
    class Broken(Download):
        error: Exception
        name: ClassVar[str] = "it"
        here: ClassVar[bool] = False

        def fetch(self) -> None:
            raise self.error

    ours = InputError("model 'sd15' cannot be loaded; " + "fetch it; " * 40)
    theirs, other, silent = needs.fetch(
        [Broken(OSError("no connection " * 40)), Broken(ours), Broken(ValueError())]
    )
    assert theirs.endswith(" ...)") and len(theirs) < 180
    assert set(theirs.split()) == {"it", "(no", "no", "connection", "...)"}
    assert other == f"it ({ours})"
    assert silent == "it (ValueError)"
