"""SAFREE: projects the tokens that carry a concept out of its span, for the first steps only.

Facts on paper and code: arXiv 2410.12761 (ICLR 2025), jaehong31/SAFREE at b8b2c3f.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning
from bench.models.steering import Negative, Predict, Rows, empties, steered, twin
from bench.types import Concept, Form, InputError, Option, Progress, silent
from methods import _options, _tokens
from methods._memory import Memory

STEPS = 50
"""Steps of an image that the filter's counts are of (published)."""
WIDEST = 10
"""Most steps that the filter gives, before the first (up_t of the code)."""
KEPT = 256
"""Least number of prompts whose embeddings are kept until they are drawn."""


@dataclass(frozen=True)
class Safree(Eraser):
    """SAFREE: projects a prompt's guilty tokens out of the concept's span; trains nothing."""

    form: ClassVar[Form] = "inference"
    paper: ClassVar[str] = "SAFREE, arXiv 2410.12761 (ICLR 2025)"
    touches: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"negative": True, "validate": False, "alpha": 0.0},
        "code": {"negative": True},
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "best of six settings on the ship, none of which erases it, methods/safree.md",
        "code": "the released runs, whose guidance also starts from the concept's words",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "alpha": (-0.02, 0.05),
        "negative": [True, False],
        "validate": [True, False],
    }

    alpha: float = 0.01
    """A token is guilty if the prompt without it is farther from the concept than the mean of those
    without another token by this share (published)."""
    phrases: str = ""
    """Words for the concept that span what is projected away, separated by commas; empty is the
    concepts' names (published: an artist's name, or 17 phrases for nudity)."""
    negative: bool = False
    """Let guidance start from the phrases too, as a negative prompt (released runs; not in the
    paper)."""
    validate: bool = True
    """Ask the self-validating filter for how many steps a prompt stays projected; else at all of
    them (published)."""
    steepness: float | None = None
    """k of the filter, a factor; none is what was published, 2.5 for explicit content and 3.5 for
    artists, here for all else."""
    midpoint: float | None = None
    """t0 of the filter: ten times the mean distance in cosine at which half of ten steps are
    projected; none is what was published, 5.333 for explicit content and 5.5 for artists."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn nothing."""
        self.check(pipe, concepts)
        return {}

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline whose text encoder projects, and whose U-Net knows till when.

        Several concepts are projected out jointly: their phrases span one space.
        """
        if not concepts:
            return pipe
        phrases, memory = self._phrases(concepts), _Memory(KEPT)
        negative = Negative(pipe, ", ".join(phrases)) if self.negative else None
        made = steered(pipe, _Steps(memory, empties(pipe), negative, pipe.scheduler))
        made.text_encoder = twin(pipe.text_encoder)
        made.text_encoder.register_forward_hook(
            _Projection(self, pipe, phrases, concepts, memory), with_kwargs=True
        )
        return made

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse SDXL, numbers out of range, and texts that cannot be read whole.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        if len(pipelines.encoders(pipe)) > 1:
            raise InputError("safree projects one text encoder; SDXL has two, allowed is SD 1 or 2")
        _options.at_least(0, alpha=self.alpha, steepness=self.steepness)
        _tokens.check(pipe, concepts)
        phrases = self._phrases(concepts)
        if concepts and not phrases:
            raise InputError(f"phrases is {self.phrases!r}, allowed are words separated by commas")
        for phrase in [*phrases, *([", ".join(phrases)] if self.negative else [])]:
            _tokens.check_window(pipe, phrase)

    def _phrases(self, concepts: Sequence[Concept]) -> list[str]:
        own = [each.strip() for each in self.phrases.split(",")]
        return [each for each in own if each] if self.phrases else [each.name for each in concepts]

    def filter(self, concepts: Sequence[Concept]) -> tuple[float, float]:
        """Return k and t0 of the self-validating filter, as given or as published."""
        explicit = concepts[0].kind == "explicit"
        k, t0 = (2.5, 5.333) if explicit else (3.5, 5.5)
        return (
            k if self.steepness is None else self.steepness,
            t0 if self.midpoint is None else self.midpoint,
        )


_Memory = Memory[tuple[Tensor, float]]
"""Of each projected prompt what it was before, and the share of the steps that it is for."""


@dataclass(frozen=True)
class _Steps:
    """Lets the U-Net read a prompt as it was, once its projected steps are over."""

    memory: _Memory
    empty: Sequence[Conditioning]
    negative: Negative | None
    scheduler: Any
    """Its grid says which step a timestep is of."""

    def __call__(self, predict: Predict, rows: Rows) -> Tensor:
        if self.negative is not None:
            rows = rows.reading(self.negative.text(), where=rows.unprompted(self.empty))
        states, grid = rows.text.states.clone(), self.scheduler.timesteps
        for row, known in enumerate(self.memory.find(rows.text.states)):
            step = int((grid > float(rows.timesteps[row])).sum())
            if known and step / len(grid) >= known[1]:
                states[row] = known[0].to(states)
        return predict(replace(rows, text=replace(rows.text, states=states)))


class _Projection:
    """A hook that answers what a text encoder makes of prompts with the guilty tokens projected."""

    def __init__(
        self,
        options: Safree,
        pipe: Any,
        phrases: Sequence[str],
        concepts: Sequence[Concept],
        memory: _Memory,
    ) -> None:
        self.options, self.encoder, self.memory = options, pipe.text_encoder, memory
        self.end = int(pipe.tokenizer.eos_token_id)
        self.filter = options.filter(concepts)
        ends = [pipelines.last_token(pipe, phrase) + 1 for phrase in phrases]
        self.concept = projector(pipelines.encode(pipe, phrases)[range(len(ends)), ends])

    def __call__(
        self, encoder: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> Any:
        """Replace the embeddings of the encoder's output."""
        ids = args[0] if args else kwargs["input_ids"]
        plain = output.last_hidden_state
        made = [self._prompt(one, states) for one, states in zip(ids, plain, strict=True)]
        output.last_hidden_state = torch.stack([each for each, _ in made])
        before = zip(plain.detach(), (share for _, share in made), strict=True)
        self.memory.keep(output.last_hidden_state, list(before))
        return output

    def _prompt(self, ids: Tensor, states: Tensor) -> tuple[Tensor, float]:
        """Return a prompt's embeddings, and the share of the steps that they are for."""
        stop = int((ids == self.end).nonzero()[0]) if bool((ids == self.end).any()) else len(ids)
        if stop < 2 or stop == len(ids):
            return states, 1.0
        around = self._masked(ids, stop)
        apart = self.concept.to(around.device)
        apart = torch.eye(len(apart), device=around.device, dtype=apart.dtype) - apart
        bad = guilty((around.double() @ apart).norm(dim=1), self.options.alpha)
        change = (projector(around).to(apart) @ apart).to(states.device)
        moved = (states.double() @ change).to(states)
        where = torch.zeros(len(states), dtype=torch.bool, device=states.device)
        where[1:stop] = bad.to(states.device)
        share = 1.0
        if self.options.validate:
            real = slice(0, stop + 1)
            share = (validated(states[real], moved[real], *self.filter) + 1) / STEPS
        return torch.where(where[:, None], moved, states), share

    def _masked(self, ids: Tensor, stop: int) -> Tensor:
        """Return the end token's embedding of the prompt without each token, (tokens, width)."""
        texts = ids.expand(stop - 1, -1).clone()
        for row in range(stop - 1):
            texts[row, row + 1] = 0  # The id that the code puts in its place.
        with torch.no_grad():
            made: Tensor = self.encoder(texts).last_hidden_state
        return made[:, stop].float()


