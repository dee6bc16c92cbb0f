"""Model families, one row of data each: what their models are made of, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench import data
from bench.names import find
from bench.types import Sampler

World = Literal["rendered", "photographs"]
"""What images show: the world that the package renders, so that the truth of each image is known
and the judge that was trained on it can read it; or what photographs show."""


@dataclass(frozen=True)
class Encoder:
    """A text encoder, by the attributes of the pipeline that hold its parts."""

    name: str
    """The encoder's; the names of its stored parameters begin with it."""
    tokenizer: str
    """Its tokenizer's."""


@dataclass(frozen=True)
class Layout:
    """What a pipeline class of diffusers is made of: all of a model that an eraser has to know."""

    name: str
    """The class, as model_index.json has it."""
    encoders: tuple[Encoder, ...]
    """Its text encoders; the denoiser reads what they say side by side."""
    layer: int | None = None
    """Which of an encoder's hidden states is read, -2 for the last but one; None for its output,
    after the last norm."""
    pooled: bool = False
    """Whether the denoiser is also told the last encoder's embedding of the whole text."""
    sized: bool = False
    """Whether it is also told the image's size, and where that was cropped."""
    denoiser: str = "unet"
    """The attribute that holds the denoiser, whose stored parameters go by their bare names."""
    predictions: tuple[str, ...] = ("epsilon", "v_prediction")
    """What the denoiser may predict, as a scheduler's configuration calls it: noise or velocity."""

    @property
    def networks(self) -> tuple[str, ...]:
        """The attributes that hold what has weights."""
        return (self.denoiser, "vae", *(each.name for each in self.encoders))

    @property
    def tokenizers(self) -> tuple[str, ...]:
        """The attributes that hold its tokenizers."""
        return tuple(each.tokenizer for each in self.encoders)

    @property
    def parts(self) -> tuple[str, ...]:
        """The attributes of all that it cannot draw without."""
        return (*self.networks, *self.tokenizers, "scheduler")

    @property
    def prefixes(self) -> dict[str, str]:
        """Prefix of the stored names of each part that an erasure may change, by attribute."""
        return {self.denoiser: ""} | {each.name: f"{each.name}." for each in self.encoders}


LAYOUTS = {
    each.name: each
    for each in (
        Layout("StableDiffusionPipeline", (Encoder("text_encoder", "tokenizer"),)),
        Layout(
            "StableDiffusionXLPipeline",
            (Encoder("text_encoder", "tokenizer"), Encoder("text_encoder_2", "tokenizer_2")),
            layer=-2,
            pooled=True,
            sized=True,
        ),
    )
}
"""The layouts that are supported, by the name of the pipeline class."""


@dataclass(frozen=True)
class Family:
    """What models of one kind have in common; another kind of model is another row."""

    name: str
    """As presets, suites and records call it."""
    layout: Layout
    sampler: Sampler
    """How it draws unless told otherwise."""
    world: World
    """What its images show, which decides the networks that look at them."""
    window: int
    """Tokens that its text encoder reads, start and end token among them."""
    words: int
    """Words that surely fit the window."""
    hints: tuple[str, ...] = ()
    """What names on the hub contain; of those that fit the longest decides, and "" fits all."""
    text_width: int | None = None
    """Width of its text embeddings, where it is by this that it differs from another family of the
    same layout."""
    tokenizer: Path | None = None
    """Its tokenizer's file where the package brings it; None for CLIP's."""
    chunk: int = 4
    """Latents that go through the denoiser at once where gradients are kept."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the pipeline is loaded with besides."""
    resizable: bool = True
    """Whether it draws images of other sizes than its own."""


UNFILTERED = {"safety_checker": None, "requires_safety_checker": False, "feature_extractor": None}
FAMILIES = {
    each.name: each
    for each in (
        Family(
            *("mini", LAYOUTS["StableDiffusionPipeline"], Sampler(20, 4.0), "rendered"),
            # As far as the words are its own.
            window=32,
            words=20,
            text_width=128,
            tokenizer=data.MINI / "weights" / "tokenizer" / "tokenizer.json",
            chunk=40,
            settings=UNFILTERED,
            resizable=False,
        ),
        # 50 steps at 7.5 is the published protocol.
        Family(
            *("sd", LAYOUTS["StableDiffusionPipeline"], Sampler(50, 7.5), "photographs"),
            window=77,
            words=48,
            hints=("",),
            settings=UNFILTERED,
        ),
        Family(
            *("sdxl", LAYOUTS["StableDiffusionXLPipeline"], Sampler(50, 7.5), "photographs"),
            window=77,
            words=48,
            hints=("xl",),
        ),
    )
}
"""The families that are supported, by name."""


def of_world(world: World) -> frozenset[str]:
    """Return the families whose images show a world."""
    return frozenset(name for name, family in FAMILIES.items() if family.world == world)


def layout_of(pipe: Any) -> Layout:
    """Return the layout of a loaded pipeline, by its class or one that this derives from.

    Raises:
        InputError: it has none of those that are supported.
    """
    names = [each.__name__ for each in type(pipe).__mro__]
    own = next((name for name in names if name in LAYOUTS), names[0])
    return LAYOUTS[find("layout of the pipeline", own, LAYOUTS)]
