"""Generated files: a clear error, or every text as it was."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import prompts
from bench.prompts import importers
from bench.prompts.importers.columns import plain
from bench.types import InputError

COLUMNS = ("prompt", "seed", "concept")
CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TEXTS = CELLS | st.sampled_from(["null", "NA", "nan", "a, b", '"', "a\rb", "a\nb", "\ufeff", "\0"])
CONCEPTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=6
) | st.sampled_from(["cat", "Cat", "van Gogh", "nudity", ""])
ROWS = st.lists(st.tuples(TEXTS, st.integers(0, 2**63 - 1), CONCEPTS), max_size=8)
BYTES = (
    st.binary(max_size=200)
    | st.tuples(st.just(b"prompt,seed\n"), st.binary(max_size=100)).map(b"".join)
    | st.text(alphabet='prompt,seed"\r\n\t;{}[]: 01\0é', max_size=120).map(str.encode)
)
ENDINGS = st.sampled_from(["csv", "tsv", "json", "jsonl", "txt"])


def check_bytes(content: bytes, ending: str) -> None:
    """Whatever it is, it is refused in words and leaves nothing, or is a suite that reads."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / f"file.{ending}", Path(folder) / "mine"
        path.write_bytes(content)
        try:
            done = importers.import_file(path, out, concept="cat", trusted=lambda *_: ["clip"])
        except InputError as error:
            assert str(error) and [each.name for each in Path(folder).iterdir()] == [path.name]
            return
        dropped = sum(map(len, done.outcome.dropped.values()))
        assert len(done.outcome.prompts) - done.outcome.twins + dropped == done.rows
        assert list(prompts.rows(prompts.suite(str(out)))) == done.outcome.prompts


def check_rows(rows: list[tuple[str, int, str]], end: str, mark: str, ending: str) -> None:
    """A well-formed file comes back text by text, seed by seed; the empty and repeated are said."""
    if ending == "json":
        content = json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    else:
        file = io.StringIO()
        writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerows([COLUMNS, *rows])
        content = mark + file.getvalue()
    spelled = {plain(name): name for name in prompts.concepts()}
    meant = [
        (text, seed, spelled.setdefault(plain(name), name))
        for text, seed, name in ((t, s, c.strip() or "cat") for t, s, c in rows if t.strip())
    ]
    wanted = list(dict.fromkeys(meant))
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / f"file.{ending}", Path(folder) / "mine"
        path.write_bytes(content.encode())
        try:
            done = importers.import_file(path, out, concept="cat", trusted=lambda *_: ["clip"])
        except InputError:
            assert not wanted
            return
        found = prompts.rows(prompts.suite(str(out)))
        assert [(row.text, row.seed, row.concept) for row in found] == wanted
        assert sum(map(len, done.outcome.dropped.values())) == len(rows) - len(wanted)


def trials(check: Callable[..., None], examples: int, **strategies: st.SearchStrategy) -> None:  # type: ignore[type-arg]
    settings(max_examples=examples, deadline=None)(given(**strategies)(check))()


MADE = {
    "rows": ROWS,
    "end": st.sampled_from(["\n", "\r\n", "\r"]),
    "mark": st.sampled_from(["", "\ufeff"]),
    "ending": st.sampled_from(["csv", "json"]),
}


def test_any_bytes_are_refused_or_read() -> None:
    trials(check_bytes, 300, content=BYTES, ending=ENDINGS)


def test_any_table_comes_back_as_it_was() -> None:
    trials(check_rows, 300, **MADE)


@pytest.mark.slow
def test_ten_thousand_files_are_refused_or_read() -> None:
    trials(check_bytes, 5_000, content=BYTES, ending=ENDINGS)
    trials(check_rows, 5_000, **MADE)
