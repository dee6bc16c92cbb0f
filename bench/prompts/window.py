"""How many tokens a text has, without loading a model: what is beyond the window is cut off."""

from __future__ import annotations

import functools
import gzip
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.families import FAMILIES


def windows() -> dict[str, int]:
    """Return how many tokens each family's text encoder reads, by family."""
    return {name: family.window for name, family in FAMILIES.items()}


def too_long(texts: Iterable[str], family: str) -> list[str]:
    """Return the texts whose end the family's text encoder never sees, each once.

    Args:
        texts: Prompts.
        family: The model family that reads them.
    """
    room = FAMILIES[family].window - 2
    # Never more tokens than bytes, so that short texts need no tokenizer.
    doubtful = [text for text in dict.fromkeys(texts) if len(text.encode()) > room]
    if not doubtful:
        return []
    counts = (len(each.ids) for each in _tokenizer(family).encode_batch(doubtful))
    return [text for text, count in zip(doubtful, counts, strict=True) if count > room]


@functools.lru_cache(maxsize=2)
def _tokenizer(family: str) -> Any:
    """Return the family's tokenizer, without start and end token."""
    from tokenizers import Tokenizer

    own = FAMILIES[family].tokenizer
    tokenizer = Tokenizer.from_file(str(own)) if own else _clip()
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.post_processor = None
    return tokenizer


def _clip() -> Any:
    """Build CLIP's tokenizer from the merges that open_clip brings, without importing that.

    Source: the byte-level BPE of CLIP, simple_tokenizer.py of the official code; the first 48,894
    merges count.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    spec = importlib.util.find_spec("open_clip")
    folder = Path((spec and spec.origin) or "").parent
    lines = gzip.decompress((folder / "bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode()
    pairs = (line.split() for line in lines.split("\n")[1 : 49152 - 256 - 2 + 1])
    merges = [(left, right) for left, right in pairs]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    split = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer
