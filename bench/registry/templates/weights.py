"""The start of an eraser that leaves other weights."""

CHANGES = "cross-attention keys and values"

METHOD = '''"""{title}: one line that says what it does, and where it was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import Concept, Progress, silent
from methods import _closed_form, _tokens, _unet


@dataclass(frozen=True)
class {title}(Eraser):
    """Reads a concept's last token as its anchor's; replace this by what yours does."""

    paper: ClassVar[str] = "unpublished"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")

    ridge: float = 0.5
    """Pull towards the weights as they are, a factor (ours)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Solve for the weights in closed form."""
        _tokens.check(pipe, concepts)
        if not concepts:
            return {{}}
        words = pipelines.encode(pipe, [concept.name for concept in concepts])
        anchors = pipelines.encode(pipe, [concept.anchor for concept in concepts])
        sums = _closed_form.Equations(words.shape[-1], words.device)
        for number, concept in enumerate(concepts):
            old = pipelines.last_token(pipe, concept.name)
            new = pipelines.last_token(pipe, concept.anchor)
            sums.move(words[number, old], anchors[number, new])
        sums.ridge(self.ridge)
        return _unet.multiplied(pipe, sums.matrix())
'''

TEST = '''"""What is particular to {name}; the contract tests find it by themselves."""

from __future__ import annotations

from typing import Any

import torch

from bench.models import pipelines
from bench.types import Concept
from methods.{name} import {title}


def read(pipe: Any, text: str) -> torch.Tensor:
    """Return what the first cross-attention layer makes of a text's last token."""
    weight = next(iter(pipelines.cross_attention(pipe.unet).values())).detach()
    return weight @ pipelines.encode(pipe, [text])[0, pipelines.last_token(pipe, text)]


def test_the_concept_reads_as_its_anchor(tiny_pipe: Any, airplane: Concept) -> None:
    erased = {title}().erase(tiny_pipe, [airplane], seed=0)
    anchor = read(tiny_pipe, airplane.anchor)
    before = (read(tiny_pipe, airplane.name) - anchor).norm()
    after = (read(erased, airplane.name) - anchor).norm()
    assert after < 0.5 * before
'''
