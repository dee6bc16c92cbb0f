"""A single-file checkpoint becomes a model folder by the line that its refusal prints, offline."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor

from bench import cli

RESNET = (
    *(("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("norm2.", "out_layers.0.")),
    *(("conv2.", "out_layers.3."), ("time_emb_proj.", "emb_layers.1.")),
    ("conv_shortcut.", "skip_connection."),
)
"""Names in diffusers' layout and in that of the single files that Stable Diffusion came as."""
ENDS = (
    *(("time_embedding.linear_1.", "time_embed.0."), ("time_embedding.linear_2.", "time_embed.2.")),
    *(("conv_in.", "input_blocks.0.0."), ("conv_norm_out.", "out.0."), ("conv_out.", "out.2.")),
)
ATTENTION = (
    *(("group_norm.", "norm."), ("to_q.", "q."), ("to_k.", "k."), ("to_v.", "v.")),
    ("to_out.0.", "proj_out."),
)


def _unet_places() -> Iterable[tuple[str, str]]:
    for i in range(4):
        for j in range(2):
            yield f"down_blocks.{i}.resnets.{j}.", f"input_blocks.{3 * i + j + 1}.0."
            yield f"down_blocks.{i}.attentions.{j}.", f"input_blocks.{3 * i + j + 1}.1."
        for j in range(3):
            yield f"up_blocks.{i}.resnets.{j}.", f"output_blocks.{3 * i + j}.0."
            yield f"up_blocks.{i}.attentions.{j}.", f"output_blocks.{3 * i + j}.1."
        yield f"down_blocks.{i}.downsamplers.0.conv.", f"input_blocks.{3 * i + 3}.0.op."
        yield f"up_blocks.{i}.upsamplers.0.", f"output_blocks.{3 * i + 2}.{2 if i else 1}."
    for j in range(2):
        yield f"mid_block.resnets.{j}.", f"middle_block.{2 * j}."
    yield "mid_block.attentions.0.", "middle_block.1."


def _vae_places() -> Iterable[tuple[str, str]]:
    for i in range(4):
        for j in range(3):
            yield f"encoder.down_blocks.{i}.resnets.{j}.", f"encoder.down.{i}.block.{j}."
            yield f"decoder.up_blocks.{i}.resnets.{j}.", f"decoder.up.{3 - i}.block.{j}."
        yield f"down_blocks.{i}.downsamplers.0.", f"down.{i}.downsample."
        yield f"up_blocks.{i}.upsamplers.0.", f"up.{3 - i}.upsample."
    for j in range(2):
        yield f"mid_block.resnets.{j}.", f"mid.block_{j + 1}."
    yield from (("mid_block.attentions.0.", "mid.attn_1."), ("conv_norm_out.", "norm_out."))
    yield "conv_shortcut.", "nin_shortcut."


def _renamed(name: str, places: Iterable[tuple[str, str]]) -> str:
    for own, theirs in places:
        name = name.replace(own, theirs)
    return name


def single(pipe: Any) -> dict[str, Tensor]:
    """Return a pipeline's weights under the names of a single file."""
    found = {}
    for name, weight in pipe.unet.state_dict().items():
        inner = _renamed(name, RESNET) if "resnets" in name else name
        whole = _renamed(inner, _unet_places() if "block" in name else ENDS)
        found[f"model.diffusion_model.{whole}"] = weight
    for name, weight in pipe.vae.state_dict().items():
        inside = "attentions" in name
        whole = _renamed(_renamed(name, _vae_places()), ATTENTION if inside else ())
        square = inside and weight.ndim == 2
        found[f"first_stage_model.{whole}"] = weight[..., None, None] if square else weight
    for name, weight in pipe.text_encoder.state_dict().items():
        own = "" if name.startswith("text_model.") else "text_model."
        found[f"cond_stage_model.transformer.{own}{name}"] = weight
    return {name: weight.contiguous().clone() for name, weight in found.items()}


@pytest.fixture(scope="module")
def folder(tiny_pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights with Stable Diffusion 1's blocks, in diffusers layout."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 16, 16, 16),
        cross_attention_dim=tiny_pipe.text_encoder.config.hidden_size,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(4,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        norm_num_groups=2,
        sample_size=64,
    )
    parts = {"text_encoder": tiny_pipe.text_encoder, "tokenizer": tiny_pipe.tokenizer}
    pipe = StableDiffusionPipeline(
        **parts,
        unet=unet,
        vae=vae,
        scheduler=tiny_pipe.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    found = tmp_path_factory.mktemp("model")
    pipe.save_pretrained(found)
    return found


@pytest.mark.parametrize("name", ["one.safetensors", "one.ckpt"])
def test_the_printed_line_makes_a_folder_of_a_single_file(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    file, made = tmp_path / name, tmp_path / "made"
    weights = single(pipe)
    if file.suffix == ".ckpt":
        torch.save({"state_dict": weights}, file)
    else:
        save_file(weights, file)
    words = ["run", "--method", "uce", "--size", "smoke", "--plan", "--model"]
    assert cli.main([*words, str(file)]) == 2
    said = capsys.readouterr().err
    line = f"StableDiffusionPipeline.from_single_file('{file}')"
    assert line.removeprefix("StableDiffusionPipeline") in said and "config='A FOLDER'" in said
    read = StableDiffusionPipeline.from_single_file(str(file), config=str(folder))
    read.save_pretrained(made)
    assert cli.main([*words, str(made)]) == 0
    again = StableDiffusionPipeline.from_pretrained(made, local_files_only=True)
    for part in ("unet", "vae", "text_encoder"):
        before, after = (getattr(each, part).state_dict() for each in (pipe, again))
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before), part
