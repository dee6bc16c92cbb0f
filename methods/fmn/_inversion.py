"""Textual inversion: embeddings that stand for a concept, learnt from its images.

Source: Gal et al., arXiv 2208.01618, equation 2, with the settings of FMN's code.
"""

from __future__ import annotations

import copy
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines, prediction
from bench.models.prediction import Conditioning
from bench.types import InputError, Progress
from methods import _noise, _tokens, _training, _unet

DECAY = 0.1
"""Weight decay of AdamW (code)."""
PULL = 100.0
"""Learning rates in the share of its distance to a word's norm that each step leads back (code)."""


@dataclass(frozen=True)
class Learnt:
    """A prompt in which embeddings stand in a concept's place."""

    text: Conditioning
    """What the U-Net is told."""
    words: list[int]
    """Positions of the embeddings."""
    ends: list[int]
    """Positions of the end token, and of padding where it is the same token."""


def learn(
    pipe: Any,
    text: str,
    name: str,
    pool: _noise.Pool,
    *,
    words: int,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    progress: Progress,
) -> Learnt:
    """Learn embeddings with which a prompt draws given images, in a concept's place.

    A step noises one image to a uniform t, and is one of AdamW on the error of the prediction.
    Then each embedding is led back to the norm of a word: by a share of 100 learning rates.

    Args:
        pipe: The un-erased diffusers pipeline.
        text: A prompt that names the concept.
        name: The concept's name, as it stands there.
        pool: Its finished images are learnt from.
        words: Number of embeddings.
        steps: Of AdamW.
        learning_rate: Of AdamW, per step.
        generator: Source of all randomness.
        progress: Told after each step.
    """
    frozen = copy.copy(pipe)
    for part in ("unet", *pipelines.encoder_names(pipe)):
        setattr(frozen, part, _unet.trainable(getattr(pipe, part)))
    ids, first = placed(pipe, text, name, words)
    encoders = pipelines.encoders(frozen)
    ids = ids.to(encoders[0].device)
    tables = [each.get_input_embeddings().weight.detach() for each in encoders]
    own = _tokens.ids(pipe, name)[1:-1]
    vectors = [started(table, own, words, generator).requires_grad_(True) for table in tables]
    norms = [table.norm(dim=1).mean() for table in tables]

    def told() -> Conditioning:
        with ExitStack() as given:
            for encoder, table, row, vector in zip(encoders, tables, ids, vectors, strict=True):
                rows = torch.cat([table[row[:first]], vector, table[row[first + words :]]])
                given.enter_context(pipelines.embedded(encoder, rows[None]))
            return prediction.encoded(frozen, ids[None])

    def settle() -> None:
        with torch.no_grad():
            for vector, norm in zip(vectors, norms, strict=True):
                old = vector.norm(dim=1, keepdim=True)
                vector.mul_((old + min(1.0, PULL * learning_rate) * (norm - old)) / old)

    def loss_at(step: int) -> Tensor:
        if step:
            settle()
        noised = pool.renoise(1, generator)
        made = prediction.predict(frozen.unet, noised.latents, noised.timesteps, told())
        return noised.error(made)

    optimizer = torch.optim.AdamW(vectors, lr=learning_rate, weight_decay=DECAY)
    _training.fit(optimizer, loss_at, steps, what="inversion", progress=progress)
    settle()
    end = pipe.tokenizer.eos_token_id
    ends = [i for i, token in enumerate(ids[0].tolist()) if token == end]
    with torch.no_grad():
        return Learnt(told(), list(range(first, first + words)), ends)


def check(pipe: Any, text: str, name: str, words: int) -> None:
    """Refuse more words than a prompt has room for in a concept's place.

    Args:
        pipe: A diffusers pipeline.
        text: A prompt that names the concept.
        name: The concept's name.
        words: Number of embeddings.

    Raises:
        InputError: saying how many there is room for.
    """
    gone = pipelines.token_count(pipe, name) if pipelines.token_positions(pipe, text, name) else 0
    room = pipe.tokenizer.model_max_length - 2 - pipelines.token_count(pipe, text) + gone
    if words > room:
        raise InputError(
            f"inversion_words is {words}, allowed is 1 to {max(room, 0)} in {text[:40]!r}, "
            "or inversion_steps=0"
        )


def placed(pipe: Any, text: str, name: str, count: int) -> tuple[Tensor, int]:
    """Return the ids of a text with tokens that stand for embeddings in a concept's place.

    Args:
        pipe: A diffusers pipeline.
        text: A prompt that names the concept; where it does not, they stand at its end.
        name: The concept's name.
        count: Number of embeddings.

    Returns:
        Ids for each text encoder, (encoders, positions), and the position of the first.
    """
    found, gone = pipelines.token_positions(pipe, text, name), pipelines.token_count(pipe, name)
    first, gone = (found[0], gone) if found else (pipelines.last_token(pipe, text) + 1, 0)
    rows = []
    for tokenizer, row in zip(
        pipelines.tokenizers(pipe), pipelines.padded(pipe, [text])[0], strict=True
    ):
        # Only their number counts; the begin token can be taken for no end.
        held, pad = row[:1].expand(count), torch.full((gone,), tokenizer.pad_token_id)
        rows.append(torch.cat([row[:first], held, row[first + gone :], pad])[: len(row)])
    return torch.stack(rows), first


def started(table: Tensor, own: list[int], count: int, generator: torch.Generator) -> Tensor:
    """Return embeddings to start from: those of a name's tokens, then random ones.

    Args:
        table: Embeddings of all tokens, (tokens, width).
        own: Ids of the name's tokens.
        count: How many are wanted.
        generator: Source of all randomness.

    Returns:
        (count, width), fp32.
    """
    said = table[own[:count]]
    more = torch.randn(count - len(said), table.shape[1], generator=generator)
    return torch.cat([said, more.to(table) * table.std()])
