"""What an attack is: a search for prompts or embeddings that bring an erased concept back.

An attack is one file in this folder; the registry finds it there. Files that start with `_` are
shared maths. Torch is imported inside functions, so that conventions need none.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.types import Concept, Option, Progress, Prompt, silent

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


BUDGETS: Mapping[str, Budget] = {"quick": Budget(10, 4, 10), "full": Budget(50, 10, 10)}


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

    @property
    def drawn(self) -> int:
        """Images that the erased model draws during the search."""
        return self.shown + self.likened


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
    chunk: int = 40
    """Latents that go through the U-Net at once; bounds the memory."""
    examples: tuple[Path, ...] = ()
    """The un-erased model's images of the concept for other texts and seeds than are tested, as
    many as the attack's cost says."""
    oracle: Oracle | None = None
    """Looks at what the erased model draws; None for a transfer attack."""


@dataclass(frozen=True)
class Found:
    """What an attack found for one prompt."""

    text: str
    """The prompt to draw; a learnt word stands in it under its name."""
    loss: float = math.nan
    """The attack's own loss of it; NaN where it has none."""
    word: str = ""
    """Name of a learnt word, for example "<airplane>"."""
    embedding: Tensor | None = None
    """The learnt word's token embedding, (1, width); of two text encoders both, side by side."""


class Attack(ABC):
    """An attack: searches for prompts that make an erased model draw the erased concept.

    It is a frozen dataclass whose fields are its hyper-parameters, as an eraser's are.

    Its `convention`, where it has one, is `official`, the search of the released code, or `quick`,
    a cheaper one of ours. An option that is None is what the convention says.
    """

    paper: ClassVar[str]
    """Where the attack was published."""
    adaptive: ClassVar[bool]
    """Whether it searches on the erased model; otherwise what it finds is transferred to it."""
    together: ClassVar[bool] = False
    """Whether one search serves all prompts of a concept, however many."""
    further_seeds: ClassVar[bool] = False
    """Whether what is found is drawn with other seeds than the prompts were before the attack: for
    one that leaves them as they are, and with the same seeds would only draw the same again."""
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
    def cost(self, prompts: int) -> Cost:
        """Return what `search` spends at most on so many prompts of one concept; needs no torch.

        Raises:
            InputError: an option is out of range, or none of the convention's.
        """

    def options(self) -> dict[str, Option]:
        """Return the hyper-parameters as a JSON-serialisable mapping."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
