"""Published files against diffusers' own load of the same files."""

from __future__ import annotations

import copy
import json
import random
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.models.tiny import build_tiny_pipe
from bench.types import Concept, InputError
from methods.checkpoint import Checkpoint

LAYOUTS = pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
PARTS = ("unet", "text_encoder", "text_encoder_2")
UNET = re.compile(r"attn[12]\.(to_[qkv]|to_out\.0)$|proj_in$")
TEXT = re.compile(r"(self_attn\.(q|k|v|out)_proj|fc[12])$")


def load(pipe: Any, path: Path, **options: Any) -> Any:
    concept = Concept("airplane", "object", "the sky")
    return Checkpoint(path=str(path), **options).erase(pipe, [concept], seed=0)


def parts(pipe: Any) -> list[str]:
    return [name for name in PARTS if getattr(pipe, name, None) is not None]


def agree(one: Any, other: Any, before: Any) -> None:
    """Compare what two pipelines have changed, to 1e-6 of its size; something has to be."""
    for name in parts(before):
        mine, theirs = getattr(one, name).state_dict(), getattr(other, name).state_dict()
        own = getattr(before, name).state_dict()
        changes = 0
        for key in own:
            wanted = theirs[key].double() - own[key].double()
            found = mine[key].double() - own[key].double()
            scale = own[key].double().norm().clamp_min(1e-9)
            assert (found - wanted).norm() <= 1e-6 * scale, key
            changes += bool(wanted.any())
        assert changes, name


