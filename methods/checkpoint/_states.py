"""Sorts what others publish of an erased model: tensors and factors of LoRAs, by component."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.models import alphas, tensorfiles
from bench.models.alphas import Config
from bench.models.weights import PREFIXES
from bench.types import InputError
from methods import _files
from methods._files import FORMS, Opened
from methods.checkpoint import _compvis

log = logging.getLogger(__name__)

_LORA_FILES = (
    "adapter_model.safetensors",
    "pytorch_lora_weights.safetensors",
    "adapter_model.bin",
    "pytorch_lora_weights.bin",
)
_ERASER = "eraser_weights.pt"
_FACTOR = re.compile(
    r"^(?P<name>.+?)[._](?:lora_linear_layer|lora|processor\.(?P<part>to_\w+?)_lora"
    r"|(?P<own>to_\w+)_lora)?\.?"
    r"(?:lora_)?(?P<side>A|B|up|down)(?:\.\w+)?\.weight$"
)
_TEXT_PARTS = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}
"""What old files call the parts of a text encoder's attention, and what they are called there."""
_BLOCKS = tuple(f"lora_unet_{block}_" for block in _compvis.BLOCKS)
_OTHERS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "oft_": "an OFT",
    "dora_scale": "a DoRA",
    "lora_magnitude_vector": "a DoRA",
    "lora_mid": "a LoCon with a middle factor",
    ".diff": "a difference of weights",
}
"""Parts of the names of what is no LoRA, and what it is."""
_ADAPTERS = {"adapter.": "receler", "membrane.": "spm"}
"""Parts of the names of adapters that are not weights, and the method that reads them."""


@dataclass(frozen=True)
class State:
    """Tensors of an erased model, by component and parameter name as the file has them."""

    tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    """Component -> parameter name -> value."""
    loras: dict[str, dict[str, dict[str, Tensor]]] = field(default_factory=dict)
    """Component -> module name -> up, down and, if given, alpha."""


def read(path: Path, pipe: Any) -> State:
    """Read a published edit, whatever its form.

    Args:
        path: A file or folder.
        pipe: The diffusers pipeline that it is for; its layout decides names of other code.

    Raises:
        InputError: if it is missing, damaged, of an unknown form, or a pickle that holds more than
            tensors.
    """
    if path.is_dir():
        return _folder(path, pipe)
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}; allowed is {FORMS}")
    data, header = _files.raw(path)
    # Receler's code keeps a state dict for each transformer.
    if isinstance(data, Mapping) and any(
        isinstance(each, Mapping) and "down.weight" in each for each in data.values()
    ):
        raise _elsewhere(path, "receler")
    if {"prompts", "rank"} <= header.keys():
        log.warning(
            "%s is SPM's; folded at full strength. As the prompt asks: --method spm --set path=%s",
            path,
            path,
        )
    file = _files.unwrapped(data, header, path)
    if not header and _may_be_spm(file.tensors):
        log.warning(
            "%s does not say what wrote it; read as a LoRA. If it is SPM's: --method spm --set "
            "path=%s",
            path,
            path,
        )
    return _sorted(file, path, pipe)


