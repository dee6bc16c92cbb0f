"""What is said of suites, models, checkpoints and methods: done, they are taken."""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bench import data
from bench.models import loading, mini, tensorfiles
from bench.models.downloads import Checkpoint, Network
from bench.models.fetching import Model
from bench.models.generate import image_path
from bench.runs import needs, plan
from bench.types import Concept, InputError, Prompt, RunSpec
from methods import _closed_form, _files, _unet
from methods.speed import Speed

from ..conftest import WriteSuite
from .conftest import Said, carries_out, commands

PLAN = ["run", "--method", "uce", "--size", "smoke", "--device", "cpu", "--plan"]


@carries_out("{}: names {}, which lies outside its folder; copy it there")
def test_a_file_outside_is_copied_into_the_suite(said: Said, suite: Path) -> None:
    outside = (suite / "prompts.csv").rename(suite.parent / "prompts.csv")
    table = suite / "suite.toml"
    plain = table.read_text()
    table.write_text(plain.replace('"prompts.csv"', '"../prompts.csv"'))
    show = ["show", "suite", str(suite)]
    assert "lies outside its folder; copy it there" in said(show, 2)
    shutil.copy(outside, suite)
    table.write_text(plain)
    said(show)


@carries_out("{}: it is called by its folder, whose name {}; give it a name")
def test_a_suite_in_an_odd_folder_has_a_name_of_its_own(
    said: Said, write_suite: WriteSuite, tmp_path: Path
) -> None:
    suite = write_suite(tmp_path / "odd:name")
    show = ["show", "suite", str(suite)]
    assert "; give it a name" in said(show, 2)
    table = suite / "suite.toml"
    table.write_text(f'name = "plain"\n{table.read_text()}')
    said(show)


@carries_out("; import-prompts makes one of a prompt file")
def test_a_prompt_file_becomes_a_suite(said: Said, suite: Path, tmp_path: Path) -> None:
    file = suite / "prompts.csv"
    assert "; import-prompts makes one of a prompt file" in said(["show", "suite", str(file)], 2)
    said(["import-prompts", str(file), "--out", str(tmp_path / "made")])
    said(["show", "suite", str(tmp_path / "made")])


@carries_out(
    "--together: the case of these {} would be called by all of them, and its name {}; write a "
    "case of them into a suite.toml, see prompts/README.md"
)
def test_many_concepts_together_are_a_case_of_a_suite(
    said: Said, write_suite: WriteSuite, tmp_path: Path
) -> None:
    own = dict(zip((letter * 90 for letter in "xyz"), ("bird", "ship", "cat"), strict=True))
    suite = write_suite(tmp_path / "many")
    table = suite / "suite.toml"
    cases = "\n".join(f'{name} = ["{concept}"]' for name, concept in own.items())
    lines = table.read_text().replace("[cases]", f"[cases]\n{cases}")
    table.write_text(lines)
    plan = [*PLAN, "--suite", str(suite), "--size", "tiny", "--out", str(tmp_path / "out")]
    together = ["--together", *(word for name in own for word in ("--concept", name))]
    assert "; write a case of them into a suite.toml" in said([*plan, *together], 2)
    assert (data.ROOT / "prompts" / "README.md").is_file()
    table.write_text(lines.replace("[cases]", '[cases]\nfew = ["bird", "ship", "cat"]'))
    said([*plan, "--concept", "few"])


@carries_out("{}'s {} is for {} alone, not for {}; choose with --concept, or set another {}")
def test_a_setting_for_some_concepts_is_for_those(said: Said, tmp_path: Path) -> None:
    plan = ["run", "--method", "mace", "--size", "smoke", "--model", "sd14", "--device", "cpu"]
    plan += ["--out", str(tmp_path), "--plan", "--set"]
    told = said([*plan, "mapping=official", "--concept", "cat"], 2)
    assert "; choose with --concept, or set another mapping" in told
    said([*plan, "mapping=official", "--concept", "bird"])
    said([*plan, "mapping=suite", "--concept", "cat"])


@carries_out("{} has no plain weights of {}, and the variants {}; choose with --variant")
def test_a_variant_is_chosen(said: Said, tiny_folder: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_folder, tmp_path / "m"))
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    for variant in ("fp16", "ema"):
        shutil.copy(weights, weights.with_name(f"diffusion_pytorch_model.{variant}.safetensors"))
    weights.unlink()
    plan = [*PLAN, "--model", str(model), "--out", str(tmp_path / "out")]
    assert "; choose with --variant" in said(plan, 2)
    said([*plan, "--variant", "ema"])


