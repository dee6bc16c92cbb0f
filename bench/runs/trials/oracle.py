"""What a search may see: images that the erased model draws, each prompt at its own seed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.attacks import Oracle
from bench.metrics import _clip
from bench.models.generate import generate
from bench.runs.trials.decider import Decider
from bench.types import Prompt, Sampler


@dataclass(frozen=True)
class ErasedOracle(Oracle):
    """Lets an attack ask whether images of the erased model show the concept.

    Images are kept only while they are looked at.
    """

    pipe: Any
    sampler: Sampler
    decider: Decider
    images: Mapping[str, Path]
    """The un-erased model's image of each prompt, by its id."""
    family: str
    device: str

    def shows(self, prompts: Sequence[Prompt]) -> list[bool]:
        """Return whether each image shows its prompt's concept, by the trial's decider."""
        with tempfile.TemporaryDirectory() as folder:
            return self.decider.shows(self._drawn(prompts, folder), prompts)

    def likeness(self, prompts: Sequence[Prompt]) -> list[float]:
        """Return CLIP's cosine of each image and the un-erased model's of the prompt's id."""
        with tempfile.TemporaryDirectory() as folder:
            return likeness(
                self._drawn(prompts, folder),
                [self.images[prompt.id] for prompt in prompts],
                self.family,
                self.device,
            )

    def _drawn(self, prompts: Sequence[Prompt], folder: str) -> list[Path]:
        return generate(self.pipe, prompts, Path(folder), self.sampler)


def likeness(made: Sequence[Path], wanted: Sequence[Path], family: str, device: str) -> list[float]:
    """Return the cosine of CLIP's embeddings of each two images.

    Args:
        made: Images.
        wanted: What each is compared with.
        family: Model family, which decides on the CLIP.
        device: Where to compute.
    """
    reader = _clip.reader(family, device)
    seen, readable = reader.images([*made, *wanted], "likeness", lambda what, done, total: None)
    if not all(readable):
        unread = [path for path, can in zip([*made, *wanted], readable, strict=True) if not can]
        raise RuntimeError(f"{unread[0]} was just drawn and cannot be read")
    cosines: list[float] = (seen[: len(made)] * seen[len(made) :]).sum(dim=1).tolist()
    return cosines
