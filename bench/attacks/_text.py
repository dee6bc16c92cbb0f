"""Text as token ids and token embeddings: what can be typed, and what only a search can say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench import pipelines
from bench.types import InputError, Prompt


def check(pipe: Any, prompts: Sequence[Prompt], extra: int) -> None:
    """Refuse pipelines with two text encoders, and prompts that leave no room for `extra` tokens.

    Raises:
        InputError: naming the prompt.
    """
    if getattr(pipe, "text_encoder_2", None) is not None:
        raise InputError(
            "this attack searches in one text encoder (SD 1.x and 2.x); this model has two (SDXL)"
        )
    room = pipe.tokenizer.model_max_length - 2
    for prompt in prompts:
        count = pipelines.token_count(pipe, prompt.text)
        if count + extra > room:
            raise InputError(
                f"prompt {prompt.id} has {count} tokens; with {extra} more it must have at most "
                f"{room}"
            )


def check_length(pipe: Any, count: int) -> None:
    """Refuse texts of more tokens than the text encoder reads.

    Raises:
        InputError: naming both.
    """
    room = pipe.tokenizer.model_max_length - 2
    if count > room:
        raise InputError(f"tokens is {count}, the model reads at most {room}")


def tokens(pipe: Any, text: str) -> list[int]:
    """Return the text's own token ids, uncut."""
    ids: list[int] = pipe.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    return ids


def rows(pipe: Any, texts: Sequence[Sequence[int]]) -> Tensor:
    """Return token ids as the text encoder takes them, (texts, positions): start, text, end, pad.

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


def spoken(pipe: Any, ids: Tensor, slots: Tensor, soft: Tensor) -> Tensor:
    """Return the last hidden state with given token embeddings in some places; differentiable.

    Args:
        pipe: A diffusers pipeline.
        ids: As `rows` returns them, (texts, positions).
        slots: Positions that are replaced, (texts, slots).
        soft: What replaces them, (texts, slots, width).

    Returns:
        fp32 (texts, positions, width).
    """
    table = pipe.text_encoder.get_input_embeddings()
    made = table.weight.detach()[ids].clone()
    made[torch.arange(len(ids), device=ids.device)[:, None], slots] = soft.to(made)
    # The encoder takes no embeddings as an input, in any version of the library.
    handle = table.register_forward_hook(lambda module, args, output: made)
    try:
        hidden: Tensor = pipe.text_encoder(ids).last_hidden_state
    finally:
        handle.remove()
    return hidden.float()


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that stay themselves when they are typed as words and read again."""

    ids: Tensor
    """Token ids, (words,)."""
    words: tuple[str, ...]
    """How each is typed."""
    table: Tensor
    """Their token embeddings, fp32 (words, width)."""

    def text(self, indices: Sequence[int]) -> str:
        """Return the text of some words, by their place in `words`."""
        return " ".join(self.words[index] for index in indices)


def vocabulary(pipe: Any) -> Vocabulary:
    """Return the words that a search may use, so that whatever it finds can be typed."""
    tokenizer = pipe.tokenizer
    special = set(tokenizer.all_special_ids)
    ids = [index for index in range(len(tokenizer)) if index not in special]
    words = [tokenizer.decode([index]).strip() for index in ids]
    again = tokenizer(words, add_special_tokens=False).input_ids
    kept = [
        (index, word)
        for index, word, read in zip(ids, words, again, strict=True)
        if word and word.isprintable() and read == [index]
    ]
    weight = pipe.text_encoder.get_input_embeddings().weight.detach().float()
    chosen = torch.tensor([index for index, _ in kept], device=weight.device)
    return Vocabulary(chosen, tuple(word for _, word in kept), weight[chosen])


def learnt(pipe: Any, texts: Sequence[str], word: str) -> tuple[Tensor, Tensor]:
    """Return the ids of texts with a learnt word, and where it stands in each, (texts, 1)."""
    found, slots = [], []
    for text in texts:
        before, _, after = text.partition(word)
        first = tokens(pipe, before.strip())
        # The end token is only a place to be filled; its own embedding is never read there.
        found.append([*first, pipe.tokenizer.eos_token_id, *tokens(pipe, after.strip())])
        slots.append([1 + len(first)])
    ids = rows(pipe, found)
    return ids, torch.tensor(slots, device=ids.device)