def _may_be_spm(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether all tensors are kohya's LoRAs of a U-Net of rank 1, as SPM's are."""
    downs = [each for name, each in tensors.items() if name.endswith(".lora_down.weight")]
    unet = all(name.startswith("lora_unet_") for name in tensors)
    return unet and bool(downs) and all(len(each) == 1 for each in downs if each.dim())


def _elsewhere(path: Path, method: str) -> InputError:
    return InputError(
        f"{path} holds adapters, which are no weights; it is read by --method {method} --set "
        f"path={path}"
    )


def _folder(path: Path, pipe: Any) -> State:
    if (path / _ERASER).is_file():
        raise _elsewhere(path, "receler")
    if lora := _files.first(path, _LORA_FILES):
        return _sorted(_files.opened(lora), lora, pipe)
    parts = {name: _files.component(path / name) for name in PREFIXES if (path / name).is_dir()}
    if any(parts.values()) or (path / "model_index.json").is_file():
        empty = [name for name, part in parts.items() if not part]
        if empty or not parts:
            raise InputError(
                f"the pipeline folder {path} holds no weights of {', '.join(empty) or 'any part'}"
            )
        return State(parts)
    tensors = _files.component(path)
    if not tensors:
        raise InputError(f"the folder {path} holds no weights that are known; allowed is {FORMS}")
    return State({"unet": tensors})


def _sorted(file: Opened, path: Path, pipe: Any) -> State:
    """Split a flat state dict into components, and factors from plain tensors."""
    tensors = file.tensors
    if not tensors:
        raise InputError(f"the checkpoint {path} holds no tensors")
    if _compvis.recognised(tensors):
        return State(_compvis.converted(tensors, pipe, path))
    if any(name.startswith(_BLOCKS) for name in tensors):
        tensors = _renamed(tensors, path, pipe)
    state = State()
    for name, tensor in tensors.items():
        odd = next((what for part, what in _OTHERS.items() if part in name), "")
        if odd:
            raise InputError(
                f"{path} holds {odd} ({name}), which is not read; merge it into the weights and "
                "give these"
            )
        reader = next((method for part, method in _ADAPTERS.items() if f".{part}" in name), "")
        if reader:
            raise _elsewhere(path, reader)
        component, rest = _owner(name)
        bare = rest.removesuffix(".alpha")
        match = _FACTOR.match(bare) if "lora" in name else None
        module = bare if match is None else _module(match, component)
        if bare != rest:
            key, own = "alpha", state.loras.setdefault(component, {}).setdefault(module, {})
        elif match is None:
            key, own = rest, state.tensors.setdefault(component, {})
        else:
            key = "up" if match["side"] in ("B", "up") else "down"
            own = state.loras.setdefault(component, {}).setdefault(module, {})
        if key in own:
            raise InputError(f"{path} says twice what {component} {rest} is, also as {name}")
        own[key] = tensor
    _strengthened(state, _configs(file, path), path)
    return state


def _module(match: re.Match[str], component: str) -> str:
    """Return the name of the module that a factor belongs to."""
    part = match["part"] or match["own"]
    if part and component != "unet":
        part = _TEXT_PARTS.get(part, part)
    return f"{match['name']}.{part}" if part else match["name"]


def _renamed(tensors: Mapping[str, Tensor], path: Path, pipe: Any) -> dict[str, Tensor]:
    """Return a LoRA of kohya's code for SDXL, whose blocks are called as in CompVis' code."""
    try:
        made, alphas = type(pipe).lora_state_dict(dict(tensors), unet_config=pipe.unet.config)
    except (ValueError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} was made for another model: {reason}") from None
    return dict(made) | {
        name: torch.as_tensor(float(alpha)) for name, alpha in (alphas or {}).items()
    }


def _configs(file: Opened, path: Path) -> dict[str, Config]:
    """Return what says how strong a LoRA is, by component; "" stands for all of them."""
    found = alphas.of_header(file.header, path)
    beside = path.with_name(alphas.CONFIG)
    if not found and beside.is_file():
        return {"": Config(str(beside), tensorfiles.json_object(beside))}
    return found


def _strengthened(state: State, configs: Mapping[str, Config], path: Path) -> None:
    """Give each LoRA its alpha, and refuse factors that do not belong together."""
    unsaid = 0
    for component, modules in state.loras.items():
        config = configs.get(component) or configs.get("")
        for module, factors in modules.items():
            if not {"up", "down"} <= factors.keys():
                raise InputError(f"{path}: the LoRA of {component} {module} lacks a factor")
            for side in ("up", "down"):
                if not factors[side].is_floating_point():
                    raise InputError(
                        f"{path}: the LoRA of {component} {module} holds {factors[side].dtype}, "
                        "must be real numbers"
                    )
            rank = len(factors["down"]) if factors["down"].dim() else 0
            if not rank:
                raise InputError(f"{path}: the LoRA of {component} {module} has rank 0")
            if "alpha" in factors:
                alpha = factors["alpha"]
                if alpha.numel() != 1 or alpha.is_complex() or not torch.isfinite(alpha).all():
                    raise InputError(f"{path}: alpha of {component} {module} is no number")
                continue
            if config is None:
                unsaid += 1
            else:
                said = config.alpha(module, rank)
                factors["alpha"] = torch.tensor(said, dtype=torch.float64)
    if unsaid:
        log.warning(
            "%s says no alpha of %d modules; taken as their rank, as diffusers does", path, unsaid
        )


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
