from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import cli
from bench.models import loading, pipelines, prediction, recognition
from bench.models.recognition import MODELS
from bench.models.tiny import LAYOUTS, Layout, build_tiny_pipe
from bench.types import InputError

TEXT = "a photo of an airplane in the sky"


def model_folder(path: Path, kind: str, width: int) -> str:
    (path / "unet").mkdir(parents=True)
    (path / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    (path / "unet" / "config.json").write_text(json.dumps({"cross_attention_dim": width}))
    return str(path)


def test_family_of_names_hub_ids_and_folders(tmp_path: Path) -> None:
    named = {name: recognition.family(name) for name in MODELS}
    assert named == {"mini": "mini", "sd14": "sd", "sd15": "sd", "sd21": "sd", "sdxl": "sdxl"}
    assert recognition.family("someone/sdxl-tuned") == "sdxl"
    assert recognition.family("someone/photos") == "sd"
    single, large = "StableDiffusionPipeline", "StableDiffusionXLPipeline"
    assert recognition.family(model_folder(tmp_path / "a", single, 768)) == "sd"
    assert recognition.family(model_folder(tmp_path / "b", single, 128)) == "mini"
    assert recognition.family(model_folder(tmp_path / "c", large, 2048)) == "sdxl"


@pytest.mark.parametrize(
    "kind",
    ["FluxPipeline", "StableDiffusion3Pipeline", "StableDiffusionInpaintPipeline", "Unheard"],
)
def test_an_unknown_layout_is_refused_by_name_before_anything_is_loaded(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model_folder(tmp_path / "m", kind, 768)
    words = ["run", "--method", "uce", "--model", folder, "--size", "smoke", "--device", "cpu"]
    assert cli.main([*words, "--plan", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"unknown layout of model '{folder}': '{kind}'" in said
    assert "choices: StableDiffusionPipeline, StableDiffusionXLPipeline" in said


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("unet", {"in_channels": 9, "out_channels": 4}, "its unet has 9 input channels for 4"),
        ("scheduler", {"prediction_type": "sample"}, "unknown prediction_type of model '.*sample'"),
    ],
)
def test_a_model_that_text_alone_cannot_draw_is_refused_by_its_files(
    file: str, content: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Folders of inpainting models may name the plain pipeline all the same."""
    folder = model_folder(tmp_path / "m", "StableDiffusionPipeline", 768)
    assert recognition.family(folder) == "sd"
    name = "scheduler_config.json" if file == "scheduler" else "config.json"
    (tmp_path / "m" / file).mkdir(exist_ok=True)
    (tmp_path / "m" / file / name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        recognition.family(folder)


@pytest.mark.parametrize("name", ["a/stable-diffusion-2-inpainting", "b/DreamShaper-Inpaint"])
def test_a_name_that_says_inpainting_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(InputError, match="an inpainting U-Net has 9 input channels"):
        recognition.family(name)


def test_a_cached_model_is_what_its_files_say_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, "someone/no-inpainting", "StableDiffusionPipeline", 768)
    assert recognition.family("someone/no-inpainting") == "sd"
    cached(tmp_path, "someone/filler", "StableDiffusionInpaintPipeline", 768)
    with pytest.raises(InputError, match="unknown layout of model 'someone/filler'"):
        recognition.family("someone/filler")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_condition_runs_each_text_encoder_once(layout: Layout) -> None:
    pipe, seen = build_tiny_pipe(layout), []
    found = pipelines.encoders(pipe)
    for number, encoder in enumerate(found):
        encoder.register_forward_hook(lambda *_, number=number: seen.append(number))
    text = prediction.condition(pipe, [TEXT, ""])
    assert seen == list(range(len(found))) and len(found) == 1 + (layout == "sdxl")
    kwargs = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    told = pipe.encode_prompt([TEXT, ""], **kwargs)
    assert torch.equal(text.states, told[0])
    assert (text.pooled is None) == (layout != "sdxl")
    assert text.pooled is None or torch.equal(text.pooled, told[2])


def test_a_pipeline_of_another_layout_is_refused(tiny_pipe: Any) -> None:
    from diffusers import DDPMPipeline

    with pytest.raises(InputError, match="unknown layout of the pipeline: 'DDPMPipeline'"):
        pipelines.encode(DDPMPipeline(tiny_pipe.unet, tiny_pipe.scheduler), [TEXT])


@pytest.mark.parametrize("name", ["black-forest-labs/FLUX.1-dev", "a/stable-diffusion-3-medium"])
def test_a_name_on_the_hub_that_says_another_layout_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is of another layout by its name"):
        recognition.family(name)


def cached(folder: Path, name: str, kind: str, width: int) -> None:
    """Put the description of a model where the hub's client keeps what it has fetched."""
    place = folder / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    model_folder(place / "snapshots" / ("0" * 40), kind, width)


def test_a_model_in_the_hubs_cache_is_read_and_any_other_is_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, "someone/photos", "StableDiffusionXLPipeline", 2048)
    cached(tmp_path, "someone/xl-like", "StableDiffusionPipeline", 768)
    cached(tmp_path, "someone/fluid", "FluxPipeline", 4096)
    assert recognition.family("someone/photos") == "sdxl"
    assert recognition.family("someone/xl-like") == "sd"
    assert not recognition.guessed("someone/photos") and recognition.guessed("someone/else")
    with pytest.raises(InputError, match="unknown layout of model 'someone/fluid': 'FluxPipeline'"):
        recognition.family("someone/fluid")
    words = ["run", "--method", "uce", "--size", "smoke", "--device", "cpu", "--plan"]
    for name, said in {"someone/photos": False, "someone/else": True}.items():
        assert cli.main([*words, "--model", name, "--out", str(tmp_path / "out")]) == 0
        assert ("guessed by its name" in capsys.readouterr().out) == said


def test_check_accepts_what_could_be_a_model(tiny_folder: Path) -> None:
    for name in ("sd14", "someone/photos", "someone/photos@main+fp16", str(tiny_folder)):
        assert recognition.check(name) == name


def test_check_refuses_the_rest(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="unknown model: 'sd114'; nearest: sd14; choices: mini, sd"
    ):
        recognition.check("sd114")
    with pytest.raises(InputError, match=r"has no model_index\.json"):
        recognition.check(str(tmp_path))
    with pytest.raises(InputError, match="does not exist"):
        recognition.check(str(tmp_path / "nothing"))


def test_load_gives_ddim_on_the_cpu_in_fp32(tiny_pipe: Any, tmp_path: Path) -> None:
    tiny_pipe.save_pretrained(tmp_path)
    pipe = loading.load(str(tmp_path), "cpu")
    assert type(pipe.scheduler).__name__ == "DDIMScheduler"
    assert pipe.safety_checker is None and not pipe.unet.training
    assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {torch.float32}
    assert torch.equal(pipelines.encode(pipe, [TEXT]), pipelines.encode(tiny_pipe, [TEXT]))


def test_load_says_what_to_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import StableDiffusionPipeline

    def offline(source: str, **_: object) -> None:
        raise OSError(f"no route to {source}\nat all")

    monkeypatch.setattr(StableDiffusionPipeline, "from_pretrained", offline)
    with pytest.raises(InputError, match="`python -m bench prefetch --model sd14`") as error:
        loading.load("sd14", "cpu")
    assert "\n" not in str(error.value)


def test_load_refuses_a_device_that_is_not_there() -> None:
    for device in ("cpuu", "cuda:99"):
        with pytest.raises(InputError, match=f"device '{device}' cannot be used; choices: cpu"):
            loading.load("sd14", device)


def test_encode_is_what_the_unet_sees(tiny_pipe: Any) -> None:
    texts = [TEXT, "", "a cat " * 40]
    seen, _ = tiny_pipe.encode_prompt(texts, "cpu", 1, False)
    assert torch.equal(pipelines.encode(tiny_pipe, texts), seen)
    assert pipelines.encode(tiny_pipe, texts).dtype == torch.float32


def test_encode_of_two_encoders_is_what_sdxl_sees(tiny_pipe: Any) -> None:
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTextModelWithProjection

    first = tiny_pipe.text_encoder
    second = CLIPTextModelWithProjection(first.config).eval()
    parts = {name: getattr(tiny_pipe, name) for name in ("vae", "unet", "scheduler", "tokenizer")}
    pipe = StableDiffusionXLPipeline(
        **parts, text_encoder=first, text_encoder_2=second, tokenizer_2=tiny_pipe.tokenizer
    )
    with torch.no_grad():
        seen = pipe.encode_prompt([TEXT], device="cpu", do_classifier_free_guidance=False)[0]
    assert torch.equal(pipelines.encode(pipe, [TEXT]), seen)


def test_token_positions_follow_whole_words(tiny_pipe: Any) -> None:
    tokens = tiny_pipe.tokenizer.convert_ids_to_tokens(tiny_pipe.tokenizer(TEXT).input_ids)
    positions = pipelines.token_positions(tiny_pipe, TEXT, "airplane")
    assert "".join(tokens[i] for i in positions) == "airplane</w>"
    both = pipelines.token_positions(tiny_pipe, TEXT, "an airplane")
    assert both[-len(positions) :] == positions and len(both) > len(positions)
    assert pipelines.token_positions(tiny_pipe, TEXT, "plane") == []
    assert pipelines.token_positions(tiny_pipe, TEXT, "") == []


def test_token_positions_are_every_occurrence_that_is_encoded(tiny_pipe: Any) -> None:
    one = len(pipelines.token_positions(tiny_pipe, "cat", "cat"))
    assert len(pipelines.token_positions(tiny_pipe, "cat or cat", "cat")) == 2 * one
    cut = pipelines.token_positions(tiny_pipe, "cat " * 100, "cat")
    assert max(cut) < tiny_pipe.tokenizer.model_max_length - 1


def test_last_token_and_count(tiny_pipe: Any) -> None:
    count = pipelines.token_count(tiny_pipe, TEXT)
    assert pipelines.last_token(tiny_pipe, TEXT) == count
    assert (pipelines.last_token(tiny_pipe, ""), pipelines.token_count(tiny_pipe, "")) == (0, 0)
    assert pipelines.token_count(tiny_pipe, "cat " * 100) >= 100
    assert pipelines.last_token(tiny_pipe, "cat " * 100) == 30


def test_with_unet_shares_all_but_the_unet(tiny_pipe: Any) -> None:
    before = tiny_pipe.unet
    unet = copy.deepcopy(before)
    edited = pipelines.with_unet(tiny_pipe, unet)
    assert edited.unet is unet and tiny_pipe.unet is before
    assert edited.components["unet"] is unet and tiny_pipe.components["unet"] is before
    for name in ("vae", "text_encoder", "tokenizer", "scheduler"):
        assert getattr(edited, name) is getattr(tiny_pipe, name)


def test_cross_attention_is_keys_and_values_from_text(tiny_pipe: Any) -> None:
    found = pipelines.cross_attention(tiny_pipe.unet)
    layers = [name for name, _ in tiny_pipe.unet.named_modules() if name.endswith("attn2")]
    assert len(found) == 2 * len(layers) > 0
    width = tiny_pipe.unet.config.cross_attention_dim
    parameters = dict(tiny_pipe.unet.named_parameters())
    assert all(w.shape[1] == width and parameters[n] is w for n, w in found.items())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_token_embeddings_can_be_given_and_then_are_the_models_own_again(layout: Layout) -> None:
    pipe = build_tiny_pipe(layout)
    ids = pipelines.padded(pipe, [TEXT, "a bird"])
    assert ids.shape == (2, len(pipelines.encoders(pipe)), pipe.tokenizer.model_max_length)
    plain = pipelines.encode(pipe, [TEXT, "a bird"])
    encoder, width = pipe.text_encoder, plain.shape[-1] // ids.shape[1]
    table = encoder.get_input_embeddings().weight.detach()
    swapped = table[ids[:, 0]].flip(0).requires_grad_(True)
    with pipelines.embedded(encoder, swapped):
        made = pipelines.read(pipe, ids.unbind(1))[0]
    assert torch.equal(made[0, :, :width], plain[1, :, :width])
    assert torch.equal(made[:, :, width:], plain[:, :, width:])
    made.sum().backward()
    assert swapped.grad is not None and swapped.grad.abs().sum() > 0
    assert torch.equal(pipelines.encode(pipe, [TEXT, "a bird"]), plain)