def factors(module: Any, wanted: re.Pattern[str], rank: int, seed: int) -> dict[str, Tensor]:
    """Return random factors of some layers under peft's names."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for name, layer in module.named_modules():
        if wanted.search(name) and hasattr(layer, "weight"):
            rows, columns = len(layer.weight), layer.weight[0].numel()
            tail = layer.weight.shape[2:]
            up = torch.randn((rows, rank, *(1 for _ in tail)), generator=generator)
            down = torch.randn((rank, columns // tail.numel(), *tail), generator=generator)
            found[f"{name}.lora_B.weight"], found[f"{name}.lora_A.weight"] = up / 9, down / 9
    assert found
    return found


def all_factors(pipe: Any, rank: int = 2) -> dict[str, dict[str, Tensor]]:
    return {
        name: factors(getattr(pipe, name), UNET if name == "unet" else TEXT, rank, number)
        for number, name in enumerate(parts(pipe))
    }


def fused(pipe: Any, path: Path) -> Any:
    """Return a pipeline that diffusers itself has loaded the LoRA into."""
    other = copy.deepcopy(pipe)
    other.load_lora_weights(str(path.parent), weight_name=path.name)
    other.fuse_lora(components=parts(other))
    other.unload_lora_weights()
    return other


@LAYOUTS
def test_alpha_in_the_header_of_diffusers_own_file(
    layout: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from peft import LoraConfig

    pipe = request.getfixturevalue(layout)
    layers, configs = {}, {}
    for name, some in all_factors(pipe, rank=4).items():
        targets = UNET if name == "unet" else TEXT
        config = LoraConfig(r=4, lora_alpha=1, target_modules=f".*{targets.pattern}").to_dict()
        layers[f"{name}_lora_layers"] = some
        configs[f"{name}_lora_adapter_metadata"] = config
    pipe.save_lora_weights(tmp_path, **layers, **configs)
    (path,) = tmp_path.glob("*.safetensors")
    agree(load(pipe, path), fused(pipe, path), pipe)
    agree(load(pipe, tmp_path), fused(pipe, path), pipe)


@LAYOUTS
def test_kohyas_files_with_text_encoders(
    layout: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pipe = request.getfixturevalue(layout)
    xl = layout == "tiny_sdxl"
    prefixes = {
        "unet": "lora_unet_",
        "text_encoder": "lora_te1_text_model_" if xl else "lora_te_text_model_",
        "text_encoder_2": "lora_te2_text_model_",
    }
    tensors = {}
    for name, some in all_factors(pipe).items():
        for key, tensor in some.items():
            module, side = key.removesuffix(".weight").rsplit(".", 1)
            flat = prefixes[name] + module.removeprefix("text_model.").replace(".", "_")
            tensors[f"{flat}.{'lora_up' if side == 'lora_B' else 'lora_down'}.weight"] = tensor
            tensors[f"{flat}.alpha"] = torch.tensor(1.5)
    path = tmp_path / "kohya.safetensors"
    save_file(tensors, path)
    agree(load(pipe, path), fused(pipe, path), pipe)


@LAYOUTS
@pytest.mark.parametrize("prefix", ["text_model.", ""])
def test_diffusers_names_with_and_without_the_text_models_prefix(
    layout: str, prefix: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pipe = request.getfixturevalue(layout)
    bare, named = {}, {}
    for name, some in all_factors(pipe).items():
        for key, tensor in some.items():
            short = key.removeprefix("text_model.")
            own = short if name == "unet" else prefix + short
            named[f"{name}.{own}"] = tensor
            bare[f"{name}.{key}"] = tensor
    save_file(named, tmp_path / "named.safetensors")
    save_file(bare, tmp_path / "bare.safetensors")
    theirs = fused(pipe, tmp_path / "bare.safetensors")
    agree(load(pipe, tmp_path / "bare.safetensors"), theirs, pipe)
    agree(load(pipe, tmp_path / "named.safetensors"), theirs, pipe)


def test_old_text_encoder_names(tiny_pipe: Any, tmp_path: Path) -> None:
    some = factors(tiny_pipe.text_encoder, re.compile(r"self_attn\.(q|out)_proj$"), 2, 3)
    layer, attention = {}, {}
    for key, tensor in some.items():
        module, side = key.removesuffix(".weight").rsplit(".", 1)
        word = "up" if side == "lora_B" else "down"
        layer[f"text_encoder.{module}.lora_linear_layer.{word}.weight"] = tensor
        old = module.replace("q_proj", "to_q_lora").replace("out_proj", "to_out_lora")
        attention[f"text_encoder.{old}.{word}.weight"] = tensor
    for name, tensors in (("layer", layer), ("attention", attention)):
        save_file(tensors, tmp_path / f"{name}.safetensors")
    save_file({f"text_encoder.{k}": v for k, v in some.items()}, tmp_path / "peft.safetensors")
    wanted = load(tiny_pipe, tmp_path / "peft.safetensors").text_encoder.state_dict()
    for name in ("layer", "attention"):
        found = load(tiny_pipe, tmp_path / f"{name}.safetensors").text_encoder.state_dict()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)
        assert any((found[k] != v).any() for k, v in tiny_pipe.text_encoder.state_dict().items())


def peft_file(pipe: Any, folder: Path, config: Mapping[str, Any]) -> tuple[Path, dict[str, Tensor]]:
    folder.mkdir()
    some = factors(pipe.unet, re.compile(r"attn2\.to_[kv]$"), 4, 5)
    save_file(
        {f"base_model.model.{key}": tensor for key, tensor in some.items()},
        folder / "adapter_model.safetensors",
    )
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder, some


@pytest.mark.parametrize("file", [True, False])
@pytest.mark.parametrize("rslora", [True, False])
def test_alpha_of_peft_beside_the_file_and_in_the_folder(
    tiny_pipe: Any, tmp_path: Path, file: bool, rslora: bool
) -> None:
    config = {
        "r": 4,
        "lora_alpha": 2,
        "use_rslora": rslora,
        "alpha_pattern": {r"down_blocks\.\d\..*\.to_k": 10.0},
    }
    folder, some = peft_file(tiny_pipe, tmp_path / "peft", config)
    edited = load(tiny_pipe, folder / "adapter_model.safetensors" if file else folder)
    before, after = tiny_pipe.unet.state_dict(), edited.unet.state_dict()
    for key in some:
        if key.endswith("lora_B.weight"):
            module = key.removesuffix(".lora_B.weight")
            alpha = 10 if module.startswith("down_blocks") and module.endswith("to_k") else 2
            scale = alpha / (2 if rslora else 4)
            change = scale * some[key] @ some[f"{module}.lora_A.weight"]
            found = after[f"{module}.weight"] - before[f"{module}.weight"]
            assert torch.allclose(found, change, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lora_alpha": 2}, "says no r, so not how strong"),
        ({"r": 4}, "says no lora_alpha, so not how strong"),
        ({"r": 4, "lora_alpha": 10**400}, "lora_alpha is 1000"),
        ({"r": 0, "lora_alpha": 2}, "r is 0, must be a number above 0"),
        ({"r": 8, "lora_alpha": 2}, "says rank 8 of"),
        ({"r": "four", "lora_alpha": 2}, "r is 'four'"),
        ({"r": 4, "lora_alpha": None, "use_dora": True}, "is a DoRA"),
        ({"r": 4, "lora_alpha": -1}, "lora_alpha is -1"),
        ({"r": 4, "lora_alpha": 2, "alpha_pattern": [1]}, "alpha_pattern is"),
        ({"r": 4, "lora_alpha": 2, "alpha_pattern": {"(": 1}}, "has the pattern"),
    ],
)
def test_configurations_that_cannot_be_are_refused(
    tiny_pipe: Any, tmp_path: Path, config: Mapping[str, Any], message: str
) -> None:
    folder, _ = peft_file(tiny_pipe, tmp_path / "peft", config)
    with pytest.raises(InputError, match=re.escape(message)):
        load(tiny_pipe, folder)


@pytest.mark.parametrize(
    "name", ["hada_w1_a", "lokr_w1", "dora_scale", "lora_mid.weight", "diff", "oft_blocks"]
)
def test_what_is_no_lora_is_refused_by_name(tiny_pipe: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "other.safetensors"
    save_file({f"lora_unet_conv_in.{name}": torch.ones(2, 2)}, path)
    with pytest.raises(InputError, match="which is not read; merge it"):
        load(tiny_pipe, path)


RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
OUTER = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def compvis(name: str, layers: int) -> str:
    """Return the name that CompVis' code has for a parameter of a U-Net, written down anew."""
    stem, _, kind = name.rpartition(".")
    if stem in OUTER:
        return f"{OUTER[stem]}.{kind}"
    side, *rest = name.split(".")
    if side == "mid_block":
        part, number, *inner = rest
        place = {"resnets": 2 * int(number), "attentions": 1}[part]
        where = f"middle_block.{place}"
    else:
        block, part, number, *inner = rest
        step = int(block) * (layers + 1) + int(number)
        if part == "downsamplers":
            return f"input_blocks.{(int(block) + 1) * (layers + 1)}.0.op.{kind}"
        if part == "upsamplers":
            return f"output_blocks.{(int(block) + 1) * (layers + 1) - 1}.2.conv.{kind}"
        blocks = "input_blocks" if side == "down_blocks" else "output_blocks"
        first = step + 1 if side == "down_blocks" else step
        where = f"{blocks}.{first}.{1 if part == 'attentions' else 0}"
    if part == "resnets":
        return f"{where}.{RESNET[inner[0]]}.{kind}"
    return f"{where}.{'.'.join(inner)}"


