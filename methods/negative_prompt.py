"""Negative prompt: guidance starts from the concept instead of from the empty prompt.

Facts: the negative prompt of diffusers' pipelines; no paper of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning
from bench.models.steering import Negative, Predict, Rows, empties, steered
from bench.types import Concept, Form, Progress, silent
from methods import _tokens


@dataclass(frozen=True)
class NegativePrompt(Eraser):
    """Negative prompt: guides each step away from the concept's name; nothing is trained."""

    form: ClassVar[Form] = "inference"
    paper: ClassVar[str] = "none: the negative prompt of diffusers' pipelines"
    touches: ClassVar[tuple[str, ...]] = ()

    text: str | None = None
    """What guidance starts from; none is the concepts' names, joined by ", " (what tables do)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn nothing."""
        self.check(pipe, concepts)
        return {}

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline with the negative prompt in place of every empty one.

        A prompt's own negative prompt is kept behind it.
        """
        if not concepts:
            return pipe
        return steered(pipe, _Instead(empties(pipe), Negative(pipe, self._negative(concepts))))

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse concepts and texts that cannot be read whole."""
        _tokens.check(pipe, concepts)
        _tokens.check_window(pipe, self._negative(concepts))

    def _negative(self, concepts: Sequence[Concept]) -> str:
        return ", ".join(each.name for each in concepts) if self.text is None else self.text


@dataclass(frozen=True)
class _Instead:
    """Asks for another text wherever there is no prompt."""

    empty: Sequence[Conditioning]
    negative: Negative

    def __call__(self, predict: Predict, rows: Rows) -> Tensor:
        text = self.negative.text()
        return predict(rows.reading(text, where=rows.unprompted(self.empty)))
