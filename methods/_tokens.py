"""Tokens of two prompts that differ in one phrase: which position answers to which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.types import Concept, InputError


def ids(pipe: Any, text: str) -> list[int]:
    """Return the ids of a text with begin and end tokens, cut to the encoder's context.

    Args:
        pipe: The diffusers pipeline.
        text: Any text.
    """
    tokenizer = pipe.tokenizer
    found = tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids
    return [int(token) for token in found]


def common_ends(old: Sequence[int], new: Sequence[int]) -> tuple[int, int]:
    """Return the lengths of the longest common prefix and of the longest suffix after it.

    Args:
        old: Token ids.
        new: Token ids.
    """
    shortest = min(len(old), len(new))
    prefix = 0
    while prefix < shortest and old[prefix] == new[prefix]:
        prefix += 1
    suffix = 0
    while suffix < shortest - prefix and old[-1 - suffix] == new[-1 - suffix]:
        suffix += 1
    return prefix, suffix


def align(old: Sequence[int], new: Sequence[int], positions: int) -> Tensor:
    """Return, for each position of the old prompt, the position of the new that takes its place.

    Words before and after the exchanged phrase go to themselves, the end token to the end token and
    padding to padding. The phrases meet at their last tokens, which in a causal encoder hold the
    whole phrase; a longer old phrase repeats the first token of the new one.

    Args:
        old: Token ids of the prompt with the concept, begin and end tokens included, no padding.
        new: Token ids of the prompt with the anchor.
        positions: Context length of the text encoder.

    Returns:
        (positions,) int64, values in 0..positions - 1.
    """
    prefix, suffix = common_ends(old, new)
    first = min(prefix, max(len(new) - suffix - 1, 0))
    index = torch.arange(positions)
    index[prefix:] += len(new) - len(old)
    index[prefix : len(old) - suffix].clamp_(min=first)
    return index.clamp_(0, positions - 1)


def aligned(pipe: Any, old: Sequence[str], new: Sequence[str], states: Tensor) -> Tensor:
    """Return, for each row of the old prompts, the row of the new that takes its place.

    Args:
        pipe: A diffusers pipeline.
        old: Prompts with the concept.
        new: The same prompts with something else in its place.
        states: Embeddings of the new ones, (prompts, positions, dim).

    Returns:
        Like `states`; see `align`.
    """
    order = torch.stack(
        [
            align(ids(pipe, one), ids(pipe, other), states.shape[1])
            for one, other in zip(old, new, strict=True)
        ]
    ).to(states.device)
    return states.gather(1, order[:, :, None].expand_as(states))


def context(old: Sequence[int], new: Sequence[int], positions: int) -> tuple[list[int], list[int]]:
    """Return the positions of the words that both prompts share, end token and padding included.

    Longest common prefix and suffix, then padding, cut to the shorter. Source: the official code.

    Args:
        old: Token ids of the concept's prompt, begin and end included, without padding.
        new: Token ids of the anchor's prompt.
        positions: Context length of the text encoder.
    """
    prefix, suffix = common_ends(old, new)
    here = [*range(prefix), *range(len(old) - suffix, positions)]
    there = [*range(prefix), *range(len(new) - suffix, positions)]
    length = min(len(here), len(there))
    return here[:length], there[:length]


def of_concept(pipe: Any, text: str, name: str, *, pooler: bool) -> list[int]:
    """Return the positions of a concept's tokens in a prompt; of the end token if it has none.

    Args:
        pipe: A diffusers pipeline.
        text: The prompt.
        name: The concept, as it stands there.
        pooler: Count the end token as well, and padding where it is the same token.
    """
    found = pipelines.token_positions(pipe, text, name)
    if found and not pooler:
        return found
    end = pipelines.last_token(pipe, text) + 1
    tokenizer = pipe.tokenizer
    padded = pooler and tokenizer.pad_token_id == tokenizer.eos_token_id
    return found + list(range(end, tokenizer.model_max_length if padded else end + 1))


def guides(concepts: Sequence[Concept], guide: str | None) -> list[str]:
    """Return what each concept is to read as: its anchor, or what an option says.

    Args:
        concepts: What is erased.
        guide: One text for all or one each, `;`-separated; None is each concept's anchor.

    Raises:
        InputError: there are neither one nor as many as concepts.
    """
    if guide is None:
        return [concept.anchor for concept in concepts]
    found = [part.strip() for part in guide.split(";")]
    if len(found) == 1:
        found *= len(concepts)
    if len(found) != len(concepts):
        raise InputError(
            f"guide has {len(found)} parts for {len(concepts)} concepts; "
            "allowed is one for all, or one for each"
        )
    return found


def tails(pipe: Any, text: str, guide: str) -> tuple[Tensor, Tensor]:
    """Return the rows of a text from its last token on, padding included, beside a guide's.

    Both start at their own last token and are cut to the shorter. Source: UCE's code of 2023.

    Args:
        pipe: A diffusers pipeline.
        text: What is edited.
        guide: What it is to read as.

    Returns:
        Two of (n, width), fp32.
    """
    first, second = pipelines.encode(pipe, [text, guide])
    start, other = pipelines.last_token(pipe, text), pipelines.last_token(pipe, guide)
    length = len(first) - max(start, other)
    return first[start : start + length], second[other : other + length]


def check(pipe: Any, concepts: Sequence[Concept], preserved: Sequence[str] = ()) -> None:
    """Refuse concepts that the text encoder cannot read, or that are to be preserved as well.

    Args:
        pipe: The diffusers pipeline.
        concepts: What is to be erased.
        preserved: Names that are to be left alone.

    Raises:
        InputError: if a name is empty, tokenises to nothing, is longer than the context, or is
            among those preserved.
    """
    erased = {concept.name.casefold() for concept in concepts}
    for name in preserved:
        if name.casefold() in erased:
            raise InputError(f"{name!r} is both erased and preserved")
    room = pipe.tokenizer.model_max_length - 2
    for concept in concepts:
        if not concept.name.strip():
            raise InputError("a concept to erase needs a name; got an empty one")
        count = len(pipe.tokenizer(concept.name, add_special_tokens=False, verbose=False).input_ids)
        if count == 0:
            raise InputError(f"the tokenizer reads nothing in the concept {concept.name!r}")
        if count > room:
            raise InputError(
                f"the concept {concept.name[:40]!r}... has {count} tokens; "
                f"the text encoder reads {room}"
            )


def check_window(pipe: Any, text: str) -> None:
    """Refuse a text that the encoder would cut.

    Args:
        pipe: The diffusers pipeline.
        text: Any text.

    Raises:
        InputError: saying how many tokens it has, and how many are read.
    """
    room, count = pipe.tokenizer.model_max_length - 2, pipelines.token_count(pipe, text)
    if count > room:
        raise InputError(f"the text {text[:40]!r}... has {count} tokens; the encoder reads {room}")