def changed(pipe: Any) -> Any:
    other = copy.deepcopy(pipe)
    with torch.no_grad():
        for number, name in enumerate(parts(pipe)):
            generator = torch.Generator().manual_seed(number)
            for weight in getattr(other, name).parameters():
                weight += 0.01 * torch.randn(weight.shape, generator=generator)
    return other


def unet_file(pipe: Any) -> dict[str, Tensor]:
    state, layers = pipe.unet.state_dict(), pipe.unet.config.layers_per_block
    named = {compvis(name, layers): tensor.clone() for name, tensor in state.items()}
    assert len(named) == len(state)
    return named


@pytest.mark.parametrize("form", ["whole", "bare", "part", "nested"])
@LAYOUTS
def test_compvis_names(
    layout: str, form: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pipe = request.getfixturevalue(layout)
    other = changed(pipe)
    named = unet_file(other)
    if form == "part":
        named = {name: tensor for name, tensor in named.items() if "attn2.to_k" in name}
    if form != "bare":
        named = {f"model.diffusion_model.{name}": tensor for name, tensor in named.items()}
    if form == "whole":
        named |= {"betas": torch.ones(3), "first_stage_model.x": torch.ones(2)}
    path = tmp_path / ("old.ckpt" if form == "nested" else "old.safetensors")
    if form == "nested":
        torch.save({"state_dict": named}, path)
    else:
        save_file(named, path)
    found, before = load(pipe, path).unet.state_dict(), pipe.unet.state_dict()
    for name, tensor in other.unet.state_dict().items():
        wanted = before[name] if form == "part" and "attn2.to_k" not in name else tensor
        assert torch.equal(found[name], wanted), name


CLIP = {"sd1": "cond_stage_model.transformer.", "sdxl": "conditioner.embedders.0.transformer."}
OPEN_CLIP = {
    "sd2": ("text_encoder", "cond_stage_model.model."),
    "sdxl": ("text_encoder_2", "conditioner.embedders.1.model."),
}


def whole_file(pipe: Any, layout: str) -> dict[str, Tensor]:
    """Return a pipeline's tensors as CompVis' code keeps them, beside what else it keeps."""
    named = {f"model.diffusion_model.{name}": t for name, t in unet_file(pipe).items()}
    named |= {f"model_ema.{name[6:]}": torch.zeros_like(t) for name, t in list(named.items())[:3]}
    if layout in CLIP:
        for name, tensor in pipe.text_encoder.state_dict().items():
            own = f"{CLIP[layout]}text_model.{name.removeprefix('text_model.')}"
            named[own] = tensor.clone()
    if layout in OPEN_CLIP:
        part, prefix = OPEN_CLIP[layout]
        named |= open_clip(getattr(pipe, part), prefix)
    return named | {"betas": torch.ones(3), "first_stage_model.encoder.x": torch.ones(2)}


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize("form", ["ckpt", "safetensors"])
def test_a_whole_compvis_checkpoint_is_as_diffusers_loads_it(
    layout: Any, form: str, tmp_path: Path
) -> None:
    from diffusers import UNet2DConditionModel

    pipe = build_tiny_pipe(layout)
    other = changed(pipe)
    named, path = whole_file(other, layout), tmp_path / f"whole.{form}"
    if form == "ckpt":
        torch.save({"state_dict": named, "global_step": 470000, "epoch": 3}, path)
    else:
        save_file(named, path)
    pipe.unet.save_config(tmp_path / "config" / "unet")
    theirs = UNet2DConditionModel.from_single_file(
        str(path), config=str(tmp_path / "config"), subfolder="unet", local_files_only=True
    )
    found = load(pipe, path)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(found.unet.state_dict()[name], tensor)
    for part in parts(pipe):
        wanted, before = getattr(other, part).state_dict(), getattr(pipe, part).state_dict()
        mine = getattr(found, part).state_dict()
        assert all(torch.equal(mine[key], wanted[key]) for key in wanted)
        assert any((before[key] != wanted[key]).any() for key in wanted)


@pytest.mark.parametrize("size", ["10GB", "40KB"])
@pytest.mark.parametrize("variant", [None, "fp16"])
def test_pipeline_folders_with_variants_and_shards(
    tiny_pipe: Any, tmp_path: Path, variant: str | None, size: str
) -> None:
    other = changed(tiny_pipe)
    other.save_pretrained(tmp_path, variant=variant, max_shard_size=size)
    if size == "40KB":
        assert list((tmp_path / "unet").glob("*index*"))
    found = load(tiny_pipe, tmp_path)
    for name in parts(tiny_pipe):
        wanted = getattr(other, name).state_dict()
        mine = getattr(found, name).state_dict()
        assert all(torch.equal(mine[key], wanted[key]) for key in wanted)


def test_a_pipeline_folder_without_weights_is_refused(tiny_pipe: Any, tmp_path: Path) -> None:
    tiny_pipe.save_pretrained(tmp_path)
    for path in (tmp_path / "unet").glob("*.safetensors"):
        path.unlink()
    with pytest.raises(InputError, match="holds no weights of unet"):
        load(tiny_pipe, tmp_path)


def test_several_variants_are_refused(tiny_pipe: Any, tmp_path: Path) -> None:
    for variant in ("fp16", "ema"):
        tiny_pipe.unet.save_pretrained(tmp_path, variant=variant)
    with pytest.raises(InputError, match="holds the variants ema, fp16 and no plain weights"):
        load(tiny_pipe, tmp_path)


def damaged(rng: random.Random, good: Path, at: Path) -> None:
    """Put a copy of a good folder somewhere and damage one of its files in some way."""
    shutil.copytree(good, at)
    path = rng.choice(sorted(file for file in at.rglob("*") if file.is_file()))
    data = path.read_bytes()
    how = rng.randrange(8)
    if how == 0:
        path.write_bytes(data[: rng.randrange(len(data))])
    elif how == 1:
        place = rng.randrange(min(len(data), 400))
        path.write_bytes(data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :])
    elif how == 2:
        path.write_bytes(b"")
    elif how == 3:
        path.unlink()
        path.mkdir()
    elif how == 4 and path.suffix == ".json":
        path.write_text(rng.choice(["[]", "null", "{", '{"r": null}', '{"weight_map": 3}', "1"]))
    elif how == 5 and path.suffix == ".safetensors":
        tensors = load_file(path)
        key = rng.choice(sorted(tensors))
        odd = [torch.nan * torch.ones(2), torch.ones(0), torch.ones(1).int(), torch.tensor(1.0)]
        save_file(tensors | {key: rng.choice(odd)}, path)
    elif how == 6 and path.suffix == ".safetensors":
        torch.save({0: torch.ones(1), "x": {"y": 2}}, path.with_suffix(".bin"))
        path.unlink()
    else:
        path.unlink()


