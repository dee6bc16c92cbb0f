"""What people have on disk: variants, revisions, folders that lack something, and changed ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import cli
from bench.models import devices, loading, parts, recognition, sources
from bench.models.sources import Source
from bench.models.tiny import Layout, build_tiny_pipe
from bench.runs import places, plan, provenance
from bench.types import InputError

WORDS = ["run", "--method", "uce", "--size", "smoke", "--device", "cpu"]


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "m"))


def halved(folder: Path, layout: Layout = "sd1", variant: str = "fp16") -> Any:
    """Save a pipeline whose networks' files are of a variant."""
    pipe = build_tiny_pipe(layout)
    pipe.save_pretrained(folder, variant=variant)
    return pipe


def test_a_model_in_one_word_is_read_as_it_was_written(model: Path) -> None:
    for text in ("sd15", "a/b", "a/b@main", "a/b@refs/pr/1+fp16", "sd15+fp16", str(model)):
        assert str(Source.of(text)) == text
    assert Source.of("a/b@refs/pr/1+fp16") == Source("a/b", "refs/pr/1", "fp16")
    odd = Path(shutil.copytree(model, model.parent / "x@y+z"))
    assert Source.of(str(odd)) == Source(str(odd))
    assert sources.chosen("sd15", revision="main", variant="fp16") == "sd15@main+fp16"
    with pytest.raises(InputError, match="says variant fp16, and --variant says ema"):
        sources.chosen("sd15+fp16", variant="ema")
    with pytest.raises(InputError, match="got --revision '-x'"):
        sources.chosen("sd15", revision="-x")


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
def test_a_folder_of_a_variant_alone_is_loaded_and_said(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = halved(tmp_path / "m", layout)
    recognition.check(str(tmp_path / "m"))
    assert recognition.variant(str(tmp_path / "m")) == "fp16"
    found = loading.load(str(tmp_path / "m"), "cpu").unet.state_dict()
    assert all(torch.equal(found[name], each) for name, each in pipe.unet.state_dict().items())
    if layout == "sd1":
        assert cli.main([*WORDS, "--plan", "--model", str(tmp_path / "m"), "--limit", "1"]) == 0
        assert "variant fp16" in capsys.readouterr().out


def test_a_variant_is_chosen_by_name_and_is_another_model(model: Path) -> None:
    other = build_tiny_pipe()
    for weight in other.unet.parameters():
        weight.data.mul_(0.5)
    other.unet.save_pretrained(model / "unet", variant="ema")
    plain, ema = loading.load(str(model), "cpu"), loading.load(f"{model}+ema", "cpu")
    name = "conv_in.weight"
    assert torch.equal(ema.unet.state_dict()[name], 0.5 * plain.unet.state_dict()[name])
    named, place = places.model(f"{model}+ema")
    assert named.endswith("+ema") and place["model"] == f"{model}+ema"
    assert provenance.weights_hash(str(model)) != provenance.weights_hash(f"{model}+ema")
    with pytest.raises(InputError, match=f"unknown variant of model '{model}.em': 'em'; nearest"):
        recognition.check(f"{model}+em")
    with pytest.raises(InputError, match="unknown variant of model 'mini': 'fp16'"):
        recognition.check("mini+fp16")


def test_several_variants_and_no_plain_weights_are_not_chosen_from(tmp_path: Path) -> None:
    for variant in ("fp16", "ema"):
        halved(tmp_path / "m", variant=variant)
    with pytest.raises(InputError, match="and the variants ema, fp16; choose with --variant"):
        recognition.check(str(tmp_path / "m"))
    recognition.check(f"{tmp_path / 'm'}+ema")


def test_names_of_files_say_their_variant() -> None:
    named = {
        "model.safetensors": "",
        "model.fp16.safetensors": "fp16",
        "diffusion_pytorch_model-00001-of-00002.safetensors": "",
        "diffusion_pytorch_model.fp16-00001-of-00002.safetensors": "fp16",
        "diffusion_pytorch_model.safetensors.index.fp16.json": "fp16",
        "pytorch_model.bin": "",
    }
    assert {name: parts.variant_of(name) for name in named} == named


def without(part: str) -> Callable[[Path], object]:
    return lambda folder: shutil.rmtree(folder / part)


def index(content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "model_index.json").write_text(content)


def unnamed(folder: Path) -> None:
    found = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(found | {"vae": [None, None]}))


