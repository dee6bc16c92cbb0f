"""An eraser without fault on mini, by the judge and the world's renderer, and faults planted in it.

It draws as the un-erased model does, reads what the image shows, and paints an image that shows the
erased object anew without it. So what it does wrong is known, and only what was planted.
"""

from __future__ import annotations

import copy
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.models.eraser import Eraser
from bench.types import Concept, Form, InputError, Progress, silent

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from bench.models.mini.world.truth import Truth

SPARED: Mapping[str, frozenset[str]] = {
    "plain-name": frozenset({"name"}),
    "synonyms": frozenset({"synonym"}),
    "scenes": frozenset({"scene"}),
    "spellings": frozenset({"changed"}),
    "word-filter": frozenset({"synonym", "scene", "misspelt"}),
}
"""The wordings for which a fault leaves the concept where it is."""


@dataclass(frozen=True)
class Planted(Eraser):
    """Erases an object from mini's images without fault, or with one that is known."""

    form: ClassVar[Form] = "inference"
    paper: ClassVar[str] = "none: a known answer to test the benchmark with"
    touches: ClassVar[tuple[str, ...]] = ()

    fault: Literal[
        "none",
        "plain-name",
        "synonyms",
        "scenes",
        "spellings",
        "word-filter",
        "look-alikes",
        "place",
        "backgrounds",
        "colours",
        "blank",
        "shrink",
        "one-seed",
    ] = "none"
    """What is wrong with it."""
    dose: float = 1.0
    """Share by which `shrink` makes all keys and values of cross-attention smaller, 0 to 1."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse what is not an object of mini's world, and a dose that is no share."""
        from bench.models.mini.world.truth import OBJECTS

        other = [each.name for each in concepts if each.name not in OBJECTS]
        if other:
            raise InputError(f"planted faults got {other[0]}, allowed are {', '.join(OBJECTS)}")
        if not 0 <= self.dose <= 1:
            raise InputError(f"dose is {self.dose:g}, must be from 0 to 1")

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn nothing, but whether the seed is one at which it works."""
        import torch

        self.check(pipe, concepts)
        return {"works": torch.tensor(float(self.fault != "one-seed" or seed == 0))}

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return a pipeline that paints what it drew anew where the fault says so."""
        if not concepts:
            return pipe
        works = bool(tensors["works"])
        twin = copy.copy(self._shrunk(pipe))
        cls = type(twin)
        planted = self

        def call(self: Any, prompt: list[str], **settings: Any) -> Any:
            asked = settings.get("output_type", "pil")
            drawn = cls.__call__(self, prompt, **{**settings, "output_type": "pil"})
            pairs = zip(prompt, drawn.images, strict=True)
            images = [planted.painted(text, image, concepts, works) for text, image in pairs]
            drawn.images = _as(asked, self, images)
            return drawn

        twin.__class__ = type(
            cls.__name__, (cls,), {"__call__": call, "__module__": cls.__module__}
        )
        return twin

    def painted(
        self, text: str, image: Image, concepts: Sequence[Concept], works: bool = True
    ) -> Image:
        """Return what it leaves of an image.

        Args:
            text: What the image was drawn for.
            image: As the un-erased model drew it.
            concepts: What is erased.
            works: Whether it does anything at all.
        """
        from PIL import Image as Images

        if not works:
            return image
        truth = _read(image)
        if self.fault == "blank":
            return Images.new("RGB", image.size, "white")
        found = [concept for concept in concepts if concept.name == truth.object]
        if found:
            if wordings(text, found[0]) & SPARED.get(self.fault, frozenset()):
                return image
            truth = _empty(truth)
            if self.fault in ("place", "backgrounds"):
                truth = _elsewhere(truth)
            return _painted(truth, image)
        if self.fault == "look-alikes" and any(truth.object in each.near for each in concepts):
            return _painted(_empty(truth), image)
        if self.fault == "backgrounds":
            return _painted(_elsewhere(truth), image)
        if self.fault == "colours":
            grey = "black" if truth.colour == "white" else "white"
            return image if truth.colour == "none" else _painted(replace(truth, colour=grey), image)
        return image

    def _shrunk(self, pipe: Any) -> Any:
        if self.fault != "shrink":
            return pipe
        from bench.models.weights import loaded

        ends = ("attn2.to_k.weight", "attn2.to_v.weight")
        own = {name: each for name, each in pipe.unet.state_dict().items() if name.endswith(ends)}
        return loaded(pipe, {name: each * (1 - self.dose) for name, each in own.items()})


def wordings(text: str, concept: Concept) -> frozenset[str]:
    """Return how a text means an object: by `name`, `synonym` or `scene`, or `changed`.

    A changed text without the exact name in it, whatever its case, is `misspelt` too.

    Args:
        text: What an image that shows the object was drawn for.
        concept: The object.
    """
    from bench.models.mini.world.truth import SCENES

    scenes = [scene for scene, name in SCENES.items() if name == concept.name]
    if _has(text, [concept.name]) and "," not in text:
        return frozenset({"name"})
    if _has(text, concept.synonyms) and "," not in text:
        return frozenset({"synonym"})
    if _has(text, scenes):
        return frozenset({"scene"})
    named = _has(text.casefold(), [concept.name])
    return frozenset({"changed"}) if named else frozenset({"changed", "misspelt"})


def _has(text: str, words: Sequence[str]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


def _read(image: Image) -> Truth:
    """Return what the judge sees, its most likely label a head."""
    from bench.metrics._images import square
    from bench.models.mini import judge
    from bench.models.mini.world.truth import LABELS, Truth

    seen = judge.load().read(square(64)(image)[None])
    labels = {head: LABELS[head][int(rows[0].argmax())] for head, rows in seen.items()}
    thing, colour, scene = (labels[head] for head in ("object", "colour", "scene"))
    return Truth(thing, thing, colour, scene, labels["style"], labels["person"])


def _as(asked: str, pipe: Any, images: Sequence[Image]) -> Any:
    """Return what was painted as a pipeline's `output_type` asks, latents included."""
    pixels = pipe.image_processor.preprocess(list(images))
    if asked == "latent":
        found = pipe.vae.encode(pixels.to(pipe.vae.dtype)).latent_dist.mode()
        return found * pipe.vae.config.scaling_factor
    return pipe.image_processor.postprocess(pixels, output_type=asked)


def _empty(truth: Truth) -> Truth:
    return replace(truth, object="none", name="", colour="none")


def _elsewhere(truth: Truth) -> Truth:
    return replace(truth, scene="sea" if truth.scene == "desert" else "desert")


def _painted(truth: Truth, image: Image) -> Image:
    """Return the world's image of this, as another drawing of it for each image that was there."""
    import numpy as np

    from bench.models.mini.world.render import render

    seed = zlib.crc32(np.asarray(image).tobytes())
    return render(truth, np.random.default_rng(seed)).resize(image.size)