def test_two_hundred_damaged_checkpoints_are_refused_or_read(
    tiny_pipe: Any, tmp_path: Path
) -> None:
    rng = random.Random(0)
    goods = [tmp_path / name for name in ("peft", "pipe", "shards", "kohya")]
    peft_file(tiny_pipe, goods[0], {"r": 4, "lora_alpha": 2})
    changed(tiny_pipe).save_pretrained(goods[1])
    changed(tiny_pipe).unet.save_pretrained(goods[2], max_shard_size="40KB")
    goods[3].mkdir()
    save_file(
        {
            "lora_unet_conv_in.lora_up.weight": torch.ones(16, 2, 1, 1),
            "lora_unet_conv_in.lora_down.weight": torch.ones(2, 8, 3, 3),
            "lora_unet_conv_in.alpha": torch.tensor(1.0),
        },
        goods[3] / "pytorch_lora_weights.safetensors",
    )
    for good in goods:
        load(tiny_pipe, good)
    refused = 0
    for number in range(200):
        at = tmp_path / f"bad-{number}"
        damaged(rng, rng.choice(goods), at)
        try:
            found = load(tiny_pipe, at)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert all(torch.isfinite(weight).all() for weight in found.unet.parameters())
        shutil.rmtree(at)
    assert refused > 60


