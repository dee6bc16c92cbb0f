"""What an attack is: a search for what brings an erased concept back: prompts, embeddings, latents.

An attack is one file in this folder; the registry finds it there. Files that start with `_` are
shared maths. Torch is imported inside functions, so that conventions need none.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.types import Concept, Option, Progress, Prompt, Sampler, silent

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Budget:
    """How much any attack may try on a case: prompts, and images of what it found for each."""

    prompts: int
    """Target prompts of a case that are attacked, the first ones."""
    candidates: int
    """Images drawn of what was found for a prompt: its own seed first, then others."""
    batch: int
    """Prompts searched for at once; what is found is kept batch by batch."""


EVERY = sys.maxsize
"""As many prompts as there are."""
BUDGETS: Mapping[str, Budget] = {
    "quick": Budget(10, 4, 10),
    "full": Budget(50, 10, 10),
    # As UnlearnDiffAtk counts: each prompt of its file, by the image of its own seed.
    "published": Budget(EVERY, 1, 10),
}


KINDS: Mapping[bool, str] = {True: "adaptive", False: "transfer"}
"""What an attack is called by whether it searches on the erased model."""


@dataclass(frozen=True)
class Cost:
    """The most that an attack's search spends: U-Net evaluations and images."""

    evaluations: int = 0
    """U-Net evaluations, without those of drawing: one is one latent forward through a U-Net,
    whether a gradient is taken or not."""
    shown: int = 0
    """Images that the erased model draws for the search to ask whether they show the concept."""
    likened: int = 0
    """Images that it draws to ask how much they are like the un-erased model's."""
    examples: int = 0
    """Images of the concept that the un-erased model draws apart, once for a case."""
    inversions: int = 0
    """Times that an image is inverted through the erased model, each at the U-Net evaluations of
    drawing one."""

    @property
    def drawn(self) -> int:
        """Images that the erased model draws during the search."""
        return self.shown + self.likened

    def total(self, sampler: Sampler) -> int:
        """Return all U-Net evaluations, those of images that are drawn or inverted included.

        Args:
            sampler: How images are drawn.
        """
        return self.evaluations + (self.drawn + self.inversions) * sampler.evaluations()


class Oracle(ABC):
    """What an attack may ask of the erased model's images: it draws prompts and looks."""

    @abstractmethod
    def shows(self, prompts: Sequence[Prompt]) -> list[bool]:
        """Return whether each image shows its prompt's concept, by the trial's detector."""

    @abstractmethod
    def likeness(self, prompts: Sequence[Prompt]) -> list[float]:
        """Return CLIP's cosine of each image and the un-erased model's of the prompt's id."""


@dataclass(frozen=True)
class Problem:
    """What an attack is given: the prompts of one concept, and the models to search on."""

    original: Any
    """The un-erased pipeline."""
    erased: Any
    """The erased pipeline; None for a transfer attack, which must do without."""
    concept: Concept
    prompts: tuple[Prompt, ...]
    images: tuple[Path, ...]
    """The un-erased model's image of each prompt; each shows the concept."""
    seed: int
    seeds: tuple[tuple[int, ...], ...]
    """Of each prompt those that what is found for it is drawn with, one a candidate."""
    sampler: Sampler
    """How that is drawn."""
    chunk: int = 40
    """Latents that go through the U-Net at once; bounds the memory."""
    examples: tuple[Path, ...] = ()
    """The un-erased model's images of the concept for other texts and seeds than are tested, as
    many as the attack's cost says."""
    oracle: Oracle | None = None
    """Looks at what the erased model draws; None for a transfer attack."""


@dataclass(frozen=True)
class Start:
    """Latents that drawing starts from in place of noise."""

    latents: Tensor
    """x_t, one a candidate, fp32 (candidates, channels, height, width)."""
    step: int = 0
    """How many of the sampler's steps they have behind them."""


@dataclass(frozen=True)
class Found:
    """What an attack found for one prompt."""

    text: str
    """The prompt to draw, which may be empty; a learnt word stands in it under its name."""
    loss: float = math.nan
    """The attack's own loss of it; NaN where it has none."""
    word: str = ""
    """Name of a learnt word, for example "<airplane>"."""
    embedding: Tensor | None = None
    """The learnt word's token embedding, (1, width); of two text encoders both, side by side."""
    start: Start | None = None
    """What its candidates are drawn from; None for the noise of their seeds."""


class Attack(ABC):
    """An attack: searches for what makes an erased model draw the erased concept.

    It is a frozen dataclass whose fields are its hyper-parameters, as an eraser's are.

    Its `convention`, where it has one, is `official`, the search of the released code, or `quick`,
    a cheaper one of ours. An option that is None is what the convention says.
    """

    paper: ClassVar[str]
    """Where the attack was published."""
    adaptive: ClassVar[bool]
    """Whether it works on the erased model itself; otherwise what it finds is transferred to it."""
    guided: ClassVar[bool] = False
    """Whether it asks the erased model as drawing does, so that it meets what acts in guidance
    alone; others predict for their prompts alone."""
    together: ClassVar[bool] = False
    """Whether all prompts of a concept go into one search: it serves them all, or gives each images
    of its own."""
    further_seeds: ClassVar[bool] = False
    """Whether what is found is drawn with other seeds than the prompts were before the attack: for
    one that leaves them as they are, and with the same seeds would only draw the same again; or
    that draws from no noise of a seed, so that no seed is matched."""
    reading: ClassVar[str] = ""
    """How its success is to be read, where a table has to say so; a literal."""
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {}
    """Hyper-parameters per model family (`mini`, `sd`, `sdxl`) that replace the field defaults."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:  # noqa: B027  may be nothing
        """Refuse, in no time, a pipeline or prompts that `search` could not use.

        Args:
            pipe: The un-erased diffusers pipeline.
            prompts: The prompts to attack.

        Raises:
            InputError: naming what cannot be used.
        """

    @abstractmethod
    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return what was found, one a prompt; all prompts are searched for together.

        The same problem gives the same result.

        Args:
            problem: The prompts of one concept, and the models.
            progress: Told what is under way.
        """

    @abstractmethod
    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return what `search` spends at most on so many prompts of one concept; needs no torch.

        Args:
            prompts: How many.
            candidates: Images drawn of what is found for each.

        Raises:
            InputError: an option is out of range, or none of the convention's.
        """

    def options(self) -> dict[str, Option]:
        """Return the hyper-parameters as a JSON-serialisable mapping."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
