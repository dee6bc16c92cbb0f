"""UCE: edit cross-attention keys and values in closed form so that a concept reads as its guide.

Facts on paper and code: rohitgandikota/unified-concept-editing at 28c81ed (2025) and bd5fb51
(2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import Concept, InputError, Option, Progress, silent
from methods import _closed_form, _options, _tokens, _unet

EXPANSIONS = {
    "style": (
        "a work in the style of {}",
        "{} art",
        "made in the manner of {}",
        "a piece by {}",
        "a canvas by {}",
    ),
    "object": (
        "an image of {}",
        "a photo of {}",
        "a portrait of {}",
        "a picture of {}",
        "a drawing of {}",
    ),
}


@dataclass(frozen=True)
class Uce(Eraser):
    """UCE: edits cross-attention in closed form so that a concept reads as its guide."""

    paper: ClassVar[str] = "Unified Concept Editing, arXiv 2308.14761 (WACV 2024)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"variant": "2023"},
        "objects-mace": {"variant": "2023", "guide": ""},
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "tuned on the ship, reports/tuning",
        "objects-mace": "the 2023 code at bd5fb51 with its defaults, as MACE's table 1 has it",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "variant": ["2025", "2023"],
        "erase_scale": (0.3, 3.0),
        "lamb": (0.05, 5.0),
    }

    variant: Literal["2025", "2023"] = "2025"
    """Which code: 2025 edits the last subject token and preserves nothing by itself; 2023, behind
    the paper's numbers, edits every token from there to the end and preserves the empty prompt."""
    technique: Literal["replace", "tensor"] = "replace"
    """What the concept becomes: the guide, or itself without its own direction (2023 only; not
    linear in the weights, so solved for each layer). Default of both codes."""
    guide: str | None = None
    """What the concepts read as, `;`-separated, one for all or one each; none is each concept's
    anchor (ours), "" is the empty prompt (the codes' default for objects)."""
    preserve: str = ""
    """Concepts whose reading stays, `;`-separated; none, as in the 2025 code."""
    erase_scale: float = 1.0
    """Weight of each erased vector (both codes)."""
    preserve_scale: float | None = None
    """Weight of each preserved vector; none is 1 for 2025 and max(0.1, 1 / preserved texts) for
    2023 (the codes' rules)."""
    lamb: float = 0.5
    """Pull towards the original weights, lambda (both codes)."""
    expand_prompts: bool = False
    """Also edit the concepts within five short templates of our wording (2025 code: five of its
    own, off by default)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Solve for the weights in closed form; the seed has nothing to decide."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        preserved = self._preserved()
        old, new = self._texts(concepts, _tokens.guides(concepts, self.guide))
        scale = self.preserve_scale
        if scale is None:
            scale = 1.0 if self.variant == "2025" else max(0.1, 1 / len(preserved))
        progress("closed form", 0, 1)
        edited = self._edited(pipe, old, new, preserved, scale)
        progress("closed form", 1, 1)
        return edited

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse guides, preserved concepts and options that do not go together.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _tokens.check(pipe, concepts, self._preserved())
        _tokens.guides(concepts, self.guide)
        if self.technique == "tensor" and self.variant == "2025":
            raise InputError(
                "technique tensor is of variant 2023 only; allowed for 2025 is replace"
            )
        _options.above(0, lamb=self.lamb)

    def _preserved(self) -> list[str]:
        preserved = [part.strip() for part in self.preserve.split(";") if part.strip()]
        # Always preserved by the 2023 code.
        return preserved if self.variant == "2025" else ["", *preserved]

    def _texts(
        self, concepts: Sequence[Concept], guides: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        old, new = [], []
        for concept, guide in zip(concepts, guides, strict=True):
            # The 2023 code guides by one space where it means nothing.
            target = guide or ("" if self.variant == "2025" else " ")
            templates: list[str] = ["{}"]
            if self.expand_prompts:
                templates += EXPANSIONS["style" if concept.kind == "style" else "object"]
            old += [template.format(concept.name) for template in templates]
            new += [template.format(target) for template in templates]
        return old, new

    def _edited(
        self,
        pipe: Any,
        old: Sequence[str],
        new: Sequence[str],
        preserved: Sequence[str],
        scale: float,
    ) -> dict[str, Tensor]:
        blocks = [self._rows(pipe, one, other) for one, other in zip(old, new, strict=True)]
        kept = self._kept(pipe, preserved)
        if self.technique == "tensor":
            return _unet.learned(pipe, self._without_direction(pipe, blocks, kept, scale))
        erased, guides = (torch.cat(rows) for rows in zip(*blocks, strict=True))
        matrix = _closed_form.replaced(
            _closed_form.identity(kept),
            erased,
            guides,
            kept,
            erase_scale=self.erase_scale,
            preserve_scale=scale,
            lamb=self.lamb,
        )
        return _unet.multiplied(pipe, matrix)

    def _rows(self, pipe: Any, text: str, guide: str) -> tuple[Tensor, Tensor]:
        """Return the edited rows of a text and the guide's rows in their place, (n, d) each."""
        if self.variant == "2023":
            return _tokens.tails(pipe, text, guide)
        first, second = pipelines.encode(pipe, [text, guide])
        start, other = pipelines.last_token(pipe, text), pipelines.last_token(pipe, guide)
        return first[start : start + 1], second[other : other + 1]

    def _kept(self, pipe: Any, texts: Sequence[str]) -> Tensor:
        rows = pipelines.encode(pipe, [*texts, ""])[:-1]
        if self.variant == "2023":
            return rows.reshape(-1, rows.shape[-1])
        return rows[range(len(texts)), [pipelines.last_token(pipe, text) for text in texts]]

    def _without_direction(
        self, pipe: Any, blocks: Sequence[tuple[Tensor, Tensor]], kept: Tensor, scale: float
    ) -> dict[str, Tensor]:
        sums = _closed_form.Equations(kept.shape[-1], kept.device)
        for erased, _ in blocks:
            sums.keep(erased, self.erase_scale)
        sums.keep(kept, scale)
        sums.ridge(self.lamb)
        division = _closed_form.Division(sums.gram)
        edited = {}
        for name, parameter in pipelines.cross_attention(pipe.unet).items():
            weight = parameter.data.double()
            pull = torch.zeros_like(weight)
            for erased, guide in blocks:
                change = without_direction(weight, erased, guide) - erased.double() @ weight.T
                pull += self.erase_scale * change.T @ erased.double()
            edited[name] = (weight + division(pull).to(weight)).to(parameter.dtype)
        return edited


def without_direction(weight: Tensor, erase: Tensor, guide: Tensor) -> Tensor:
    """Return the guide's outputs without the part along the concept's own outputs.

    Norm and inner product are those of the whole block, one coefficient a concept. Source: the 2023
    code's technique `tensor`.

    Args:
        weight: (out, d).
        erase: Rows of the concept, (n, d).
        guide: Rows of the guide, (n, d).

    Returns:
        (n, out), fp64.
    """
    own = erase.double() @ weight.double().T
    direction = own / own.norm()
    aim = guide.double() @ weight.double().T
    rest: Tensor = aim - (aim * direction).sum() * direction
    return rest
