"""Adapters that SPM's and Receler's own code has written, against those made here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from bench.models import erasures
from bench.models.generate import draw
from bench.types import Concept, InputError, Sampler
from methods.checkpoint import Checkpoint
from methods.receler import Receler, _adapters
from methods.spm import Spm, _membrane

LAYOUTS = pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
TEXTS = ("a photo of an airplane", "a dog in the snow")


def drawn(pipe: Any) -> Tensor:
    made: Tensor = draw(pipe, TEXTS, (0, 1), Sampler(3, 4.0), "latent")
    return made


def membranes(pipe: Any, rank: int = 2) -> dict[str, Tensor]:
    """Return random factors, as this benchmark names them."""
    generator = torch.Generator().manual_seed(3)
    found = {}
    for name, layer in _membrane.layers(pipe.unet).items():
        weight = layer.weight
        up = torch.randn((1, len(weight), rank), generator=generator)
        down = torch.randn((1, rank, *weight.shape[1:]), generator=generator)
        found[f"unet.{name}.membrane.up"] = up / 9
        found[f"unet.{name}.membrane.down"] = down / 9
    return found


def official_spm(pipe: Any, path: Path, alpha: float, /, **header: str) -> dict[str, Tensor]:
    """Write random adapters as SPM's code does, and return them as they act."""
    own, tensors = membranes(pipe), {}
    for name, layer in _membrane.layers(pipe.unet).items():
        key, stem = "lora_unet_" + name.replace(".", "_"), f"unet.{name}.membrane"
        tail = (1,) * (layer.weight.dim() - 2)
        up, down = own[f"{stem}.up"][0], own[f"{stem}.down"][0]
        tensors[f"{key}.lora_up.weight"] = up.reshape(*up.shape, *tail).clone()
        tensors[f"{key}.lora_down.weight"] = down.clone()
        tensors[f"{key}.alpha"] = torch.tensor(alpha)
        own[f"{stem}.up"] = own[f"{stem}.up"] * alpha / 2
    save_file(tensors, path, metadata=header or None)
    return own


@LAYOUTS
def test_spms_own_file_acts_as_the_same_adapters_made_here(
    layout: str, request: pytest.FixtureRequest, tmp_path: Path, bird: Concept
) -> None:
    pipe, path = request.getfixturevalue(layout), tmp_path / "spm.safetensors"
    own = official_spm(pipe, path, 1.0, prompts="airplane,jet", rank="2", alpha="1.0")
    # The file says what is erased, whatever the run measures.
    found = drawn(Spm(path=str(path)).erase(pipe, [bird], seed=0))
    wanted = drawn(Spm().apply(pipe, [Concept("airplane,jet", "object", "")], own))
    assert torch.equal(found, wanted)
    assert not torch.equal(found, drawn(pipe))
    assert not torch.equal(found, drawn(Spm().apply(pipe, [bird], own)))


def test_an_ungated_spm_is_what_diffusers_folds(tiny_pipe: Any, tmp_path: Path) -> None:
    path = tmp_path / "spm.safetensors"
    official_spm(tiny_pipe, path, 0.5, prompts="airplane", rank="2", alpha="0.5")
    airplane = [Concept("airplane", "object", "")]
    one = Spm(path=str(path), gating="none").erase(tiny_pipe, airplane, seed=0)
    other = Checkpoint(path=str(path)).erase(tiny_pipe, airplane, seed=0)
    before = tiny_pipe.unet.state_dict()
    for name, weight in other.unet.state_dict().items():
        found = one.unet.state_dict()[name]
        assert (found - weight).norm() <= 1e-6 * weight.norm().clamp_min(1e-9), name
    assert any((other.unet.state_dict()[name] != each).any() for name, each in before.items())


def test_an_erasure_stored_here_is_read_back(tiny_pipe: Any, tmp_path: Path) -> None:
    both = [Concept("airplane", "object", ""), Concept("bird", "object", "")]
    own = {name: torch.cat([each, -each]) for name, each in membranes(tiny_pipe).items()}
    path = tmp_path / "own.safetensors"
    erasures.save(
        tiny_pipe,
        own,
        path,
        method="spm",
        options={},
        concepts=["airplane", "bird"],
        seconds=1.0,
        form="adapter",
    )
    found = Spm(path=str(path)).erase(tiny_pipe, [Concept("dog", "object", "")], seed=0)
    assert torch.equal(drawn(found), drawn(Spm().apply(tiny_pipe, both, own)))


def official_receler(pipe: Any, folder: Path) -> dict[str, Tensor]:
    """Write random adapters as Receler's code does, and return them as named here."""
    generator = torch.Generator().manual_seed(4)
    blocks: dict[str, dict[str, Tensor]] = {}
    own = {}
    for name, layer in _adapters.layers(pipe.unet).items():
        width = layer.to_out[0].out_features
        shapes = {
            "down.weight": (4, width),
            "down.bias": (4,),
            "up.weight": (width, 4),
            "up.bias": (width,),
        }
        parts = {part: torch.randn(shape, generator=generator) for part, shape in shapes.items()}
        blocks[name.split(".transformer_blocks.")[0]] = parts
        own |= {f"unet.{name}.adapter.{part}": each for part, each in parts.items()}
    folder.mkdir()
    torch.save(blocks, folder / "eraser_weights.pt")
    config = {"eraser_type": "adapter", "eraser_rank": 4}
    (folder / "eraser_config.json").write_text(json.dumps(config))
    return own


