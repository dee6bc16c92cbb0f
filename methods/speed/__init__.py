"""SPEED: a closed-form edit confined to directions that what stays does not use.

Facts on paper and code: Ouxiang-Li/SPEED at 6d3df0c.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import meter, pipelines
from bench.models.eraser import Eraser
from bench.types import Concept, InputError, Option, Progress, silent
from methods import _options, _tokens, _unet
from methods.speed import _edit, _retained

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speed(Eraser):
    """SPEED: edits values in closed form, in the null space of what is to stay."""

    paper: ClassVar[str] = "SPEED, arXiv 2503.07392 (ICLR 2026)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"parts": "kv", "positions": "all"},
        "objects": {"guide": ""},
        "styles": {"guide": "art"},
        "people": {
            "guide": "person",
            "threshold": 1e-4,
            "retain_scale": 0.05,
            "influence_filter": False,
        },
        "nudity": {
            "guide": "",
            "retain": "empty",
            "positions": "all",
            "retain_scale": 0.7,
            "lamb": 0.5,
        },
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "best of six settings on the ship at size quick, methods/speed.md",
        "objects": "the code at 6d3df0c, one to three objects; its retain_file is not shipped",
        "styles": "the code at 6d3df0c, one to three styles; its retain_file is not shipped",
        "people": "the code at 6d3df0c, ten to a hundred persons; its retain_file is not shipped",
        "nudity": "the code at 6d3df0c, nudity",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "parts": ["v", "k", "kv"],
        "positions": ["last", "all"],
        "threshold": (1e-4, 1.0),
        "retain_scale": (0.05, 2.0),
        "augmentations": (0, 20),
    }
    files: ClassVar[tuple[str, ...]] = ("retain_file",)

    parts: Literal["v", "k", "kv"] = "v"
    """What is edited: values (published), keys, or both."""
    guide: str | None = None
    """What the concepts read as, `;`-separated, one for all or one each; none is each concept's
    anchor (ours), "" is the empty prompt, of which the begin token is taken (code, objects)."""
    positions: Literal["last", "all"] = "last"
    """Which positions of a concept are moved to its guide's: the last of its tokens (code), or all
    after the begin token (code, nudity)."""
    retain: Literal["everyday", "scenes", "empty"] = "everyday"
    """What is to stay: our captions of everyday things, or of places alone, but those that share a
    word with a concept; or the empty prompt's positions (code, without a list)."""
    retain_file: str | None = None
    """A text file of names that are to stay instead, one a line (code: 1,352 characters, 1,734
    artists or 100 persons)."""
    influence_filter: bool = True
    """Retain only what the edit would otherwise move by more than the mean (published; off for ten
    persons and more)."""
    augmentations: int = 10
    """Points that are retained around each, a count; 0 none (published)."""
    threshold: float = 0.1
    """Singular value of what is retained below which a direction may change (published: 0.1, for
    ten persons and more 1e-4)."""
    threshold_scale: Literal["absolute", "relative"] = "absolute"
    """What the threshold is: a number, which depends on the norm of the model's embeddings
    (published), or a share of the greatest singular value (ours)."""
    retain_scale: float = 1.0
    """rho, pull towards the original weights (published: 1; 0.05 for ten persons and more)."""
    clusters: int = 3
    """Centres of the empty prompt's positions that stay exactly, beside the begin token (code)."""
    lamb: float = 0.0
    """lam, slack of what stays exactly; 0 none (published; 0.5 for nudity)."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse numbers out of range, guides that are too many, and lists that cannot be read.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _tokens.check(pipe, concepts)
        _tokens.guides(concepts, self.guide)
        _options.within(1, int(pipe.tokenizer.model_max_length) - 1, clusters=self.clusters)
        _options.above(0, threshold=self.threshold, retain_scale=self.retain_scale)
        _options.at_least(0, augmentations=self.augmentations, lamb=self.lamb)
        self._listed(concepts)

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Solve for each layer in closed form; several concepts jointly.

        The seed decides the augmentations and the clusters of the empty prompt.

        Raises:
            InputError: the threshold leaves no direction to edit.
        """
        self.check(pipe, concepts)
        if not concepts:
            return {}
        generator = torch.Generator().manual_seed(seed)
        gram, shift = _edit.moments(*self._moved(pipe, concepts), len(concepts))
        kept = _retained.rows(pipe, self.retain, self._listed(concepts), concepts).double()
        exact = _retained.invariants(pipe, self.clusters, generator)
        edited, free = {}, []
        weights = self._edited(pipe)
        for done, (name, weight) in enumerate(weights.items(), start=1):
            basis = self._basis(weight.detach(), gram, shift, kept, generator)
            free.append(basis.shape[1])
            edited[name] = weight.detach().double() + _edit.confined(
                weight.detach(),
                gram,
                shift,
                basis,
                exact,
                retain_scale=self.retain_scale,
                lamb=self.lamb,
            )
            progress("speed", done, len(weights))
        log.info("null space: %d to %d of %d directions", min(free), max(free), len(gram))
        if max(free) == 0:
            raise InputError(
                f"a threshold of {self.threshold} leaves no direction that may change; raise it, "
                "or retain less"
            )
        meter.note("null_space", sum(free) / len(free))
        return _unet.learned(pipe, edited)

    def _edited(self, pipe: Any) -> dict[str, Any]:
        ends = tuple(f"to_{part}.weight" for part in self.parts)
        found = pipelines.cross_attention(pipe.unet)
        return {name: weight for name, weight in found.items() if name.endswith(ends)}

    def _listed(self, concepts: Sequence[Concept]) -> list[str]:
        return _retained.listed(self.retain_file, concepts) if self.retain_file else []

    def _moved(self, pipe: Any, concepts: Sequence[Concept]) -> tuple[Tensor, Tensor]:
        """Return the concepts' rows and those of their guides, (n, d) each."""
        names = [concept.name for concept in concepts]
        guides = _tokens.guides(concepts, self.guide)
        both = [pipelines.encode(pipe, texts) for texts in (names, guides)]
        if self.positions == "all":
            return both[0][:, 1:].flatten(0, 1), both[1][:, 1:].flatten(0, 1)
        one, other = (
            rows[range(len(texts)), [pipelines.last_token(pipe, text) for text in texts]]
            for rows, texts in zip(both, (names, guides), strict=True)
        )
        return one, other

    def _basis(
        self,
        weight: Tensor,
        gram: Tensor,
        shift: Tensor,
        kept: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the directions of one layer that may change, (d, m)."""
        edit = _edit.unconfined(weight, gram, shift)
        rows = _retained.disturbed(kept, edit) if self.influence_filter else kept
        rows = _retained.augmented(rows, weight, edit, self.augmentations, generator)
        relative = self.threshold_scale == "relative"
        return _edit.null_space(rows, self.threshold, relative=relative)