def unweighted(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    for file in (folder / "unet").glob("*.safetensors"):
        file.unlink()


def pointer(folder: Path) -> None:
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_text("version https://git-lfs.github.com/spec/v1\n")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without("unet"), "it has no folder unet"),
        (without("scheduler"), "it has no folder scheduler"),
        (without("tokenizer"), "it has no folder tokenizer"),
        (unnamed, "its model_index.json names no vae"),
        (unweighted, "unet has no weights; it has no folder vae"),
        (pointer, "it is a pointer of Git LFS"),
        (lambda folder: (folder / "vae" / "config.json").unlink(), "vae has no config.json"),
        (lambda folder: (folder / "vae" / "config.json").write_text("[]"), "holds no JSON object"),
        (index("null"), "model_index.json holds no JSON object"),
        (index(""), "model_index.json is no JSON"),
        (index("{}"), "does not say its _class_name"),
        (index('{"_class_name": ["StableDiffusionPipeline"]}'), "does not say its _class_name"),
        (index('{"_class_name": "StableDiffusionPipeline"}'), "names no unet, no vae, no text_enc"),
        (index("[" * 100_000), "model_index.json is no JSON"),
    ],
)
def test_a_folder_that_lacks_something_is_refused_by_the_plan(
    damage: Callable[[Path], object],
    said: str,
    model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(model)
    assert cli.main([*WORDS, "--plan", "--model", str(model)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["m.safetensors", "m.ckpt"])
def test_a_single_file_is_refused_with_the_way(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert cli.main([*WORDS, "--plan", "--model", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert f"'{tmp_path / name}' is a single file" in said
    assert f"StableDiffusionXLPipeline.from_single_file('{tmp_path / name}')" in said


def test_what_is_not_loaded_may_be_missing(model: Path) -> None:
    found = json.loads((model / "model_index.json").read_text())
    found["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    found["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    (model / "model_index.json").write_text(json.dumps(found))
    recognition.check(str(model))
    loading.load(str(model), "cpu")


def test_a_folder_that_was_overwritten_is_loaded_anew(model: Path) -> None:
    before = loading.shared(str(model), "cpu")
    assert loading.shared(str(model), "cpu") is before
    other = build_tiny_pipe()
    for weight in other.unet.parameters():
        weight.data.mul_(0.5)
    other.save_pretrained(model)
    after = loading.shared(str(model), "cpu")
    name = "conv_in.weight"
    assert torch.equal(after.unet.state_dict()[name], other.unet.state_dict()[name])


def test_a_revision_is_of_the_hub_and_goes_into_loading(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import StableDiffusionPipeline

    with pytest.raises(InputError, match="only models on the Hugging Face Hub have revisions"):
        recognition.check(f"{model}@main")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    place, commit = tmp_path / "hub" / "models--a--b", "1" * 40
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "old").write_text(commit)
    shutil.copytree(model, place / "snapshots" / commit)
    assert recognition.here("a/b") is None and recognition.here("a/b@old") is not None
    assert recognition.lacking("a/b") and not recognition.lacking("a/b@old")
    assert provenance.revision("a/b@old") == commit
    asked: list[object] = []

    def from_pretrained(source: str, **how: object) -> Any:
        asked.extend([source, how["revision"], how["variant"]])
        return build_tiny_pipe()

    monkeypatch.setattr(StableDiffusionPipeline, "from_pretrained", from_pretrained)
    loading.load("a/b@old", "cpu")
    assert asked == ["a/b", "old", None]
    found = plan.specs(["original"], model="a/b@old", suite="objects", size="smoke")
    assert found[0].model == "a/b@old"


def test_a_name_that_guessed_wrong_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the model is here, and its name says nothing of SDXL."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (spec,) = plan.specs(["original"], model="a/photos", suite="objects", size="smoke")
    assert spec.family == "sd"

    def download(repo: str, file: str, revision: object) -> None:
        place = tmp_path / "models--a--photos"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text("2" * 40)
        (place / "snapshots" / ("2" * 40)).mkdir(parents=True)
        content = json.dumps({"_class_name": "StableDiffusionXLPipeline"})
        (place / "snapshots" / ("2" * 40) / file).write_text(content)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(InputError, match="is of the family sdxl by its files, and was taken for"):
        plan.check_erasers([spec], tmp_path / "out", "cpu")
    again = plan.specs(["original"], model="a/photos", suite="objects", size="smoke")
    assert again[0].family == "sdxl"


def test_a_gated_model_names_its_page_and_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import StableDiffusionPipeline

    class GatedRepoError(Exception):
        """As the hub's client raises it, whatever that derives from."""

    def refused(*_: object, **__: object) -> None:
        try:
            raise GatedRepoError("401 Client Error")
        except GatedRepoError as error:
            raise OSError("you are trying to access a gated repo") from error

    monkeypatch.setattr(StableDiffusionPipeline, "from_pretrained", refused)
    page = "https://huggingface.co/CompVis/stable-diffusion-v1-4"
    with pytest.raises(InputError, match=f"is gated: accept its licence at {page}.*hf auth login"):
        loading.load("sd14", "cpu")


def test_a_device_that_cannot_compute_in_a_precision_is_said(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conv2d(image: torch.Tensor, *_: object) -> None:
        if image.dtype == torch.float16:
            raise RuntimeError("\"slow_conv2d_cpu\" not implemented for 'Half'")

    monkeypatch.setattr(torch.nn.functional, "conv2d", conv2d)
    with pytest.raises(InputError, match=r"cpu cannot compute in torch\.float16 .*--precision"):
        loading.load(str(model), "cpu", "fp16")


@pytest.mark.parametrize("asked", [None, "fp32", "bf16", "fp16"])
def test_the_precision_of_a_record_is_what_is_loaded_on_mps_too(
    asked: str | None, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_devices", lambda: ["cpu", "mps"])
    own = loading.precision(asked, devices.device("mps"))
    (spec,) = plan.specs(
        ["original"], model=str(model), suite="objects", size="smoke", precision=own
    )
    # There is no such device here: the weights are loaded as they would be there.
    pipe = loading.load(spec.place("model"), "cpu", spec.precision)
    names = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    assert {pipe.unet.dtype, pipe.vae.dtype, pipe.text_encoder.dtype} == {names[spec.precision]}
    assert spec.precision == (asked or "fp16")