def projector(rows: Tensor) -> Tensor:
    """Return the orthogonal projector on the span of rows (n, width), (width, width) in fp64."""
    own = rows.double()
    found: Tensor = torch.linalg.pinv(own, rtol=1e-6) @ own
    return found


def guilty(distances: Tensor, alpha: float) -> Tensor:
    """Say which tokens carry the concept: d_i >= (1 + alpha) times the mean of the other d_k.

    Args:
        distances: Of the prompt without each token to the concept's span, (tokens,).
        alpha: The share above the mean.

    Returns:
        (tokens,) bool; the only token of a prompt has nothing to compare to, and is none.
    """
    count = len(distances)
    if count < 2:
        return torch.zeros(count, dtype=torch.bool)
    others = (distances.sum() - distances) / (count - 1)
    found: Tensor = distances >= (1 + alpha) * others
    return found


def validated(plain: Tensor, moved: Tensor, k: float, t0: float) -> int:
    """Return up to which of 50 steps, from 0, a prompt stays projected, t'.

    t' = round(10 sigmoid(2 k (10 beta - t0))), beta the mean distance in cosine. Source: the paper.

    Args:
        plain: Embeddings of begin token, words and end token, (positions, width).
        moved: The same, all of them projected.
        k: How sharply the count rises.
        t0: Where it is half of ten.
    """
    alike = torch.nn.functional.cosine_similarity(plain.double(), moved.double(), dim=-1)
    beta = 1 - float(alike.mean())
    rise = torch.sigmoid(torch.tensor(2 * k * (10 * beta - t0), dtype=torch.float64))
    return round(WIDEST * float(rise))
