"""Text as token ids and token embeddings: what can be typed, and what only a search can say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.types import InputError, Prompt

SPARE = 2.0**10
"""By how much a gradient that overflows is made smaller."""


def check(pipe: Any, prompts: Sequence[Prompt], extra: Callable[[int], int]) -> None:
    """Refuse pipelines with two text encoders, and prompts that leave no room for further tokens.

    Args:
        pipe: A diffusers pipeline.
        prompts: What is searched for.
        extra: How many tokens are added to a prompt of so many.

    Raises:
        InputError: naming the prompt.
    """
    if len(pipelines.encoders(pipe)) > 1:
        raise InputError(
            "this attack searches in one text encoder (SD 1.x and 2.x); this model has two (SDXL)"
        )
    room = pipe.tokenizer.model_max_length - 2
    for prompt in prompts:
        count = pipelines.token_count(pipe, prompt.text)
        if count + extra(count) > room:
            raise InputError(
                f"prompt {prompt.id} has {count} tokens; with {extra(count)} more it must have at "
                f"most {room}"
            )


def check_length(pipe: Any, count: int) -> None:
    """Refuse texts of more tokens than the text encoder reads.

    Args:
        pipe: The diffusers pipeline.
        count: Tokens of the text, without start and end token.

    Raises:
        InputError: naming both.
    """
    room = pipe.tokenizer.model_max_length - 2
    if count > room:
        raise InputError(f"tokens is {count}, the model reads at most {room}")


def tokens(pipe: Any, text: str) -> list[int]:
    """Return the text's own token ids, uncut, without start and end token.

    Args:
        pipe: The diffusers pipeline.
        text: Any text.
    """
    ids: list[int] = pipe.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    return ids


def rows(pipe: Any, texts: Sequence[Sequence[int]]) -> Tensor:
    """Return token ids as the text encoder takes them, (texts, positions): start, text, end, pad.

    Args:
        pipe: The diffusers pipeline.
        texts: Token ids of each text, without start and end token.

    Raises:
        ValueError: if a text does not fit.
    """
    tokenizer = pipe.tokenizer
    length = tokenizer.model_max_length
    found = []
    for ids in texts:
        row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
        if len(row) > length:
            raise ValueError(f"{len(row)} tokens, of {length}")
        found.append(row + [tokenizer.pad_token_id] * (length - len(row)))
    return torch.tensor(found, device=pipe.text_encoder.device)


def states(pipe: Any, ids: Tensor, batch: int = 256) -> Tensor:
    """Return the last hidden state of token ids without a gradient, fp32 (texts, positions, width).

    Args:
        pipe: A diffusers pipeline; its first text encoder is used.
        ids: As `rows` returns them.
        batch: Texts encoded at once.
    """
    with torch.no_grad():
        parts = [
            pipe.text_encoder(some).last_hidden_state.float() for some in torch.split(ids, batch)
        ]
    return torch.cat(parts)


def places(columns: Sequence[Sequence[int]]) -> Tensor:
    """Return places to fill as pairs of a text and a position in it, (places, 2).

    Args:
        columns: Positions of each text; texts may have different numbers of them.
    """
    pairs = [(row, column) for row, own in enumerate(columns) for column in own]
    return torch.tensor(pairs).view(-1, 2)


def spoken(pipe: Any, ids: Tensor, where: Tensor, soft: Tensor) -> Tensor:
    """Return the last hidden state with given token embeddings in some places; differentiable.

    Args:
        pipe: A diffusers pipeline.
        ids: As `rows` returns them, (texts, positions).
        where: Places that are replaced, as `places` returns them.
        soft: What replaces them, (places, width).

    Returns:
        fp32 (texts, positions, width).
    """
    table = pipe.text_encoder.get_input_embeddings()
    made = table.weight.detach()[ids].clone()
    made[where[:, 0], where[:, 1]] = soft.to(made)
    # The encoder takes no embeddings as an input, in any version of the library.
    handle = table.register_forward_hook(lambda module, args, output: made)
    try:
        hidden: Tensor = pipe.text_encoder(ids).last_hidden_state
    finally:
        handle.remove()
    return hidden.float()


def pulled(text: Tensor, where: Tensor, soft: Tensor, along: Tensor) -> Tensor:
    """Return the gradient in token embeddings of a loss whose gradient in the text is known.

    An encoder of half precision loses the direction of a small gradient: what is less than 6e-8
    becomes 0. So each text's is scaled to 1 in its largest coordinate before it goes through, and
    back afterwards.

    Args:
        text: What `spoken` made of `soft`.
        where: Its places.
        soft: Token embeddings, fp32 (places, width), each in one text only.
        along: The loss's gradient in `text`.
    """
    largest = along.abs().flatten(1).amax(1).clamp_min(torch.finfo(along.dtype).tiny)
    along = along / largest[:, None, None]
    (gradient,) = torch.autograd.grad(text, soft, along, retain_graph=True)
    if not gradient.isfinite().all():
        # Half precision ends at 65,504.
        (gradient,) = torch.autograd.grad(text, soft, along / SPARE)
        largest = largest * SPARE
    return gradient * largest[where[:, 0].to(largest.device), None]


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that a search may use."""

    ids: Tensor
    """Token ids, (words,)."""
    words: tuple[str, ...]
    """How each is typed; empty where they are not typed one by one."""
    table: Tensor
    """Their token embeddings, fp32 (words, width)."""
    tokenizer: Any

    def text(self, indices: Sequence[int]) -> str:
        """Return the text of some words, by their place in `ids`."""
        if self.words:
            return " ".join(self.words[index] for index in indices)
        return self.decode(self.ids[list(indices)].tolist())

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, without what cannot be printed."""
        text: str = self.tokenizer.decode(list(ids))
        return "".join(each for each in text if each.isprintable()).strip()


def vocabulary(pipe: Any) -> Vocabulary:
    """Return the words that a search may use so that whatever it finds can be typed."""
    tokenizer = pipe.tokenizer
    ids = _ordinary(pipe)
    words = [tokenizer.decode([index]).strip() for index in ids]
    again = tokenizer(words, add_special_tokens=False).input_ids
    kept = [
        (index, word)
        for index, word, read in zip(ids, words, again, strict=True)
        if word and word.isprintable() and read == [index]
    ]
    return _taken(pipe, [index for index, _ in kept], tuple(word for _, word in kept))


def every_token(pipe: Any) -> Vocabulary:
    """Return all tokens but start, end and padding, as the released codes search them.

    Some stand for parts of words or of letters: what is found is read again as other tokens.
    """
    return _taken(pipe, _ordinary(pipe), ())


def _ordinary(pipe: Any) -> list[int]:
    special = set(pipe.tokenizer.all_special_ids)
    return [index for index in range(len(pipe.tokenizer)) if index not in special]


def _taken(pipe: Any, ids: Sequence[int], words: tuple[str, ...]) -> Vocabulary:
    weight = pipe.text_encoder.get_input_embeddings().weight.detach().float()
    chosen = torch.tensor(ids, device=weight.device)
    return Vocabulary(chosen, words, weight[chosen], pipe.tokenizer)


def learnt(pipe: Any, texts: Sequence[str], word: str) -> tuple[Tensor, Tensor]:
    """Return the ids of texts with a learnt word, and its place in each, as `places` does.

    Args:
        pipe: The diffusers pipeline.
        texts: Each has the learnt word in it once.
        word: Name of the learnt word, for example "<airplane>".
    """
    found, columns = [], []
    for text in texts:
        before, _, after = text.partition(word)
        first = tokens(pipe, before.strip())
        # The end token is only a place to be filled; its own embedding is never read there.
        found.append([*first, pipe.tokenizer.eos_token_id, *tokens(pipe, after.strip())])
        columns.append([1 + len(first)])
    return rows(pipe, found), places(columns)
