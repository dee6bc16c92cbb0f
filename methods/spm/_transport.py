"""Facilitated transport: adapters act on a prompt as strongly as it resembles what is erased."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.prediction import Conditioning, condition
from bench.models.steering import Predict, Rows, empties, steered, twin
from bench.types import Concept
from methods import _tokens
from methods._memory import Memory
from methods.spm import _membrane

Mix = Callable[[Tensor], Tensor]
"""Strengths (n, concepts) to how much of each adapter's inner value goes through which, as
`_membrane.mixing` returns it."""
ROOM = 100_000
"""Texts whose tokens are remembered; each takes some hundred bytes."""


def words(name: str) -> list[str]:
    """Return what an adapter stands for: the concept's name, or its parts between commas."""
    parts = [each.strip() for each in name.split(",")]
    return [each for each in parts if each] or [name]


def shares(ids: Sequence[int], erased: Sequence[Sequence[int]], special: Sequence[int]) -> Tensor:
    """Return how much of each erased word a prompt has, |tokens(p) and tokens(w)| / |tokens(w)|.

    Source: SPM's facilitated transport, without the tokenizer's special tokens.

    Args:
        ids: Token ids of the prompt, padded or not.
        erased: Of each erased word.
        special: Start, end and padding.

    Returns:
        (words,), in 0 to 1; 0 for a word that has no other tokens.
    """
    prompt = set(ids) - set(special)
    found = []
    for each in erased:
        own = set(each) - set(special)
        found.append(len(prompt & own) / max(len(own), 1))
    return torch.tensor(found)


def alike(states: Tensor, erased: Tensor) -> Tensor:
    """Return the cosines of texts with erased words, of whole embeddings, all positions flattened.

    Source: SPM's facilitated transport.

    Args:
        states: Of the texts, (n, positions, width).
        erased: Of the words, (words, positions, width).

    Returns:
        (n, words).
    """
    texts, own = states.float().flatten(1), erased.to(states.device).float().flatten(1)
    return torch.nn.functional.cosine_similarity(texts[:, None], own[None], dim=-1)


@dataclass(frozen=True)
class Erased:
    """The words that adapters stand for, as a pipeline reads them."""

    states: Tensor
    """Their embeddings, (words, positions, width)."""
    ids: tuple[tuple[int, ...], ...]
    """Their tokens."""
    special: tuple[int, ...]
    """The tokenizer's start, end and padding."""
    counts: tuple[int, ...]
    """How many of the words each concept has, one after the other."""
    width: int
    """Of what the first text encoder says, whose tokens these are."""

    def gamma(self, states: Tensor, shared: Tensor) -> Tensor:
        """Return the strength of each concept's adapters for each text.

        gamma = max_w max(cos(p, w), |tokens(p) and tokens(w)| / |tokens(w)|), at least 0. Source:
        SPM's facilitated transport.

        Args:
            states: Embeddings of the texts, (n, positions, width).
            shared: The share of each word's tokens that they have, (n, words).

        Returns:
            (n, concepts).
        """
        found = torch.maximum(alike(states, self.states), shared.to(states.device))
        return torch.stack(
            [each.amax(-1) for each in torch.split(found, list(self.counts), -1)], -1
        ).clamp_min(0)


def erased(pipe: Any, concepts: Sequence[Concept]) -> Erased:
    """Return the words of concepts, as a pipeline reads them.

    Args:
        pipe: A diffusers pipeline.
        concepts: In the order of their adapters.
    """
    own = [words(each.name) for each in concepts]
    every = [word for some in own for word in some]
    return Erased(
        condition(pipe, every).states,
        tuple(tuple(_tokens.ids(pipe, word)) for word in every),
        tuple(pipe.tokenizer.all_special_ids),
        tuple(map(len, own)),
        int(pipe.text_encoder.config.hidden_size),
    )


def gated(pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor], mix: Mix) -> Any:
    """Return a pipeline with adapters whose strength is each prompt's own; `pipe` stays as it was.

    Args:
        pipe: A diffusers pipeline.
        concepts: In the order of their adapters.
        tensors: As `_membrane.named` returns them.
        mix: What becomes of the strengths.
    """
    unet, memory = twin(pipe.unet), Memory[Tensor](ROOM)
    gate = _membrane.put(unet, tensors, len(concepts))
    own = erased(pipe, concepts)
    guide = _Transport(own, empties(pipe), memory, gate, mix)
    made = steered(pipelines.with_unet(pipe, unet), guide)
    made.text_encoder = twin(pipe.text_encoder)
    made.text_encoder.register_forward_hook(_Reading(own, memory), with_kwargs=True)
    return made


@dataclass(frozen=True)
class _Reading:
    """A hook that remembers of each text that is encoded which erased tokens it has."""

    erased: Erased
    memory: Memory[Tensor]

    def __call__(
        self, encoder: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """Keep the shares of the erased words, by whatever layer the U-Net may read."""
        ids = args[0] if args else kwargs["input_ids"]
        own, special = self.erased.ids, self.erased.special
        found = [shares(each, own, special) for each in ids.tolist()]
        for states in (output.last_hidden_state, *(output.hidden_states or ())):
            self.memory.keep(states, found)


@dataclass(frozen=True)
class _Transport:
    """Lets a U-Net predict with adapters as strong as each row's prompt asks for."""

    erased: Erased
    empty: Sequence[Conditioning]
    memory: Memory[Tensor]
    gate: _membrane.Gate
    mix: Mix

    def __call__(self, predict: Predict, rows: Rows) -> Tensor:
        """Return the predictions; rows that guide a prompt away from no text have its strength."""
        states = rows.text.states
        none = torch.zeros(len(self.erased.ids))
        known = self.memory.find(states[..., : self.erased.width])
        # What a search found has an embedding alone: no tokens of its own, so no share of words.
        shared = torch.stack([none if each is None else each for each in known])
        gamma = self.erased.gamma(states, shared)
        if rows.paired(self.empty):
            gamma = gamma.chunk(2)[1].repeat(2, 1)
        self.gate.mixing = self.mix(gamma)
        return predict(rows)