@pytest.mark.parametrize("file", [True, False])
def test_recelers_own_file_acts_as_the_same_adapters_made_here(
    tiny_pipe: Any, tmp_path: Path, airplane: Concept, file: bool
) -> None:
    own = official_receler(tiny_pipe, tmp_path / "receler")
    path = tmp_path / "receler" / ("eraser_weights.pt" if file else "")
    found = drawn(Receler(path=str(path)).erase(tiny_pipe, [airplane], seed=0))
    assert torch.equal(found, drawn(Receler().apply(tiny_pipe, [airplane], own)))
    assert not torch.equal(found, drawn(tiny_pipe))


def test_a_checkpoint_names_who_reads_adapters(
    tiny_pipe: Any, tmp_path: Path, airplane: Concept, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "receler"
    official_receler(tiny_pipe, folder)
    save_file(membranes(tiny_pipe), tmp_path / "own.safetensors")
    for path, method in (
        (folder, "receler"),
        (folder / "eraser_weights.pt", "receler"),
        (tmp_path / "own.safetensors", "spm"),
    ):
        with pytest.raises(InputError, match=f"is read by --method {method} --set path="):
            Checkpoint(path=str(path)).check(tiny_pipe, [airplane])
    path = tmp_path / "spm.safetensors"
    official_spm(tiny_pipe, path, 1.0, prompts="airplane", rank="2", alpha="1.0")
    Checkpoint(path=str(path)).check(tiny_pipe, [airplane])
    assert "folded at full strength" in caplog.text


def test_what_is_none_of_theirs_is_refused(
    tiny_pipe: Any, tiny_sdxl: Any, tmp_path: Path, airplane: Concept
) -> None:
    official_spm(tiny_sdxl, tmp_path / "xl.safetensors", 1.0, prompts="cat", rank="2", alpha="1")
    official_spm(tiny_pipe, tmp_path / "unsaid.safetensors", 1.0)
    save_file({"a": torch.ones(2)}, tmp_path / "other.safetensors")
    torch.save({"a": {"down.weight": torch.ones(2)}}, tmp_path / "other.pt")
    torch.save([1], tmp_path / "list.pt")
    blocks = official_receler(tiny_pipe, tmp_path / "nan")
    (tmp_path / "nan" / "eraser_weights.pt").unlink()
    save_file({k: v * torch.nan for k, v in blocks.items()}, tmp_path / "nan.safetensors")

    def refused(eraser: Any, message: str) -> None:
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            eraser.check(tiny_pipe, [airplane])
        assert "\n" not in str(caught.value)

    refused(Spm(path=str(tmp_path / "xl.safetensors")), "made for another model")
    refused(Spm(path=str(tmp_path / "other.safetensors")), "is no SPM of this model")
    refused(Spm(path=str(tmp_path / "nowhere")), "there are no adapters")
    refused(Spm(path=str(tmp_path)), "there are no adapters")
    refused(Receler(path=str(tmp_path / "other.pt")), "has no adapter for")
    refused(Receler(path=str(tmp_path / "list.pt")), "none of Receler's")
    refused(Receler(path=str(tmp_path / "other.safetensors")), "made for another model")
    refused(Receler(path=str(tmp_path / "nan.safetensors")), "not finite")
    refused(Receler(path=str(tmp_path)), "there are no adapters")
    # Without a header the run's own concept is what is erased.
    Spm(path=str(tmp_path / "unsaid.safetensors")).check(tiny_pipe, [airplane])


def test_a_checkpoint_that_changes_nothing_is_refused(
    tiny_pipe: Any, tmp_path: Path, airplane: Concept
) -> None:
    path = tmp_path / "same.safetensors"
    name, weight = next(iter(tiny_pipe.unet.state_dict().items()))
    save_file({name: weight.clone()}, path)
    with pytest.raises(InputError, match="changes nothing"):
        Checkpoint(path=str(path)).check(tiny_pipe, [airplane])
    save_file({name: weight + 1}, path)
    Checkpoint(path=str(path)).check(tiny_pipe, [airplane])


def test_an_spm_that_lost_its_header_is_guessed_and_said(
    tiny_pipe: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "spm.safetensors"
    for header in ({}, {"ss_network_module": "networks.lora"}):
        tensors = {}
        for name, layer in _membrane.layers(tiny_pipe.unet).items():
            key = "lora_unet_" + name.replace(".", "_")
            tail = (1,) * (layer.weight.dim() - 2)
            tensors[f"{key}.lora_up.weight"] = torch.ones(len(layer.weight), 1, *tail)
            tensors[f"{key}.lora_down.weight"] = torch.ones(1, *layer.weight.shape[1:])
        save_file(tensors, path, metadata=header or None)
        caplog.clear()
        assert Checkpoint(path=str(path)).fit(tiny_pipe, [Concept("cat", "object", "")], seed=0)
        said = "does not say what wrote it; read as a LoRA. If it is SPM's: --method spm"
        assert (said in caplog.text) == (not header)