@carries_out(
    "'{}' is a single file, which does not say what diffusers needs to know of a model; make a "
    "folder of it where there is a network, by {}.from_single_file('{}').save_pretrained("
    "'FOLDER'), or without one by from_single_file with config='A FOLDER', a model's of its "
    "layout, and give that; an erased model is read as it is by --method checkpoint --set path=..."
)
def test_a_single_file_is_given_as_a_folder_or_as_a_checkpoint(
    said: Said, tiny_folder: Path, tiny_pipe: Any, tmp_path: Path
) -> None:
    """Of the first way only its end; `test_single_file` has the second from its beginning."""
    file = tmp_path / "m.safetensors"
    state = {f"unet.{n}": v.contiguous() for n, v in tiny_pipe.unet.state_dict().items()}
    save_file(state, file)
    out = ["--out", str(tmp_path / "out")]
    told = said([*PLAN, *out, "--model", str(file)], 2)
    assert ".from_single_file(" in told and "--method checkpoint --set path=" in told
    said([*PLAN, *out, "--model", str(tiny_folder)])
    words = ["run", "--method", "checkpoint", "--set", f"path={file}", *PLAN[3:], *out]
    said([*words, "--model", str(tiny_folder)])


@carries_out("it is a pickle that holds more than tensors, {}, which could run code; save its state dict as safetensors")  # noqa: E501  # fmt: skip
@carries_out("it is a pointer of Git LFS; fetch it with `git lfs pull`")
@carries_out("the checkpoint {} is a pickle that holds more than tensors, which could run code; it is not read: save its state dict as safetensors")  # noqa: E501  # fmt: skip
@carries_out("the checkpoint {} holds {} beside its tensors, which is none; save its state dict alone")  # noqa: E501  # fmt: skip
def test_weights_are_read_when_they_are_saved_as_is_said(tmp_path: Path, tiny_pipe: Any) -> None:
    state = {n: v.contiguous() for n, v in tiny_pipe.unet.state_dict().items()}
    pickled, plain = tmp_path / "a.pt", tmp_path / "a.safetensors"
    torch.save({"state": state, "more": slice(1, 2)}, pickled)
    with pytest.raises(InputError, match=r"could run code.*save its state dict as safetensors"):
        _files.opened(pickled)
    torch.save({**state, "epoch": 3}, pickled)
    with pytest.raises(InputError, match=r"beside its tensors.*save its state dict alone"):
        _files.opened(pickled)
    torch.save(state, pickled)
    save_file(state, plain)
    for path in (pickled, plain):
        assert _files.opened(path).tensors.keys() == state.keys()
    whole = plain.read_bytes()
    plain.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n")
    assert "fetch it with `git lfs pull`" in tensorfiles.problem(plain)
    plain.write_bytes(whole)
    assert not tensorfiles.problem(plain)


@carries_out(
    "mini's weights are missing: no {} in {}; reinstall, or train them with `{}`",
    "mini's weight file {} is missing; reinstall it",
    "mini's weight file {} is altered: its sha256 is not {}... as {} says; reinstall it",
)
def test_minis_files_are_whole_when_they_are_installed_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    mini.write_sums(tmp_path)
    for name, damage in (
        (mini.SUMS, Path.unlink),
        ("a", Path.unlink),
        ("b", lambda path: path.write_text("c")),
    ):
        path = tmp_path / name
        whole = path.read_bytes()
        damage(path)  # type: ignore[operator]
        with pytest.raises(InputError, match="reinstall"):
            mini.verify(tmp_path)
        path.write_bytes(whole)
        mini.verify(tmp_path)


@carries_out("prompt id {} cannot name a file; use letters, digits, - and _")
def test_an_id_of_letters_digits_hyphens_and_underscores_names_a_file(tmp_path: Path) -> None:
    def row(name: str) -> Prompt:
        return Prompt(name, "a kite", 1, "target", "kite")

    with pytest.raises(InputError, match="use letters, digits, - and _"):
        image_path(tmp_path, row("a/b"))
    assert image_path(tmp_path, row("a-B_2")).parent == tmp_path


