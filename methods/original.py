"""The un-erased model as a method, so that every comparison has its reference row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from bench.models.eraser import Eraser
from bench.types import Concept, Progress, silent


@dataclass(frozen=True)
class Original(Eraser):
    """The model as it came: erases nothing."""

    paper: ClassVar[str] = "none: the reference row of every table"
    touches: ClassVar[tuple[str, ...]] = ()

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn nothing."""
        return {}
