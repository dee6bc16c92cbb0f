"""Learn a byte-level BPE vocabulary from captions, in CLIPTokenizer's format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
POSITIONS = 32
"""Context length in tokens, start and end included."""
MERGES = 1088
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

Pair = tuple[str, str]


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Count the words of texts as CLIP splits them, each spelt in the byte alphabet."""
    normalise = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in split.pre_tokenize_str(normalise.normalize_str(text)))
    return words


def learn_merges(words: Counter[str], count: int) -> list[Pair]:
    """Learn byte-pair merges from words and how often they occur.

    The tokenizers library has a trainer, but it breaks ties differently from process to process, so
    a seeded build would not repeat; here the more frequent pair wins, and among equals the first in
    alphabetical order.

    Args:
        words: How often each word occurs.
        count: Merges at most.
    """
    spelt = {word: (*word[:-1], word[-1] + WORD_END) for word in words}
    pairs: Counter[Pair] = Counter()
    users: dict[Pair, set[str]] = {}

    def tell(word: str, sign: int) -> None:
        for pair in zip(spelt[word], spelt[word][1:], strict=False):
            pairs[pair] += sign * words[word]
            users.setdefault(pair, set()).add(word)

    for word in words:
        tell(word, 1)
    merges: list[Pair] = []
    while len(merges) < count and pairs:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if pairs[best] <= 0:
            break
        merges.append(best)
        for word in users.pop(best):
            tell(word, -1)
            spelt[word] = _merged(spelt[word], best)
            tell(word, 1)
        del pairs[best]
    return merges


def _merged(symbols: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    """Join every occurrence of a pair, from the left."""
    joined: list[str] = []
    i = 0
    while i < len(symbols):
        if symbols[i : i + 2] == pair:
            joined.append("".join(pair))
            i += 2
        else:
            joined.append(symbols[i])
            i += 1
    return tuple(joined)


def build_tokenizer(texts: Iterable[str], merges: int, positions: int) -> CLIPTokenizer:
    """Learn a vocabulary from texts; any Unicode text can be encoded with it.

    Its order is CLIP's: bytes, bytes that end a word, merges, then the two special tokens, so that
    the end token has the highest id, which is where CLIP looks for it.

    Args:
        texts: What the vocabulary is learnt from.
        merges: Byte-pair merges at most.
        positions: Tokens that are read of a text, start and end among them.
    """
    learnt = learn_merges(count_words(texts), merges)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(c + WORD_END for c in alphabet), *("".join(pair) for pair in learnt)]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys([*tokens, START, END]))}
    return CLIPTokenizer(vocab=vocabulary, merges=learnt, model_max_length=positions, pad_token=END)


def train_tokenizer(captions: Iterable[str], folder: Path) -> CLIPTokenizer:
    """Learn mini's tokenizer and save it.

    Args:
        captions: What the vocabulary is learnt from.
        folder: Where it is saved.
    """
    tokenizer = build_tokenizer(captions, MERGES, POSITIONS)
    tokenizer.save_pretrained(folder)
    return tokenizer
