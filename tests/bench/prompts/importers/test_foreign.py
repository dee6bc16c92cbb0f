"""Files as people have them, by the thousand: refused in a line, or a suite that loads."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench import prompts
from bench.prompts import importers
from bench.prompts.importers import columns, formats, report
from bench.types import ROLES, InputError

NAMES = sorted(
    {name for names in columns.NAMES.values() for name in names}
    | {*columns.FOUND, "categories", "name", "coco_id", "image_id", "case_number", "source"}
    | {"", "Unnamed: 0", "evaluation_guidance", "fr", "prompt_de", "clip", "Évaluation", "a b"}
)
TEXTS = (
    *("a kite", "a red kettle, on a stove", '"kite" over sand', "null", "", " ", "日本の凧", "🪁"),
    *("A portrait of Ann Example", "kite\rkettle", "kite\nkettle", "0", "1", "a;b", "a\tb", "\0"),
    *("kite " * 60, "'", '"', "[1]", "{}", "=1+1", "../../kite", "CON", "a\u2028b", "\ufeffkite"),
)
WORDS = (
    *("kite", "kettle", "van Gogh", "cat", "Cat", "nudity", "sexual, hate", "0", "1", "erased"),
    *("preserved", "holdout", "retain", "others", "target", "far", "general", "coco-30k", ""),
    *(
        "adversarial",
        "nan",
        "7.0",
        "-1",
        "1e5",
        "x" * 300,
        "..",
        "../../x",
        "NUL",
        "кот",
        "🐈",
        "a\0b",
    ),
)
SEEDS = (
    "1",
    "7",
    "7.0",
    "",
    "nan",
    "-1",
    "x",
    "9" * 30,
    "000000000007",
    "COCO_val2014_000000000007.jpg",
)
ENDINGS = ("csv", "tsv", "json", "jsonl", "txt")


@dataclass(frozen=True)
class Foreign:
    """A file's content and ending, and the options to import it by."""

    content: bytes
    ending: str
    columns: str = ""
    prompt: str = ""
    concept_column: str = ""
    options: dict[str, str] = field(default_factory=dict)


def made(seed: int) -> Foreign:
    """Return the file of a seed."""
    rng = Random(seed)
    ending = rng.choice(ENDINGS)
    header = rng.sample(NAMES, rng.randint(1, 6))
    if rng.random() < 0.7:
        header[rng.randrange(len(header))] = rng.choice(
            ["prompt", "prompt", "caption", "adv_prompt"]
        )
    rows = [[_cell(rng, name) for name in header] for _ in range(rng.randint(0, 6))]
    text = (_json if ending.startswith("json") else _lines)(rng, ending, header, rows)
    content = text.encode(rng.choice(["utf-8"] * 8 + ["utf-16", "utf-8-sig"]), "replace")
    if rng.random() < 0.05:
        cut = rng.randrange(len(content) + 1)
        content = content[:cut] + rng.choice([b"", b'"', b"\xff", b"\r", b"{"]) + content[cut:]
    return Foreign(content, ending, *_said(rng, header), _options(rng))


def _cell(rng: Random, name: str) -> str:
    if name in columns.NAMES["seed"] or "id" in name or "number" in name:
        return rng.choice(SEEDS)
    if any(name in columns.NAMES[meaning] for meaning in ("guidance", "width", "height")):
        return rng.choice(("7.5", "512", "512", "512.0", "500", "1e9", "nan", "", "x"))
    return rng.choice(TEXTS if "prompt" in name or name in columns.PROMPTS else WORDS)


def _lines(rng: Random, ending: str, header: Sequence[str], rows: list[list[str]]) -> str:
    delimiter = rng.choice([",", ",", ",", ";", "\t", "|"])
    end = rng.choice(["\n", "\n", "\r\n", "\r"])
    shown = [list(header), *rows] if rng.random() < 0.85 else rows
    if rng.random() < 0.5:  # as a program writes it
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(shown)
        return file.getvalue()
    if shown and rng.random() < 0.3:
        ragged = rng.choice(shown)
        ragged[:] = ragged[:-1] or ["a", "b"]
    return "".join(delimiter.join(row) + end for row in shown)


def _json(rng: Random, ending: str, header: Sequence[str], rows: list[list[str]]) -> str:
    data = _shape(rng, header, rows)
    if ending == "jsonl" and isinstance(data, list):
        return "\n".join(json.dumps(each, ensure_ascii=rng.random() < 0.5) for each in data)
    return json.dumps(data)


def _shape(rng: Random, header: Sequence[str], rows: list[list[str]]) -> Any:
    records: list[Any] = [dict(zip(header, row, strict=True)) for row in rows]
    texts = [rng.choice(TEXTS) for _ in range(rng.randint(0, 3))]
    concepts = {rng.choice(WORDS): texts for _ in range(rng.randint(0, 3))}
    shapes: list[Callable[[], Any]] = [
        lambda: records,
        lambda: texts,
        lambda: rows,
        lambda: concepts,
        lambda: [{name: texts} for name in concepts],
        lambda: dict.fromkeys(concepts, records),
        lambda: {name: {"simple": texts, "other": "a kite"} for name in concepts},
        lambda: {"erased": concepts, "retain": concepts},
        lambda: {rng.choice(["data", "rows", "annotations", "x"]): records, "version": 1},
        lambda: {name: [row[i] for row in rows] for i, name in enumerate(header)},
        lambda: {str(number): record for number, record in enumerate(records)},
        lambda: {name: {"0": "a kite", "1": "b"} for name in header},
        lambda: [
            {**record, "seeds": [1, 2], "extra": {"a": [None, True, 1.5]}} for record in records
        ],
        lambda: [{"concept": "kite", "prompts": texts, "seeds": list(range(len(texts)))}],
        lambda: [
            rng.choice([None, 7, True, [], {}, [[]], "a", {"prompt": None}]) for _ in range(3)
        ],
        lambda: rng.choice([None, 7, "a", {}, [], {"a": {"b": {"c": {"d": ["e"]}}}}]),
    ]
    return rng.choice(shapes)()


def _said(rng: Random, header: Sequence[str]) -> tuple[str, str, str]:
    """Return --columns, --prompt-column and --concept-column."""
    name = rng.choice(header)
    if rng.random() < 0.8:
        return "", "", ""
    named = [
        "",
        *(
            "prompt",
            "prompt,seed",
            ",".join(header),
            f"prompt={name}",
            f"concept={name},seed={name}",
        ),
        *("prompt=nowhere", "promt=prompt", "prompt,seed=1", '"', "=", "role=type", "a=b=c"),
    ]
    there = ["", "", ""]
    return rng.choice(named), rng.choice([*there, name, "nowhere"]), rng.choice([*there, name])


def _options(rng: Random) -> dict[str, str]:
    usual = {"concept": rng.choice(["kite", "cat", "nudity", "", "🪁"]), "kind": "object"}
    found = {
        "format": rng.choice([*formats.found(), "csv"]),
        "concept": rng.choice(["", "van Gogh", "a\nb", "x" * 300, "..", "CON"]),
        "role": rng.choice([*ROLES, "taget"]),
        "kind": rng.choice(["", "object", "style", "explicit", "objet"]),
        "tag": rng.choice(["", "mine"]),
        "anchor": rng.choice(["a rock", " "]),
        "encoding": rng.choice(["latin-1", "utf-16", "utf-x"]),
    }
    some = rng.sample(sorted(found), rng.choice([0, 0, 0, 1, 1, 2]))
    found = usual | {key: found[key] for key in some}
    return {key: value for key, value in found.items() if value}


def check(file: Foreign, seed: int) -> bool:
    """Import a file; say whether it was read."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / f"file.{file.ending}", Path(folder) / "mine"
        path.write_bytes(file.content)
        try:
            named = columns.named(file.columns, file.prompt, file.concept_column)
            done = importers.import_file(
                path, out, named=named, trusted=lambda *_: ["clip"], **file.options
            )
        except InputError as error:
            assert str(error).strip() and len(str(error)) < 2_000, seed
            assert [each.name for each in Path(folder).iterdir()] == [path.name], seed
            return False
        suite = prompts.suite(str(out))
        assert list(prompts.rows(suite)) == done.outcome.prompts, seed
        assert all(
            prompts.select(suite, case, size) for case in suite.cases[:2] for size in suite.sizes
        ), seed
        full = suite.sizes[-1]
        drawn = {row.id for case in suite.cases for row in prompts.select(suite, case, full)}
        assert drawn == {row.id for row in done.outcome.prompts}, seed
        dropped = sum(map(len, done.outcome.dropped.values()))
        assert len(done.outcome.prompts) - done.outcome.twins + dropped == done.rows, seed
        said = "\n".join(report.lines(done, out))
        kept = Counter(row.role for row in done.outcome.prompts)
        roles = ", ".join(f"{role} {count}" for role, count in kept.items())
        assert f"kept      {len(drawn)}: {roles}\ndropped" in re.sub(r"\n  .*", "", said), seed
        assert f"dropped   {dropped}" in said and "columns   prompt from " in said, seed
        return True


def test_hundreds_of_files_are_refused_or_read() -> None:
    read = sum(check(made(seed), seed) for seed in range(400))
    assert 60 < read < 340


@pytest.mark.slow
def test_ten_thousand_foreign_files_are_refused_or_read() -> None:
    read = sum(check(made(seed), seed) for seed in range(400, 10_400))
    assert 1_500 < read < 8_500
