"""Published shapes with something broken, by the thousand: refused in a line, or a suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from random import Random

import pytest

from .test_foreign import Foreign, check
from .test_published import SHAPES as PUBLISHED
from .test_rebuilt import SHAPES as REBUILT

SHAPES = (*PUBLISHED, *REBUILT)
PIECES = (
    *(b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf"),
    *(b"[", b"]", b"{", b"}", b":", b"null", b"NaN", b"1e999", b"\\ud800", b"=", b"-1", b" "),
    *("дракон".encode(), "龍".encode("utf-16"), "é".encode("latin-1"), b"a" * 140_000),
)


def _cut(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _gap(rng: Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randint(1, 8) :]


def _insert(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(PIECES) + data[at:]


def _flip(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _replace(rng: Random, data: bytes) -> bytes:
    return data.replace(rng.choice(PIECES[:8]), rng.choice(PIECES[:8]))


def _lines(rng: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines[: rng.randint(0, len(lines))] + lines[:2])


def _mac(rng: Random, data: bytes) -> bytes:
    return data.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\n\r", b"\n\n"]))


def _recoded(rng: Random, data: bytes) -> bytes:
    codec = rng.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig"])
    return data.decode("utf-8", "replace").encode(codec, "replace")


def _letters(rng: Random, data: bytes) -> bytes:
    return rng.choice([bytes.upper, bytes.title, bytes.swapcase])(data)


DAMAGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_cut, _gap, _insert, _insert, _flip, _replace, _lines, _mac, _recoded, _letters),
)


def damaged(seed: int) -> Foreign:
    """Return the file of a seed: a shape in one to three ways broken, maybe by another ending."""
    rng = Random(seed)
    shape = rng.choice(SHAPES)
    data = shape.content if isinstance(shape.content, bytes) else shape.content.encode()
    for damage in rng.choices(DAMAGES, k=rng.choice([1, 1, 2, 3])):
        data = damage(rng, data)
    ending = PurePath(shape.name).suffix.removeprefix(".")
    if rng.random() < 0.1:
        ending = rng.choice(["csv", "tsv", "json", "jsonl", "txt", "CSV", "xlsx", ""])
    said = shape.columns if rng.random() < 0.9 else rng.choice(["", "prompt", "prompt=text"])
    options = shape.options if rng.random() < 0.9 else {"concept": "kite", "role": "near"}
    return Foreign(data, ending, said, options=dict(options))


def test_hundreds_of_damaged_files_are_refused_or_read() -> None:
    read = sum(check(damaged(seed), seed) for seed in range(300))
    assert 60 < read < 270


@pytest.mark.slow
def test_ten_thousand_damaged_files_are_refused_or_read() -> None:
    read = sum(check(damaged(seed), seed) for seed in range(300, 10_300))
    assert 2_000 < read < 9_000
