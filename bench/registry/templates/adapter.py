"""The start of an eraser that leaves a LoRA."""

CHANGES = "cross-attention keys and values, by a LoRA under diffusers' names"

METHOD = '''"""{title}: one line that says what it does, and where it was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import Concept, Form, Progress, silent
from methods import _lora, _tokens


@dataclass(frozen=True)
class {title}(Eraser):
    """Adds a LoRA that reads a concept as its anchor; replace this by what yours does."""

    form: ClassVar[Form] = "adapter"
    paper: ClassVar[str] = "unpublished"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")

    strength: float = 1.0
    """Factor on the change, 1 for all of the way from concept to anchor (ours)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Return the factors of W + up @ down, one column and row a concept."""
        _tokens.check(pipe, concepts)
        if not concepts:
            return {{}}
        old = self._rows(pipe, [concept.name for concept in concepts])
        new = self._rows(pipe, [concept.anchor for concept in concepts])
        # The rows of this read one concept as 1 and the others as 0, so that they do not add up.
        down = torch.linalg.pinv(old).T
        change = self.strength * (new - old).T
        return _lora.named(
            {{
                name: ((weight.detach().double() @ change).float(), down.float())
                for name, weight in pipelines.cross_attention(pipe.unet).items()
            }}
        )

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline with the LoRA added to a copy of its U-Net."""
        return _lora.added(pipe, tensors)

    def _rows(self, pipe: Any, texts: Sequence[str]) -> Tensor:
        """Return the embedding of each text's last token, (texts, d) in fp64."""
        rows = pipelines.encode(pipe, texts).double()
        return rows[range(len(texts)), [pipelines.last_token(pipe, text) for text in texts]]
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


def test_each_concept_reads_as_its_anchor(tiny_pipe: Any, airplane: Concept, bird: Concept) -> None:
    erased = {title}().erase(tiny_pipe, [airplane, bird], seed=0)
    for concept in (airplane, bird):
        anchor = read(tiny_pipe, concept.anchor)
        before = (read(tiny_pipe, concept.name) - anchor).norm()
        assert (read(erased, concept.name) - anchor).norm() < 1e-3 * before


def test_it_leaves_one_rank_a_concept_for_each_layer(
    tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    tensors = {title}().fit(tiny_pipe, [airplane, bird], seed=0)
    layers = pipelines.cross_attention(tiny_pipe.unet)
    assert len(tensors) == 2 * len(layers)
    for name, weight in layers.items():
        module = f"unet.{{name.removesuffix('.weight')}}"
        assert tensors[f"{{module}}.lora_A.weight"].shape == (2, weight.shape[1])
        assert tensors[f"{{module}}.lora_B.weight"].shape == (weight.shape[0], 2)
'''