def test_kohyas_files_for_sdxl_with_compvis_blocks(tiny_sdxl: Any, tmp_path: Path) -> None:
    layers = tiny_sdxl.unet.config.layers_per_block
    tensors = {}
    for key, tensor in factors(tiny_sdxl.unet, re.compile(r"attn2\.to_[qkv]$"), 2, 7).items():
        module, side = key.removesuffix(".weight").rsplit(".", 1)
        old = compvis(f"{module}.weight", layers).removesuffix(".weight").replace(".", "_")
        tensors[f"lora_unet_{old}.{'lora_up' if side == 'lora_B' else 'lora_down'}.weight"] = tensor
        tensors[f"lora_unet_{old}.alpha"] = torch.tensor(1.0)
    path = tmp_path / "blocks.safetensors"
    save_file(tensors, path)
    other = fused(tiny_sdxl, path)
    found, wanted = load(tiny_sdxl, path).unet.state_dict(), other.unet.state_dict()
    before = tiny_sdxl.unet.state_dict()
    assert any((found[key] != before[key]).any() for key in before)
    for key, own in before.items():
        assert (found[key] - wanted[key]).norm() <= 1e-6 * own.norm().clamp_min(1e-9), key


LAYER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
EMBEDDINGS = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}


def open_clip(encoder: Any, prefix: str) -> dict[str, Tensor]:
    """Return a text encoder's tensors as open_clip's code has them, q, k and v in one."""
    own = {name.removeprefix("text_model."): t for name, t in encoder.state_dict().items()}
    named = {new: own[old] for old, new in EMBEDDINGS.items()}
    if "text_projection.weight" in own:
        named["text_projection"] = own["text_projection.weight"].T
    for number in range(encoder.config.num_hidden_layers):
        here, there = f"encoder.layers.{number}.", f"transformer.resblocks.{number}."
        for kind in ("weight", "bias"):
            for old, new in LAYER.items():
                named[f"{there}{new}.{kind}"] = own[f"{here}{old}.{kind}"]
            parts = [own[f"{here}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            named[f"{there}attn.in_proj_{kind}"] = torch.cat(parts)
    return {f"{prefix}{name}": tensor.contiguous().clone() for name, tensor in named.items()}


@pytest.mark.parametrize("rslora", [True, False])
@LAYOUTS
def test_pefts_own_folder_is_as_peft_merges_it(
    layout: str, rslora: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model

    pipe = request.getfixturevalue(layout)
    config = LoraConfig(
        r=4,
        lora_alpha=1,
        use_rslora=rslora,
        target_modules=["to_k", "to_v", "proj_in"],
        rank_pattern={"attn2.to_v": 2},
        alpha_pattern={r"down_blocks\.\d.*to_k": 10},
        init_lora_weights=False,
    )
    made = get_peft_model(copy.deepcopy(pipe.unet), config)
    made.save_pretrained(tmp_path)
    wanted, before = made.merge_and_unload().state_dict(), pipe.unet.state_dict()
    for path in (tmp_path, tmp_path / "adapter_model.safetensors"):
        found = load(pipe, path).unet.state_dict()
        for key, own in before.items():
            assert (found[key] - wanted[key]).norm() <= 1e-6 * own.norm().clamp_min(1e-9), key
    assert any((wanted[key] - own).norm() > 1e-3 * own.norm() for key, own in before.items())
