"""RECE: erase a concept in closed form, then what the edited weights would still take for it.

Facts on paper and code: CharlesGong12/RECE at 403a67f.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import Concept, Option, Progress, silent
from methods import _closed_form, _options, _tokens, _unet

FIRST = {"erase_scale": 1.0, "preserve_scale": 1.0, "lamb": 0.5}
"""UCE's defaults of 2023, by which the concept itself is erased."""


@dataclass(frozen=True)
class Rece(Eraser):
    """RECE: erases a concept as UCE does, then the embeddings that would still bring it back."""

    paper: ClassVar[str] = "RECE, arXiv 2407.12383 (ECCV 2024)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"regular_scale": 0.1, "preserve_scale": 1.0, "lamb": 10.0},
        "nudity": {"regular_scale": 0.1, "epochs": 3, "guide": " "},
        "i2p": {"regular_scale": 0.1, "epochs": 2, "guide": " "},
        "artists": {"regular_scale": 0.001, "epochs": 1, "guide": "art"},
        "objects-hard": {"regular_scale": 0.001, "epochs": 1, "guide": " "},
        "objects-easy": {"regular_scale": 0.1, "epochs": 1, "guide": " "},
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "best of six settings on the ship at size quick, methods/rece.md",
        "nudity": "the code at 403a67f, nudity",
        "i2p": "the code at 403a67f, the eleven words of I2P, to be erased together",
        "artists": "the code at 403a67f, artists",
        "objects-hard": "the code at 403a67f, church and garbage truck, which UCE leaves",
        "objects-easy": "the code at 403a67f, English springer, golf ball and parachute",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "epochs": (1, 5),
        "regular_scale": (1e-3, 1e1),
        "preserve_scale": (0.01, 10.0),
        "lamb": (0.1, 100.0),
    }

    epochs: int = 1
    """How often what still stands for the concept is searched for and erased; 0 is UCE alone, as
    published for other objects (code: 1 for objects and artists, 2 for I2P, 3 for nudity)."""
    regular_scale: float = 0.001
    """Lambda, the pull of the search towards zero: less imitates the concept more closely, and so
    erases and damages more (code: 0.001 for artists and hard objects, 0.1 for all else)."""
    preserve_scale: float = 0.1
    """l1, weight of one space, which is to be read as it is, for each concept (code)."""
    lamb: float = 0.1
    """l2, pull of an epoch towards the weights before it (code)."""
    guide: str | None = None
    """What the concepts read as, `;`-separated, one for all or one each; none is each concept's
    anchor (ours), " " is one space (code), "art" the code's for artists."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse numbers out of range, guides that are too many, and names that cannot be read.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _tokens.check(pipe, concepts)
        _tokens.guides(concepts, self.guide)
        _options.at_least(0, epochs=self.epochs, preserve_scale=self.preserve_scale)
        _options.above(0, regular_scale=self.regular_scale, lamb=self.lamb)

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Solve for one matrix that all keys and values share; several concepts jointly.

        There is nothing for the seed to decide.
        """
        self.check(pipe, concepts)
        if not concepts:
            return {}
        names = [concept.name for concept in concepts]
        # The code reads an empty guide as one space.
        guides = [guide or " " for guide in _tokens.guides(concepts, self.guide)]
        matrix = _first(pipe, names, guides)
        rows, targets, space = (
            pipelines.encode(pipe, texts).flatten(0, 1) for texts in (names, guides, [" "])
        )
        weights = [each.detach().double() for each in pipelines.cross_attention(pipe.unet).values()]
        gram = torch.stack([weight.T @ weight for weight in weights]).sum(0)
        progress("rece", 1, self.epochs + 1)
        for epoch in range(self.epochs):
            sums = _closed_form.Equations(rows.shape[-1], rows.device)
            sums.move(imitation(rows, matrix, gram, self.regular_scale), targets)
            sums.keep(space, self.preserve_scale * len(concepts))
            sums.ridge(self.lamb)
            matrix = matrix @ sums.matrix()
            progress("rece", epoch + 2, self.epochs + 1)
        return _unet.multiplied(pipe, matrix)


def imitation(rows: Tensor, matrix: Tensor, gram: Tensor, scale: float) -> Tensor:
    """Return the embeddings that the edited weights read most as the un-erased ones read the rows.

    c' = argmin SUM_i ||W_i M c' - W_i c||^2 + scale ||c'||^2
       = (scale I + M^T G M)^-1 M^T G c,  G = SUM_i W_i^T W_i,

    each row by itself. Source: paper, its closed form of the regularised search, with the edited
    weights W_i M written out.

    Args:
        rows: Embeddings c, (n, d).
        matrix: M, (d, d) in fp64.
        gram: G over the un-erased keys and values, (d, d) in fp64.
        scale: The paper's lambda.

    Returns:
        (n, d) in fp64.
    """
    seen = matrix.T @ gram @ matrix + scale * _closed_form.identity(matrix)
    return _closed_form.Division(seen)(rows.to(gram) @ gram @ matrix)


def _first(pipe: Any, names: Sequence[str], guides: Sequence[str]) -> Tensor:
    """Return UCE's matrix of 2023: from each name's last token on, the empty prompt preserved."""
    tails = [_tokens.tails(pipe, one, other) for one, other in zip(names, guides, strict=True)]
    erased, targets = (torch.cat(rows) for rows in zip(*tails, strict=True))
    kept = pipelines.encode(pipe, [""])[0]
    return _closed_form.replaced(_closed_form.identity(kept), erased, targets, kept, **FIRST)
