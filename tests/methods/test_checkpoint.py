"""Erased models that others made, in every form they come in."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bench.models import pipelines
from bench.types import Concept, InputError
from methods import _lora
from methods.checkpoint import Checkpoint


def changed_unet(pipe: Any) -> Any:
    unet = copy.deepcopy(pipe.unet)
    for weight in pipelines.cross_attention(unet).values():
        weight.data.mul_(1.1)
    return unet


def edit(unet: Any) -> dict[str, torch.Tensor]:
    return {name: w.detach().clone() for name, w in pipelines.cross_attention(unet).items()}


def load(pipe: Any, path: Path, **options: Any) -> Any:
    return Checkpoint(path=str(path), **options).erase(
        pipe, [Concept("airplane", "object", "the sky")], seed=0
    )


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "form", ["file", "prefixed", "pt", "state_dict", "model", "unet", "pipeline"]
)
def test_every_form_of_weights_loads(tiny_pipe: Any, tmp_path: Path, form: str) -> None:
    unet = changed_unet(tiny_pipe)
    path = tmp_path / ("edit.safetensors" if form in ("file", "prefixed") else "edit.pt")
    if form == "file":
        save_file(edit(unet), path)
    elif form == "prefixed":
        save_file({f"unet.{name}": w for name, w in edit(unet).items()}, path)
    elif form == "pt":
        torch.save(unet.state_dict(), path)
    elif form in ("state_dict", "model"):
        torch.save({form: unet.state_dict()}, path)
    elif form == "unet":
        path = tmp_path / "unet"
        unet.save_pretrained(path)
    else:
        path = tmp_path / "pipe"
        pipelines.with_unet(tiny_pipe, unet).save_pretrained(path)
    before = copy.deepcopy(tiny_pipe.unet)
    edited = load(tiny_pipe, path)
    assert same(edited.unet, unet)
    assert same(tiny_pipe.unet, before) and not same(before, unet)
    assert same(edited.text_encoder, tiny_pipe.text_encoder)


def test_a_text_encoder_loads_too(tiny_pipe: Any, tmp_path: Path) -> None:
    name, value = next(iter(tiny_pipe.text_encoder.state_dict().items()))
    save_file({f"text_encoder.{name}": 2 * value}, tmp_path / "edit.safetensors")
    edited = load(tiny_pipe, tmp_path / "edit.safetensors")
    assert torch.equal(edited.text_encoder.state_dict()[name], 2 * value)
    assert torch.equal(tiny_pipe.text_encoder.state_dict()[name], value)
    assert edited.unet is tiny_pipe.unet


def lora(pipe: Any) -> tuple[Any, _lora.Factors, dict[str, torch.Tensor]]:
    unet = copy.deepcopy(pipe.unet)
    generator = torch.Generator().manual_seed(0)
    for parameter in _lora.attach(unet, 2, generator):
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    factors = _lora.factors(unet)
    return unet, factors, _lora.merged(pipelines.cross_attention(pipe.unet), factors)


STYLES = {
    "diffusers": ("unet.{}.lora_B.weight", "unet.{}.lora_A.weight"),
    "diffusers_old": ("unet.{}.lora.up.weight", "unet.{}.lora.down.weight"),
    "peft": ("base_model.model.{}.lora_B.weight", "base_model.model.{}.lora_A.weight"),
    "kohya": ("lora_unet_{}.lora_up.weight", "lora_unet_{}.lora_down.weight"),
}


@pytest.mark.parametrize("style", [*STYLES, "processor"])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_every_naming_of_a_lora_loads(
    tiny_pipe: Any, tmp_path: Path, style: str, scale: float
) -> None:
    _, factors, wanted = lora(tiny_pipe)
    tensors = {}
    for name, (up, down) in factors.items():
        module = name.removesuffix(".weight")
        if style == "processor":
            stem, part = module.rsplit(".", 1)
            names = (
                f"unet.{stem}.processor.{part}_lora.up.weight",
                f"unet.{stem}.processor.{part}_lora.down.weight",
            )
        else:
            shown = module.replace(".", "_") if style == "kohya" else module
            names = (STYLES[style][0].format(shown), STYLES[style][1].format(shown))
        tensors |= {names[0]: up, names[1]: down}
        if style == "kohya":
            tensors[f"lora_unet_{shown}.alpha"] = torch.tensor(1.0)
    save_file(tensors, tmp_path / "lora.safetensors")
    edited = load(tiny_pipe, tmp_path / "lora.safetensors", scale=scale)
    strength = scale * (0.5 if style == "kohya" else 1.0)
    before = pipelines.cross_attention(tiny_pipe.unet)
    for name, after in pipelines.cross_attention(edited.unet).items():
        expected = before[name] + strength * (wanted[name] - before[name])
        assert torch.allclose(after, expected, atol=1e-6)


def test_a_peft_folder_loads_with_its_alpha(tiny_pipe: Any, tmp_path: Path) -> None:
    _, factors, wanted = lora(tiny_pipe)
    tensors = {}
    for name, (up, down) in factors.items():
        module = name.removesuffix(".weight")
        tensors[f"base_model.model.{module}.lora_B.weight"] = up
        tensors[f"base_model.model.{module}.lora_A.weight"] = down
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 4}))
    edited = load(tiny_pipe, tmp_path)
    before = pipelines.cross_attention(tiny_pipe.unet)
    for name, after in pipelines.cross_attention(edited.unet).items():
        assert torch.allclose(after, before[name] + 2 * (wanted[name] - before[name]), atol=1e-6)


def test_what_diffusers_itself_saves_loads(tiny_pipe: Any, tmp_path: Path) -> None:
    unet, _, wanted = lora(tiny_pipe)
    unet.save_lora_adapter(tmp_path)
    edited = load(tiny_pipe, tmp_path)
    for name, after in pipelines.cross_attention(edited.unet).items():
        assert torch.allclose(after, wanted[name], atol=1e-6)


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/evil-was-here"),))


def test_bad_files_are_refused(tiny_pipe: Any, tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    save_file(edit(tiny_pipe.unet), good)

    def refused(name: str, content: Any, message: str) -> None:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif path.suffix == ".safetensors":
            save_file(content, path)
        else:
            torch.save(content, path)
        with pytest.raises(InputError, match=message) as caught:
            load(tiny_pipe, path)
        assert "\n" not in str(caught.value)

    key, weight = next(iter(edit(tiny_pipe.unet).items()))
    rows, columns = weight.shape
    refused("cut.safetensors", good.read_bytes()[:-100], "damaged or truncated")
    refused("cut.pt", b"PK\x03\x04 cut", "damaged or truncated")
    refused("evil.pt", {"a": Evil()}, "could run code")
    refused("evil2.pt", pickle.dumps(Evil(), protocol=2), "could run code|damaged")
    refused("beside.pt", {key: weight, "epoch": 3}, "holds 'epoch' beside its tensors")
    refused("list.pt", [torch.ones(1)], "no state dict")
    refused("none.safetensors", {}, "no tensors")
    refused("what.txt", b"", "unknown form")
    refused("other.safetensors", {"conv_nowhere.weight": weight}, "no parameter conv_nowhere")
    refused(
        "shape.safetensors",
        {key: torch.ones(3, 5)},
        rf"{key} is \(3, 5\) there and \({rows}, {columns}\) here",
    )
    refused("nan.safetensors", {key: weight * torch.nan}, "not finite")
    refused("half.safetensors", {f"unet.{key[:-7]}.lora_A.weight": weight}, "lacks a factor")
    refused("compvis.pt", {"model.diffusion_model.x": weight}, "CompVis")
    refused("whole.pt", {key: weight.int()}, "must be real numbers")
    refused("number.pt", {1: weight}, "names a tensor 1, which is no text")
    assert not Path("/tmp/evil-was-here").exists()


def test_a_missing_path_is_said(tiny_pipe: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        load(tiny_pipe, tmp_path / "nowhere.safetensors")
    with pytest.raises(InputError, match="holds no weights"):
        load(tiny_pipe, tmp_path)
    with pytest.raises(InputError, match="path="):
        Checkpoint().erase(tiny_pipe, [], seed=0)
