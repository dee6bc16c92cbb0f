"""What `export` says to do where it cannot: done, what was asked for goes out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.registry.templates import TEMPLATES

from .conftest import Said, as_said, carries_out, commands, run, words

BIASED = '''
from dataclasses import dataclass
from typing import ClassVar
from bench.models.eraser import Eraser

@dataclass(frozen=True)
class Biased(Eraser):
    """Halves the biases and the values of attention."""

    paper: ClassVar[str] = "none"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_out.0.bias", "unet.*.attn2.to_v.weight")

    def fit(self, pipe, concepts, *, seed, progress=None):
        state = pipe.unet.state_dict()
        ends = ("attn2.to_out.0.bias", "attn2.to_v.weight")
        return {name: 0.5 * value for name, value in state.items() if name.endswith(ends)}
'''


@pytest.fixture
def export(here: Path) -> list[str]:
    """The command for the erasure of the airplane, but where it goes."""
    return ["export", str(run(here).path), "--concept", "airplane", "--device", "cpu", "--to"]


@carries_out(
    "{} is the un-erased model's run: there is no erasure to export; --as {} takes its numbers out",
    "{} has {} erasures; name one with --concept: {}",
    "--to {} is there already; choose another name, or delete it",
)
def test_what_can_go_out_is_named(said: Said, here: Path, export: list[str]) -> None:
    to = here / "to"
    original = ["export", str(run(here, "original").path), "--to", str(to), "--plan"]
    told = said(original, 2)
    assert "; --as bundle takes its numbers out" in told
    said([*original, "--as", "bundle"])
    several = ["export", str(run(here).path), "--to", str(to), "--plan"]
    told = said(several, 2)
    assert "name one with --concept: airplane, ship" in told
    said([*several, "--concept", "ship"])
    to.mkdir()
    (to / "mine").write_text("mine")
    assert "; choose another name, or delete it" in said([*export, str(to), "--plan"], 2)
    said([*export, str(here / "another"), "--plan"])
    shutil.rmtree(to)
    said([*export, str(to), "--plan"])


@carries_out(
    "{} lacks its erasure, erasures/{}; put it back, or delete record.json, and `{}` with the "
    "same options makes it again"
)
@pytest.mark.parametrize("back", [True, False])
def test_an_erasure_comes_back(said: Said, here: Path, export: list[str], back: bool) -> None:
    erasure = run(here).erasure_path("airplane")
    away = erasure.rename(here / "away")
    plan = [*export, str(here / "to"), "--plan"]
    told = said(plan, 2)
    assert "; put it back, or delete record.json, and `" in told
    if back:
        away.rename(erasure)
    else:
        run(here).record_path.unlink()
        said(as_said(told, here))
    said(plan)


@carries_out(
    "the bundle {} is damaged ({}); export the run again where it was made",
    "Made {} by erasure-bench {}, commit {}{}, on {}, with {}. Sha256 of the base model's weights "
    "{}, of the prompts {}. Run {}; all its numbers are in `bundle/`, which `python -m bench "
    "compare bundle` reads.",
)
def test_what_goes_out_is_read_as_it_says_and_a_damaged_one_is_made_again(
    said: Said, here: Path, export: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    to = here / "to"
    said([*export, str(to), "--as", "lora", "--rank", "1"])
    monkeypatch.chdir(to)
    command = ["compare", "bundle"]
    assert command in commands((to / "README.md").read_text())
    said(command)
    table = next((to / "bundle").glob("uce-*/per_image.csv"))
    table.write_bytes(table.read_bytes()[:-9])
    assert "; export the run again where it was made" in said(command, 2)
    again = here / "again"
    said([*export, str(again), "--as", "lora", "--rank", "1"])
    monkeypatch.chdir(again)
    said(command)


@carries_out(
    "{} acts while the model draws and leaves its weights as they are, so there are none to "
    "export; --as {} takes its numbers out, and the run's folder draws here"
)
def test_of_what_acts_while_drawing_the_numbers_go_out(said: Said, here: Path) -> None:
    said(words(here, method="negative_prompt"))
    export = ["export", str(run(here, "negative_prompt").path), "--to", str(here / "to.zip")]
    told = said([*export[:-1], str(here / "to"), "--concept", "ship", "--plan"], 2)
    assert "; --as bundle takes its numbers out" in told
    said([*export, "--as", "bundle"])
    said(["compare", str(here / "to.zip")])


@carries_out("{} tensors stay un-erased, since a LoRA cannot change biases, norms and embeddings: {}{}; --as diffusers has them")  # noqa: E501  # fmt: skip
def test_what_a_lora_cannot_change_goes_out_as_weights(said: Said, here: Path) -> None:
    from diffusers import UNet2DConditionModel
    from safetensors.torch import load_file

    (here / "biased.py").write_text(BIASED)
    said(words(here, "--concept", "airplane", method=f"{here / 'biased.py'}:Biased"))
    folder = run(here, "Biased")
    export = ["export", str(folder.path), "--device", "cpu", "--to"]
    told = said([*export, str(here / "lora"), "--as", "lora", "--rank", "1"])
    assert "; --as diffusers has them" in told
    told = said([*export, str(here / "weights"), "--as", "diffusers"])
    assert "; --as diffusers has them" not in told
    made = UNet2DConditionModel.from_pretrained(here / "weights" / "unet").state_dict()
    for name, value in load_file(folder.erasure_path("airplane")).items():
        assert (made[name.removeprefix("unet.")] == value).all(), name


@carries_out(
    "{} leaves an adapter, which its code applies, and that is another now than the run was made "
    "with; `{}` with the same options makes it anew"
)
def test_an_adapter_of_other_code_is_made_anew(said: Said, here: Path) -> None:
    code = TEMPLATES["adapter"].method.format(title="Fold", name="fold")
    file = here / "fold.py"
    file.write_text(code)
    method = f"{file}:Fold"
    said(words(here, "--concept", "airplane", method=method))
    first = run(here, "Fold").path
    file.write_text(code.replace("strength: float = 1.0", "strength: float = 0.9"))
    plan = ["export", str(first), "--device", "cpu", "--to", str(here / "to"), "--plan"]
    told = said(plan, 2)
    assert commands(told) == [["run"]] and "with the same options makes it anew" in told
    said(words(here, "--concept", "airplane", method=method))
    (anew,) = set((here / "out").glob("Fold-*")) - {first}
    said([plan[0], str(anew), *plan[2:]])
