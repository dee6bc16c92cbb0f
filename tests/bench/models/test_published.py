"""What others load of an exported erasure is what was applied here, in every layout."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel
from torch import Tensor

from bench.models import loading, pipelines, published
from bench.models.mini import path as mini_folder
from bench.models.prediction import condition, predict
from bench.models.tiny import build_tiny_pipe
from bench.models.weights import PREFIXES, loaded
from bench.types import Concept, InputError
from methods.checkpoint import Checkpoint

LAYOUTS = ("mini", "sd1", "sd2", "sdxl")


def pipeline(layout: Any) -> Any:
    if layout == "mini":
        return loading.load(str(mini_folder()), "cpu")
    return build_tiny_pipe(layout)


def changes(pipe: Any, *, extra: bool = False) -> dict[str, Tensor]:
    """Return an erasure of rank two of cross-attention, a convolution and every text encoder."""
    generator = torch.Generator().manual_seed(0)

    def moved(weight: Tensor) -> Tensor:
        flat = weight.detach().flatten(1)
        up, down = (torch.randn(n, 2, generator=generator) for n in flat.shape)
        return (flat + 0.05 * up @ down.T).reshape(weight.shape)

    found = {name: moved(each) for name, each in pipelines.cross_attention(pipe.unet).items()}
    found["conv_in.weight"] = moved(pipe.unet.conv_in.weight)
    for part in pipelines.encoder_names(pipe):
        own = getattr(pipe, part).state_dict()
        for name, weight in own.items():
            if name.endswith(("self_attn.q_proj.weight", "fc1.weight")):
                found[PREFIXES[part] + name] = moved(weight)
            if extra and name.endswith("fc1.bias"):
                found[PREFIXES[part] + name] = weight + 1
    return found


def relative(one: Any, other: Any) -> float:
    """Return the greatest relative difference between two modules' parameters of one name."""
    right = other.state_dict()
    return max(
        float((each.double() - right[name].double()).norm() / right[name].double().norm())
        for name, each in one.state_dict().items()
        if right[name].is_floating_point() and right[name].any()
    )


def predicted(pipe: Any) -> Tensor:
    shape = (1, pipe.unet.config.in_channels, 8, 8)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    text = condition(pipe, ["a photo of an airplane"])
    with torch.no_grad():
        return predict(pipe.unet, latents, torch.tensor([500]), text)


def parts(pipe: Any) -> list[str]:
    return ["unet", *pipelines.encoder_names(pipe)]


def checkpoint(pipe: Any, folder: Path) -> Any:
    eraser = Checkpoint(path=str(folder))
    return eraser.erase(pipe, [Concept("airplane", "object", "the sky")], seed=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_load_as_they_are(tmp_path: Path, layout: str) -> None:
    pipe = pipeline(layout)
    tensors = changes(pipe, extra=True)
    erased = loaded(pipe, tensors)
    names = published.write_parts(pipe, tensors, tmp_path / "parts", whole=False)
    assert list(names) == parts(pipe)
    assert {each.name for each in (tmp_path / "parts").iterdir()} == set(names)
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "parts" / "unet")
    assert relative(unet, erased.unet) == 0
    published.write_parts(pipe, tensors, tmp_path / "whole", whole=True)
    whole = DiffusionPipeline.from_pretrained(tmp_path / "whole")
    for name in parts(pipe):
        assert relative(getattr(whole, name), getattr(erased, name)) == 0
        assert relative(getattr(erased, name), getattr(pipe, name)) > 1e-3
    assert torch.allclose(predicted(whole), predicted(erased), atol=1e-6)
    assert not torch.allclose(predicted(pipe), predicted(erased), atol=1e-3)
    for folder in ("parts", "whole"):
        again = checkpoint(pipe, tmp_path / folder)
        assert all(relative(getattr(again, n), getattr(erased, n)) == 0 for n in parts(pipe))


def test_only_what_changed_is_written(tmp_path: Path, tiny_pipe: Any) -> None:
    tensors = {n: w for n, w in changes(tiny_pipe).items() if n.startswith("text_encoder.")}
    assert published.write_parts(tiny_pipe, tensors, tmp_path, whole=False) == ("text_encoder",)
    assert [each.name for each in tmp_path.iterdir()] == ["text_encoder"]


def fused(pipe: Any, folder: Path) -> Any:
    """Return a pipeline with the LoRA as diffusers loads it, put into the weights by it."""
    made = copy.deepcopy(pipe)
    made.load_lora_weights(folder)
    made.fuse_lora(components=parts(pipe))
    made.unload_lora_weights()
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_lora_of_a_rank_that_holds_all_loads_as_the_erasure(tmp_path: Path, layout: str) -> None:
    pipe = pipeline(layout)
    tensors = changes(pipe)
    layers = published.write_lora(pipe, tensors, tmp_path, rank=2)
    assert len(layers) == len(tensors)
    assert published.total_error(layers) < 1e-5
    erased, theirs, ours = loaded(pipe, tensors), fused(pipe, tmp_path), checkpoint(pipe, tmp_path)
    for name in parts(pipe):
        assert relative(getattr(theirs, name), getattr(erased, name)) < 1e-6
        assert relative(getattr(ours, name), getattr(erased, name)) < 1e-6


def test_a_lora_of_a_lower_rank_misses_what_it_says(tmp_path: Path, tiny_pipe: Any) -> None:
    tensors = changes(tiny_pipe)
    layers = published.write_lora(tiny_pipe, tensors, tmp_path, rank=1)
    made = fused(tiny_pipe, tmp_path)
    own = {f"{p}.{n}": w for p in parts(made) for n, w in getattr(made, p).state_dict().items()}
    assert 0.1 < published.total_error(layers) < 1
    for layer in layers:
        stored = layer.tensor.removeprefix("unet.")
        missed = float((own[layer.tensor] - tensors[stored]).norm())
        assert missed == pytest.approx(layer.lost, rel=1e-3)


def test_what_a_lora_cannot_change_is_listed_and_counts(tmp_path: Path, tiny_pipe: Any) -> None:
    tensors = changes(tiny_pipe, extra=True)
    layers = published.write_lora(tiny_pipe, tensors, tmp_path, rank=2)
    lost = [layer for layer in layers if not layer.held]
    assert lost and all(layer.tensor.endswith("fc1.bias") for layer in lost)
    assert all(layer.error == 1 for layer in lost)
    missed = sum(layer.norm**2 for layer in lost) / sum(layer.norm**2 for layer in layers)
    assert published.total_error(layers) == pytest.approx(missed**0.5, rel=1e-4)


def test_a_change_of_biases_alone_is_no_lora(tmp_path: Path, tiny_pipe: Any) -> None:
    tensors: Mapping[str, Tensor] = {"conv_in.bias": tiny_pipe.unet.conv_in.bias.detach() + 1}
    with pytest.raises(InputError, match=r"of other kinds: conv_in\.bias"):
        published.write_lora(tiny_pipe, tensors, tmp_path, rank=2)
