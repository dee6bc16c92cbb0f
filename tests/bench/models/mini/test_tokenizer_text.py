"""Any text keeps every byte of its letters, and a rebuilt vocabulary is the same in any process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import normalizers
from transformers import CLIPTokenizer

from bench import data
from bench.models.mini.train import tokenizer
from bench.models.mini.train.tokenizer import (
    POSITIONS,
    WORD_END,
    build_tokenizer,
    count_words,
    learn_merges,
    train_tokenizer,
)
from bench.models.mini.world.sample import caption_of

NORMALISE = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
TOKENIZER: Any = build_tokenizer([caption_of(0, i) for i in range(300)], 400, POSITIONS)


def byte_of_character() -> dict[str, int]:
    """Return CLIP's byte alphabet, from its definition: printable bytes stand for themselves."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    plain += range(ord("®"), ord("ÿ") + 1)
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


@given(some.text(some.characters(exclude_categories=("Cs",)), max_size=60))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_keeps_its_bytes(text: str) -> None:
    ids = TOKENIZER(text, add_special_tokens=False, verbose=False).input_ids
    # The unknown token is the end token; with all bytes in the vocabulary nothing is unknown.
    assert TOKENIZER.eos_token_id not in ids
    spelt = "".join(TOKENIZER.convert_ids_to_tokens(ids)).replace(WORD_END, "")
    table = byte_of_character()
    kept = bytes(table[character] for character in spelt).decode()
    assert "".join(kept.split()) == "".join(NORMALISE.normalize_str(text).split())


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_learns_the_same(seed: str) -> None:
    code = (
        "import hashlib\n"
        "from bench.models.mini.train.tokenizer import count_words, learn_merges\n"
        "from bench.models.mini.world.sample import caption_of\n"
        "merges = learn_merges(count_words(caption_of(0, i) for i in range(300)), 400)\n"
        "print(hashlib.sha256(repr(merges).encode()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": seed},
        cwd=data.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    mine = learn_merges(count_words(caption_of(0, i) for i in range(300)), 400)
    assert done.stdout.strip() == hashlib.sha256(repr(mine).encode()).hexdigest()


def test_ties_go_by_frequency_then_by_the_alphabet() -> None:
    assert learn_merges(Counter({"zy": 5, "ba": 4, "ab": 4}), 3) == [
        ("z", "y" + WORD_END),
        ("a", "b" + WORD_END),
        ("b", "a" + WORD_END),
    ]
    assert learn_merges(Counter({"aaaa": 1}), 9)[0] == ("a", "a")
    assert learn_merges(Counter({"a": 3}), 9) == []


def test_incremental_counts_are_those_of_counting_anew() -> None:
    rng = np.random.default_rng(0)
    letters = ("a", "b", "c")
    words = Counter(
        {
            "".join(rng.choice(letters, rng.integers(1, 9))): int(rng.integers(1, 5))
            for _ in "x" * 60
        }
    )
    spelt = {word: [*word[:-1], word[-1] + WORD_END] for word in words}
    for merge in learn_merges(words, 40):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in spelt.items():
            for pair in pairwise(symbols):
                pairs[pair] += words[word]
        assert merge == min(pairs, key=lambda pair: (-pairs[pair], pair))
        for symbols in spelt.values():
            i = 0
            while i < len(symbols) - 1:
                if (symbols[i], symbols[i + 1]) == merge:
                    symbols[i : i + 2] = ["".join(merge)]
                i += 1


def test_a_merge_spells_anew_only_the_words_that_may_hold_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = Counter(
        {"".join(rng.choice(letters, 8)): int(rng.integers(1, 99)) for _ in range(5000)}
    )
    spelt, once = [0], tokenizer._merged

    def counted(symbols: tuple[str, ...], pair: tokenizer.Pair) -> tuple[str, ...]:
        spelt[0] += 1
        return once(symbols, pair)

    monkeypatch.setattr(tokenizer, "_merged", counted)
    assert len(learn_merges(words, 1100)) == 1100
    # All of them at every merge would be 5.5 million.
    assert 1100 <= spelt[0] < len(words) * 1100 / 100


def test_a_saved_vocabulary_is_loaded_as_it_was(tmp_path: Path) -> None:
    saved = train_tokenizer(["a photo of a dog"] * 3, tmp_path / "tokenizer")
    loaded = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")
    assert loaded.get_vocab() == saved.get_vocab()
    assert (loaded.model_max_length, loaded.pad_token) == (POSITIONS, loaded.eos_token)
    text = "A photo of a dgo, 飛行機"
    assert loaded(text).input_ids == saved(text).input_ids
