"""What answers without computing, against importing what computes; merges, against all anew."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.models.mini.train.tokenizer import WORD_END, Pair, _merged, learn_merges

pytestmark = pytest.mark.speed

ROOT = Path(__file__).resolve().parents[2]


def seconds(*words: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


@pytest.mark.parametrize("words", [["--help"], ["list", "methods"]], ids=" ".join)
def test_help_and_lists_against_importing_torch(words: list[str], benchmark: Any) -> None:
    torch = min(seconds("-c", "import torch") for _ in range(3))
    benchmark.pedantic(lambda: seconds("-m", "bench", *words), rounds=5, warmup_rounds=1)
    ratio = torch / benchmark.stats.stats.min
    benchmark.extra_info["ratio"] = ratio
    assert ratio >= 4, ratio


def anew(words: Counter[str], count: int) -> list[Pair]:
    """The straightforward way: count every pair of every word again for each merge."""
    spelt = {word: (*word[:-1], word[-1] + WORD_END) for word in words}
    merges = []
    for _ in range(count):
        pairs: Counter[Pair] = Counter()
        for word, symbols in spelt.items():
            for pair in pairwise(symbols):
                pairs[pair] += words[word]
        merges.append(min(pairs, key=lambda pair: (-pairs[pair], pair)))
        spelt = {word: _merged(symbols, merges[-1]) for word, symbols in spelt.items()}
    return merges


def test_merges_against_counting_anew(benchmark: Any) -> None:
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = Counter(
        {"".join(rng.choice(letters, 8)): int(rng.integers(1, 99)) for _ in range(2000)}
    )
    start = time.perf_counter()
    wanted = anew(words, 300)
    slow = time.perf_counter() - start
    assert benchmark.pedantic(lambda: learn_merges(words, 300), rounds=2) == wanted
    ratio = slow / benchmark.stats.stats.min
    benchmark.extra_info["ratio"] = ratio
    assert ratio >= 4, ratio
