"""Where learnt words stand in a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Placement = Literal["every", "spread", "prefix", "replace"]


@dataclass(frozen=True)
class Layout:
    """A prompt's token ids with the places into which an attack puts words."""

    ids: tuple[int, ...]
    """The places hold a blank."""
    columns: tuple[int, ...]
    """Positions of the places, counted with the start token."""

    def filled(self, words: Sequence[int]) -> list[int]:
        """Return the token ids with words in the places."""
        ids = list(self.ids)
        for column, word in zip(self.columns, words, strict=True):
            ids[column - 1] = word
        return ids

    def said(self, tokenizer: Any, words: Sequence[str]) -> str:
        """Return the text with typed words in the places.

        Args:
            tokenizer: Of the model's text encoder.
            words: As many as there are places, in their order.
        """
        filled = dict(zip(self.columns, words, strict=True))
        parts: list[str] = []
        own: list[int] = []
        for column, token in enumerate(self.ids, start=1):
            if column in filled:
                parts += [tokenizer.decode(own).strip()] if own else []
                parts.append(filled[column])
                own = []
            else:
                own.append(token)
        parts += [tokenizer.decode(own).strip()] if own else []
        return " ".join(parts)


def added(count: int, placement: Placement, tokens: int, every: int) -> int:
    """Return how many words are added to a prompt of so many tokens.

    Args:
        count: Tokens of the prompt.
        placement: Where words are put: `every` puts one before each few tokens, others a block.
        tokens: Words of a block.
        every: Tokens of the prompt between two words.
    """
    return count // every + 1 if placement == "every" else tokens


def layout(own: Sequence[int], placement: Placement, tokens: int, every: int, blank: int) -> Layout:
    """Return a prompt with places for words.

    Args:
        own: The prompt's token ids.
        placement: `every`: one word before each `every` tokens, and a last one where these come
            out even, as P4D-K places them; `spread`: at even distances; `prefix`: before the
            prompt; `replace`: in its place.
        tokens: Words, unless they are placed by `every`.
        every: Tokens of the prompt after a word.
        blank: What stands in the places.
    """
    if placement == "replace":
        own = ()
    words = added(len(own), placement, tokens, every)
    ids: list[int] = []
    columns = []
    for number in range(words):
        stop = {"every": number * every, "spread": round(number * len(own) / words)}
        ids += own[len(ids) - number : stop.get(placement, 0)]
        columns.append(1 + len(ids))
        ids.append(blank)
    return Layout((*ids, *own[len(ids) - words :]), tuple(columns))
