"""Reads what others publish of an erased model: state dicts and LoRAs in their usual files.

Nothing is ever unpickled freely: old `.pt` files are read as tensors only.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bench.models.weights import PREFIXES
from bench.types import InputError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
FORMS = (
    f"a file ({', '.join(SUFFIXES)}), a folder of a pipeline or of a U-Net in diffusers layout, "
    "or a LoRA folder"
)
_UNET_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_TEXT_FILES = ("model.safetensors", "pytorch_model.bin")
_LORA_FILES = (
    "adapter_model.safetensors",
    "pytorch_lora_weights.safetensors",
    "adapter_model.bin",
    "pytorch_lora_weights.bin",
)
_FACTOR = re.compile(
    r"^(?P<name>.+?)[._](?:lora|processor\.(?P<part>to_\w+?)_lora|(?P<own>to_\w+)_lora)?\.?"
    r"(?:lora_)?(?P<side>A|B|up|down)(?:\.default)?\.weight$"
)


@dataclass(frozen=True)
class State:
    """Tensors of an erased model, by component and parameter name as the file has them."""

    tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    """Component -> parameter name -> value."""
    loras: dict[str, dict[str, dict[str, Tensor]]] = field(default_factory=dict)
    """Component -> module name -> up, down and, if given, alpha."""


def read(path: Path) -> State:
    """Read a published edit, whatever its form.

    Raises:
        InputError: if it is missing, damaged, of an unknown form, or a pickle that holds more than
            tensors.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}; allowed is {FORMS}")
    return _sorted(_file(path), path)


def _folder(path: Path) -> State:
    for name in _LORA_FILES:
        if (path / name).is_file():
            return _sorted(_file(path / name), path, _alphas(path))
    if (path / "model_index.json").is_file():
        parts = {name: _component(path / name) for name in PREFIXES if (path / name).is_dir()}
        return State({name: part for name, part in parts.items() if part})
    tensors = _component(path)
    if not tensors:
        raise InputError(f"the folder {path} holds no weights that are known; allowed is {FORMS}")
    return State({"unet": tensors})


def _component(folder: Path) -> dict[str, Tensor]:
    for name in (*_UNET_FILES, *_TEXT_FILES):
        index = folder / f"{name}.index.json"
        if index.is_file():
            shards = sorted(set(_json(index)["weight_map"].values()))
            return {k: v for shard in shards for k, v in _file(folder / shard).items()}
        if (folder / name).is_file():
            return _file(folder / name)
    return {}


def _file(path: Path) -> dict[str, Tensor]:
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path.name} is of an unknown form; allowed is {FORMS}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        data = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, EOFError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"the checkpoint {path} is damaged or truncated ({reason})") from None
    except pickle.UnpicklingError:
        raise InputError(
            f"the checkpoint {path} is a pickle that holds more than tensors, which could run "
            "code; it is not read: save its state dict as safetensors"
        ) from None
    for inner in ("state_dict", "unet"):
        if isinstance(data, Mapping) and isinstance(data.get(inner), Mapping):
            data = data[inner]
    if not isinstance(data, Mapping) or not all(isinstance(v, Tensor) for v in data.values()):
        raise InputError(f"the checkpoint {path} is no state dict: a mapping of names to tensors")
    return dict(data)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error})") from None


def _alphas(folder: Path) -> float | None:
    """Return the scale of a peft adapter, alpha over rank, where a file beside it says so."""
    config = folder / "adapter_config.json"
    if not config.is_file():
        return None
    data = _json(config)
    if data.get("alpha_pattern") or data.get("rank_pattern") or data.get("use_dora"):
        raise InputError(
            f"{config} has ranks or scales by layer, which are not read; merge the LoRA first"
        )
    rank = float(data["r"])
    return float(data["lora_alpha"]) / (rank**0.5 if data.get("use_rslora") else rank)


def _sorted(tensors: Mapping[str, Tensor], path: Path, scale: float | None = None) -> State:
    """Split a flat state dict into components, and factors from plain tensors."""
    if not tensors:
        raise InputError(f"the checkpoint {path} holds no tensors")
    if any(name.startswith(("model.diffusion_model.", "input_blocks.")) for name in tensors):
        raise InputError(
            f"the checkpoint {path} has CompVis names; convert it to diffusers layout first"
        )
    state = State()
    for name, tensor in tensors.items():
        component, rest = _owner(name)
        if rest.endswith(".alpha"):
            state.loras.setdefault(component, {}).setdefault(rest[:-6], {})["alpha"] = tensor
            continue
        match = _FACTOR.match(rest) if "lora" in rest else None
        if match is None:
            state.tensors.setdefault(component, {})[rest] = tensor
            continue
        part = match["part"] or match["own"]
        module = f"{match['name']}.{part}" if part else match["name"]
        side = "up" if match["side"] in ("B", "up") else "down"
        state.loras.setdefault(component, {}).setdefault(module, {})[side] = tensor
    for component, modules in state.loras.items():
        for module, factors in modules.items():
            if not {"up", "down"} <= factors.keys():
                raise InputError(f"{path}: the LoRA of {component} {module} lacks a factor")
            if scale is not None:
                factors["alpha"] = torch.tensor(scale * len(factors["down"]))
    return state


def _owner(name: str) -> tuple[str, str]:
    """Return component and name of a tensor; U-Net names may come without a prefix."""
    for prefix in ("base_model.model.", "module."):
        name = name.removeprefix(prefix)
    for prefix, component in (
        ("lora_unet_", "unet"),
        ("lora_te1_", "text_encoder"),
        ("lora_te2_", "text_encoder_2"),
        ("lora_te_", "text_encoder"),
        ("unet.", "unet"),
        ("text_encoder_2.", "text_encoder_2"),
        ("text_encoder.", "text_encoder"),
    ):
        if name.startswith(prefix):
            return component, name.removeprefix(prefix)
    return "unet", name