@carries_out("there is a method {} already; choose another name")
def test_a_new_method_has_a_name_of_its_own(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests" / "methods").mkdir(parents=True)
    (tmp_path / "methods").mkdir()
    monkeypatch.setattr(data, "ROOT", tmp_path)
    said(["new-method", "mine"])
    assert "; choose another name" in said(["new-method", "mine"], 2)
    said(["new-method", "other"])


@carries_out("could not be fetched: {}; the same command tries again")
@carries_out("`{}` without --plan fetches what is missing")
def test_what_could_not_be_fetched_is_tried_again(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    answers, asked = iter((["model sd14 (no network)"], [])), list[Any]()

    def fetch(wanted: Any) -> list[str]:
        asked.append([each.name for each in wanted])
        return next(answers)

    monkeypatch.setattr(needs, "fetch", fetch)
    words = ["prefetch", "--model", "sd14", "--suite", "objects"]
    told = said([*words, "--plan"])
    assert "without --plan fetches what is missing" in told and not asked
    assert "; the same command tries again" in said(words, 2)
    said(words)
    assert len(asked) == 2 and asked[0] == asked[1] and "model sd14" in asked[0]


@carries_out("{} have no kinds; --kind is for {}")
def test_kinds_are_of_what_has_some(said: Said) -> None:
    told = said(["list", "metrics", "--kind", "weights"], 2)
    for name in told.strip().partition("--kind is for ")[2].split(" and "):
        kind = {"methods": "weights", "attacks": "adaptive"}[name]
        said(["list", name, "--kind", kind])


@carries_out("--executor ray needs Ray: pip install 'erasure-bench[ray]'")
def test_ray_is_used_when_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from bench.runs.executors import connection

    with monkeypatch.context() as without:
        without.setitem(sys.modules, "ray", None)
        with pytest.raises(InputError, match=r"pip install 'erasure-bench\[ray\]'"):
            connection.connected("")
    there = SimpleNamespace(is_initialized=lambda: True)
    monkeypatch.setitem(sys.modules, "ray", there)  # type: ignore[arg-type]
    assert connection.connected("") is there


@carries_out("the normal equations are nearly singular (condition number %.2g): raise the ridge or preserve more")  # noqa: E501  # fmt: skip
def test_a_higher_ridge_is_no_longer_singular(caplog: pytest.LogCaptureFixture) -> None:
    def warned(ridge: float) -> bool:
        caplog.clear()
        sums = _closed_form.Equations(8, "cpu")
        rows = torch.eye(8)
        sums.move(rows[0], rows[1])
        sums.ridge(ridge)
        with caplog.at_level(logging.WARNING):
            sums.matrix()
        return "raise the ridge or preserve more" in caplog.text

    assert warned(1e-14) and not warned(0.5)


@carries_out("a threshold of {} leaves no direction that may change; raise it, or retain less")
def test_a_higher_threshold_leaves_something_to_change(tiny_pipe: Any, airplane: Concept) -> None:
    with pytest.raises(InputError, match="raise it, or retain less"):
        Speed(threshold=1e-12, influence_filter=False).fit(tiny_pipe, [airplane], seed=0)
    assert Speed(threshold=1.0, influence_filter=False).fit(tiny_pipe, [airplane], seed=0)


@carries_out("{}: the loss is {} at step {}; lower the learning rate")
@carries_out("the edit made {} infinite or undefined; lower the learning rate or raise the regularisation")  # noqa: E501  # fmt: skip
def test_a_lower_rate_learns(tiny_pipe: Any, airplane: Concept) -> None:
    from methods.esd import Esd

    def fit(rate: float) -> Any:
        eraser = Esd(steps=3, learning_rate=rate, trajectory_steps=2)
        return eraser.fit(tiny_pipe, [airplane], seed=0)

    with pytest.raises(InputError, match=r"the loss is .*; lower the learning rate"):
        fit(1e30)
    assert fit(1e-5)

    def edit(rate: float) -> Any:
        weights = tiny_pipe.unet.conv_in.weight.detach()
        return _unet.learned(tiny_pipe, {"conv_in.weight": weights + rate * weights * 1e30})

    with pytest.raises(InputError, match="infinite or undefined; lower the learning rate"):
        edit(1e30)
    assert edit(1e-30)


@carries_out("not on this machine: {}; `{}` fetches it")
def test_the_command_that_a_plan_names_fetches_all_that_it_lists(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a stand-in for the network: what is fetched is here then."""
    fetched: set[str] = set()
    for kind in (Model, Network, Checkpoint):
        monkeypatch.setattr(kind, "here", property(lambda each: each.name in fetched))
        monkeypatch.setattr(kind, "fetch", lambda each: fetched.add(each.name))
    plan = ["run", "--method", "mace", "--set", "segmenter=grounded_sam", "--model", "sd14"]
    plan += ["--size", "smoke", "--device", "cpu", "--out", str(tmp_path), "--plan"]
    told = said(plan)
    assert "not on this machine: model sd14, " in told and "grounding-dino" in told
    (command,) = commands(told)
    said(command)
    assert "not on this machine" not in said(plan)


@carries_out(
    "'{}' is of the family {} by its files, and was taken for {} by its name; they are known now, "
    "so the same command again does what it says"
)
def test_a_model_that_was_taken_for_another_is_what_it_is_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    def fetched(name: str) -> None:
        place = tmp_path / f"models--{name.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text("3" * 40)
        (place / "snapshots" / ("3" * 40)).mkdir(parents=True)
        index = place / "snapshots" / ("3" * 40) / "model_index.json"
        index.write_text('{"_class_name": "StableDiffusionXLPipeline"}')

    monkeypatch.setattr(loading, "fetched", fetched)

    def spec() -> RunSpec:
        return plan.specs(["uce"], model="me/model", suite="objects", size="smoke")[1]

    assert spec().family == "sd"
    with pytest.raises(InputError, match="so the same command again does what it says"):
        plan.check_eraser(spec(), tmp_path, "cpu")
    assert spec().family == "sdxl"
