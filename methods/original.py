"""The un-erased model as a method, so that every comparison has its reference row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bench.types import Concept, Eraser, Progress, silent


@dataclass(frozen=True)
class Original(Eraser):
    """The model as it came: erases nothing."""

    paper: ClassVar[str] = "none: the reference row of every table"
    touches: ClassVar[tuple[str, ...]] = ()

    def erase(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Any:
        """Return the pipeline unchanged."""
        return pipe
