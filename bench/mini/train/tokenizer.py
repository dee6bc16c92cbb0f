"""Learn a byte-level BPE vocabulary from captions, in CLIPTokenizer's format."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
POSITIONS = 32
"""Context length in tokens, start and end included."""
VOCABULARY = 1600
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train_tokenizer(captions: Iterable[str], folder: Path) -> CLIPTokenizer:
    """Learn the merges and save a CLIPTokenizer; any Unicode text can be encoded."""
    model = Tokenizer(models.BPE(end_of_word_suffix=WORD_END, continuing_subword_prefix=""))
    model.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=alphabet,
        end_of_word_suffix=WORD_END,
        show_progress=False,
    )
    model.train_from_iterator(captions, trainer)
    learnt = [tuple(pair) for pair in json.loads(model.to_str())["model"]["merges"]]
    # CLIP's order: bytes, bytes that end a word, merges, then the two special tokens, so that the
    # end token has the highest id, where CLIP looks for it.
    tokens = [*alphabet, *(c + WORD_END for c in alphabet), *("".join(pair) for pair in learnt)]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys([*tokens, START, END]))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in learnt))
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        model_max_length=POSITIONS,
        pad_token=END,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
