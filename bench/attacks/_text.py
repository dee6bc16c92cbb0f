"""Text as token ids and token embeddings: what can be typed, and what only a search can say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.prediction import Conditioning, encoded, joined
from bench.types import InputError, Prompt

SPARE = 2.0**10
"""By how much a gradient that overflows is made smaller."""


def check(pipe: Any, prompts: Sequence[Prompt], extra: Callable[[int], int]) -> None:
    """Refuse prompts that leave no room for further tokens, and encoders that share no tokens.

    Args:
        pipe: A diffusers pipeline.
        prompts: What is searched for.
        extra: How many tokens are added to a prompt of so many.

    Raises:
        InputError: naming the prompt, or the encoders.
    """
    first, *others = (each.get_vocab() for each in pipelines.tokenizers(pipe))
    if any(other != first for other in others):
        raise InputError(
            "the tokenizers of this model's text encoders have different vocabularies; an attack "
            "searches for tokens that all of them read"
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
    """Return token ids as the text encoders take them: start, text, end, each encoder's padding.

    Args:
        pipe: A diffusers pipeline.
        texts: Token ids of each text, without start and end token.

    Returns:
        (texts, encoders, positions).

    Raises:
        ValueError: if a text does not fit.
    """
    length = pipe.tokenizer.model_max_length
    found = []
    for ids in texts:
        if len(ids) + 2 > length:
            raise ValueError(f"{len(ids) + 2} tokens, of {length}")
        own = [
            [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
            + [tokenizer.pad_token_id] * (length - len(ids) - 2)
            for tokenizer in pipelines.tokenizers(pipe)
        ]
        found.append(own)
    return torch.tensor(found, device=pipe.text_encoder.device)


def read(pipe: Any, ids: Tensor, batch: int = 256) -> Conditioning:
    """Return what the U-Net is told by token ids, fp32, without a gradient.

    Args:
        pipe: A diffusers pipeline.
        ids: As `rows` returns them.
        batch: Texts encoded at once.
    """
    with torch.no_grad():
        return joined([encoded(pipe, some) for some in torch.split(ids, batch)])


def places(columns: Sequence[Sequence[int]]) -> Tensor:
    """Return places to fill as pairs of a text and a position in it, (places, 2).

    Args:
        columns: Positions of each text; texts may have different numbers of them.
    """
    pairs = [(row, column) for row, own in enumerate(columns) for column in own]
    return torch.tensor(pairs).view(-1, 2)


def spoken(pipe: Any, ids: Tensor, where: Tensor, soft: Tensor) -> Conditioning:
    """Return what the U-Net is told with given token embeddings in some places; differentiable.

    Args:
        pipe: A diffusers pipeline.
        ids: As `rows` returns them. No place holds an end token, at which SDXL's second encoder
            would take the text to end.
        where: Places that are replaced, as `places` returns them.
        soft: What replaces them in every encoder's table, side by side, (places, width).
    """
    parts = torch.split(soft, widths(pipe), dim=-1)
    with ExitStack() as hooks:
        for encoder, own, part in zip(pipelines.encoders(pipe), ids.unbind(1), parts, strict=True):
            made = encoder.get_input_embeddings().weight.detach()[own].clone()
            made[where[:, 0], where[:, 1]] = part.to(made)
            hooks.enter_context(pipelines.embedded(encoder, made))
        return encoded(pipe, ids)


def pulled(text: Conditioning, where: Tensor, soft: Tensor, along: Conditioning) -> Tensor:
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
    made = [each for each in (text.states, text.pooled) if each is not None]
    given = [each for each in (along.states, along.pooled) if each is not None]
    largest = torch.stack([each.abs().flatten(1).amax(1) for each in given]).amax(0)
    largest = largest.clamp_min(torch.finfo(largest.dtype).tiny)

    def through(scale: Tensor, *, again: bool) -> Tensor:
        scaled = [each / scale.view(-1, *[1] * (each.dim() - 1)) for each in given]
        (gradient,) = torch.autograd.grad(made, soft, scaled, retain_graph=again)
        return gradient * scale[where[:, 0].to(scale.device), None]

    gradient = through(largest, again=True)
    # Half precision ends at 65,504.
    return gradient if gradient.isfinite().all() else through(largest * SPARE, again=False)


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that a search may use."""

    ids: Tensor
    """Token ids, (words,)."""
    words: tuple[str, ...]
    """How each is typed; empty where they are not typed one by one."""
    table: Tensor
    """Their token embeddings, fp32 (words, width); with two text encoders those of both, side by
    side, since both read whatever is typed."""
    widths: tuple[int, ...]
    """Width of each encoder's part of the table."""
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


def blank(pipe: Any) -> int:
    """Return the token that stands in places to be filled; its own embedding is never read there.

    No special one: by its end token SDXL's second encoder finds where a text ends.
    """
    return _ordinary(pipe)[0]


def _taken(pipe: Any, ids: Sequence[int], words: tuple[str, ...]) -> Vocabulary:
    weight = table(pipe)
    chosen = torch.tensor(ids, device=weight.device)
    return Vocabulary(chosen, words, weight[chosen], tuple(widths(pipe)), pipe.tokenizer)


def table(pipe: Any) -> Tensor:
    """Return every token's embedding, fp32 (tokens, width), of all encoders side by side."""
    return torch.cat([each.detach().float() for each in _tables(pipe)], dim=1)


def widths(pipe: Any) -> list[int]:
    """Return the width of each text encoder's token embeddings."""
    return [each.shape[1] for each in _tables(pipe)]


def _tables(pipe: Any) -> list[Tensor]:
    return [encoder.get_input_embeddings().weight for encoder in pipelines.encoders(pipe)]


def learnt(pipe: Any, texts: Sequence[str], word: str) -> tuple[Tensor, Tensor]:
    """Return the ids of texts with a learnt word, and its place in each, as `places` does.

    Args:
        pipe: The diffusers pipeline.
        texts: Each has the learnt word in it once.
        word: Name of the learnt word, for example "<airplane>".
    """
    found, columns, place = [], [], blank(pipe)
    for text in texts:
        before, _, after = text.partition(word)
        first = tokens(pipe, before.strip())
        found.append([*first, place, *tokens(pipe, after.strip())])
        columns.append([1 + len(first)])
    return rows(pipe, found), places(columns)
