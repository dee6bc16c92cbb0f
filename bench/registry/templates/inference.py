"""The start of an eraser that acts while drawing."""

CHANGES = "no weight; two U-Net evaluations more for each prompt and step"

METHOD = '''"""{title}: one line that says what it does, and where it was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning, condition
from bench.models.steering import Predict, Rows, empties, steered
from bench.types import Concept, Form, Progress, silent
from methods import _tokens


@dataclass(frozen=True)
class {title}(Eraser):
    """Steps from the concept to its anchor while drawing; replace this by what yours does."""

    form: ClassVar[Form] = "inference"
    paper: ClassVar[str] = "unpublished"
    touches: ClassVar[tuple[str, ...]] = ()

    strength: float = 1.0
    """How much of the way from concept to anchor is gone, a factor (ours)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn nothing; tensors that `apply` needs would be returned here, and stored."""
        _tokens.check(pipe, concepts)
        return {{}}

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline with every prediction for a prompt steered."""
        if not concepts:
            return pipe
        old = condition(pipe, [", ".join(concept.name for concept in concepts)])
        new = condition(pipe, [", ".join(concept.anchor for concept in concepts)])
        return steered(pipe, _Guide(self.strength, empties(pipe), old, new))


@dataclass(frozen=True)
class _Guide:
    """Answers the rows of a batch, of which those without text stay as they are."""

    strength: float
    empty: Sequence[Conditioning]
    concept: Conditioning
    anchor: Conditioning

    def __call__(self, predict: Predict, rows: Rows) -> Tensor:
        made = predict(rows).clone()
        prompts = ~rows.unprompted(self.empty)
        if prompts.any():
            asked = rows[prompts]
            away = predict(asked.reading(self.concept)) - predict(asked.reading(self.anchor))
            made[prompts] -= self.strength * away
        return made
'''

TEST = '''"""What is particular to {name}; the contract tests find it by themselves."""

from __future__ import annotations

from typing import Any

import torch

from bench.models.generate import draw
from bench.types import Concept, Sampler
from methods.{name} import {title}


def drawn(pipe: Any, text: str) -> torch.Tensor:
    """Return the latents of one image of a text."""
    made: torch.Tensor = draw(pipe, [text], [0], Sampler(3, 4.0), "latent")
    return made


def test_the_concept_is_drawn_as_its_anchor(tiny_pipe: Any, airplane: Concept) -> None:
    erased = {title}().erase(tiny_pipe, [airplane], seed=0)
    anchor = drawn(tiny_pipe, airplane.anchor)
    assert torch.allclose(drawn(erased, airplane.name), anchor, atol=1e-3)
    assert not torch.allclose(drawn(tiny_pipe, airplane.name), anchor, atol=1e-1)


def test_without_strength_it_is_the_un_erased_model(tiny_pipe: Any, airplane: Concept) -> None:
    erased = {title}(strength=0.0).erase(tiny_pipe, [airplane], seed=0)
    assert torch.equal(drawn(erased, "a dog"), drawn(tiny_pipe, "a dog"))
'''
