"""Rows of JSON in the shapes that circulate: lists, tables by column, prompts by concept; pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.prompts.importers import roles
from bench.prompts.importers.columns import FOUND, LABELS, NAMES, PROMPTS, Named, normal, word

Row = dict[str, str]
WORDS = frozenset(each for each in roles.WORDS if not each.isdigit())
WRAPPERS = (
    *("annotations", "data", "rows", "prompts", "items", "samples", "records", "examples"),
    *("entries", "dataset", "captions", "concepts", "train", "test", "validation", "val"),
)
"""Keys under which a file's only list may stand, beside what is said of the whole."""
ABOUT = ("meta", "metadata", "info", "config", "settings", "license", "licenses", "description")
"""Keys that say something of the whole."""
SPLITS = frozenset({"train", "test", "validation", "valid", "val", "dev"})
"""Keys that tell the parts of a data set apart, where all are such; a train alone is a thing."""


@dataclass(frozen=True)
class Rows:
    """Rows by column, or why one cannot be read; and the shape that was found, in words."""

    rows: Sequence[Row | str]
    guesses: tuple[str, ...] = ()


def loaded(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is none, or an object has a key twice, of which one would be lost.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key '{twice[:80]}' twice")
    return found


def rows(data: Any, named: Named) -> Rows:
    """Return the rows of a JSON value.

    Args:
        data: A list, or an object.
        named: What the user says of its columns.

    Raises:
        ValueError: it has none of the shapes that are known.
    """
    texts = {*PROMPTS, *FOUND, *named.meanings.values()}
    found = _rows(data, texts, named.header)
    if found.rows and all(isinstance(row, str) for row in found.rows):
        raise ValueError(f"holds no prompts: {found.rows[0]}")
    return found


def _rows(data: Any, texts: set[str], header: Sequence[str]) -> Rows:
    if isinstance(data, list):
        if _is_split(data, texts):
            data = [[key, *each.values()] for each in data for key in each]
            header = ("concept", "prompt")
        by_key = any(isinstance(each, dict) and not _is_record(each, texts) for each in data)
        said = ("prompts by concept",) if by_key else ()
        return Rows([row for item in data for row in _item(item, {}, texts, header)], said)
    if not isinstance(data, dict):
        raise ValueError("must be a list of objects or strings, or an object with such lists")
    if header:
        raise ValueError("its keys name its columns; say what they mean as --columns MEANING=KEY")
    if data and all(key.isdigit() for key in data):
        return _numbered(data, texts)
    if columns := _by_column(data, texts):
        return Rows(columns, ("a list of cells a column",))
    if len(data) > 1 and set(map(normal, data)) <= SPLITS:
        parts = [_rows(part, texts, ()) for part in data.values()]
        rows_of_all = [row for part in parts for row in part.rows]
        return Rows(rows_of_all, (f"rows under {', '.join(data)}", *parts[0].guesses))
    if wrapper := _wrapper(data):
        left = [key for key in data if key != wrapper]
        inner = _rows(data[wrapper], texts, ())
        said = (f"rows under {wrapper}" + (f"; not read: {', '.join(left)[:200]}" if left else ""),)
        return Rows(inner.rows, (*said, *inner.guesses))
    if texts & set(map(normal, data)):
        return Rows(list(_record(data, {})))
    if _label(data):
        return Rows(list(_item(data, {}, texts)), ("prompts of one concept",))
    single = next((key for key, value in data.items() if isinstance(value, str)), "")
    several = next((key for key, value in data.items() if isinstance(value, list)), "")
    if single and several:
        raise ValueError(
            f"its key '{single[:40]}' holds a text and '{several[:40]}' a list, so that keys are "
            "not told from concepts; put prompts by concept into lists, and leave all else out"
        )
    return Rows(list(_grouped(data, {}, texts)), ("prompts by concept",))


def _numbered(data: Mapping[str, Any], texts: set[str]) -> Rows:
    """Return the rows of an object whose keys are numbers, which those of mere prompts keep."""
    lists = {key: [value] if isinstance(value, str) else value for key, value in data.items()}
    if not all(isinstance(v, list) and all(isinstance(e, str) for e in v) for v in lists.values()):
        return _rows(list(data.values()), texts, ())
    return Rows([{"number": key, "prompt": text} for key in lists for text in lists[key]])


def _is_split(data: Sequence[Any], texts: set[str]) -> bool:
    """Return whether a list holds one object a concept, each with its only prompt."""
    if not all(isinstance(each, dict) and len(each) == 1 for each in data):
        return False
    keys = {key for each in data for key in each}
    words = all(isinstance(value, str) for each in data for value in each.values())
    return words and len(keys) > 1 and not texts & set(map(normal, keys))


def _is_record(item: Mapping[str, Any], texts: set[str]) -> bool:
    """Return whether an object is a row: a key holds its prompt, or nothing in it is nested."""
    names = {normal(key) for key in item} | {name for name, _ in _flat(item, "")}
    return bool(names & texts) or not any(isinstance(v, dict | list) for v in item.values())


def _label(item: Mapping[str, Any]) -> str:
    """Return the key that names the concept of lists or groups beside it; "" if none does."""
    labels = [
        key for key, value in item.items() if normal(key) in LABELS and isinstance(value, str)
    ]
    others = [value for key, value in item.items() if key not in labels]
    one = len(labels) == 1 and bool(others) and all(isinstance(v, list | dict) for v in others)
    return labels[0] if one else ""


def _wrapper(data: Mapping[str, Any]) -> str:
    """Return the key of the rows, beside which an object says other things; "" if there is none."""
    others = {key: value for key, value in data.items() if normal(key) not in ABOUT}
    nested = [key for key, value in others.items() if isinstance(value, list | dict)]
    lists = [key for key in nested if isinstance(data[key], list)]
    if "annotations" in lists:
        return "annotations"
    (only,) = lists if len(lists) == 1 else nested if len(nested) == 1 else ("",)
    if not only:
        return ""
    rows = data[only]
    plain = isinstance(rows, list) and all(isinstance(each, str) for each in rows)
    if normal(only) in WRAPPERS:
        return "" if plain and normal(only) in PROMPTS else only
    first = rows[0] if isinstance(rows, list) and rows else None
    labelled = isinstance(first, dict) and set(map(normal, first)) & set(LABELS)
    return only if len(data) == 1 and labelled else ""


def _by_column(data: Mapping[str, Any], texts: set[str]) -> list[Row | str]:
    """Return the rows of an object of lists or numbered cells by column; none if it is not one."""
    if not set(map(normal, data)) & texts:
        return []
    values = list(data.values())
    if all(isinstance(value, dict) for value in values):
        keys = list(values[0])
        if not all(list(value) == keys and all(map(str.isdigit, keys)) for value in values):
            return []
        values = [list(value.values()) for value in values]
    if not all(isinstance(value, list) for value in values):
        return []
    if len({len(value) for value in values}) > 1:
        raise ValueError(
            "its columns differ in length: "
            + ", ".join(f"{key} {len(v)}" for key, v in zip(data, values, strict=True))[:200]
        )
    if any(isinstance(cell, dict | list) for value in values for cell in value):
        return []
    return [
        row
        for cells in zip(*values, strict=True)
        for row in _record(dict(zip(data, cells, strict=True)), {})
    ]


def _item(
    item: Any, above: Row, texts: set[str], header: Sequence[str] = ()
) -> Iterator[Row | str]:
    """Yield the rows of a list's item; what its keys say already is in `above`."""
    if isinstance(item, str):
        yield {**above, "prompt": item}
    elif isinstance(item, dict) and _is_record(item, texts):
        yield from _record(item, above)
    elif isinstance(item, dict) and (label := _label(item)):
        rest = {key: value for key, value in item.items() if key != label}
        yield from _grouped(rest, {**above, "concept": item[label]}, texts)
    elif isinstance(item, dict) and all(isinstance(v, dict | list | str) for v in item.values()):
        yield from _grouped(item, above, texts)
    elif isinstance(item, dict):
        yield f"has no prompt among {', '.join(item)[:80]}"
    elif isinstance(item, list) and header and len(item) == len(header):
        yield from _record(dict(zip(header, item, strict=True)), above)
    elif isinstance(item, list):
        yield f"is a list of {len(item)} values; --columns names them"
    else:
        yield f"is {json.dumps(item)[:40]}, must be an object or text"


def _grouped(data: Mapping[str, Any], above: Row, texts: set[str]) -> Iterator[Row | str]:
    """Yield the rows under keys that are roles, concepts or, below a concept, tags."""
    for key, value in data.items():
        role = "role" not in above and word(key) in WORDS
        level = "role" if role else "tag" if "concept" in above else "concept"
        here = {**above, level: key}
        if role and roles.WORDS[word(key)] in ("near", "far"):
            # What is kept shows something else than the concept above it.
            here.pop("concept", None)
        if isinstance(value, dict) and all(map(str.isdigit, value)):
            value = list(value.values())
        if level in above:
            yield f"'{key[:40]}' lies deeper than a role, a concept and a tag"
        elif isinstance(value, list):
            for item in value:
                yield from _item(item, here, texts)
        elif isinstance(value, dict | str):
            yield from _item(value, here, texts)
        else:
            yield f"'{key[:40]}' holds {json.dumps(value)[:40]}, must hold prompts"


def _record(item: Mapping[str, Any], above: Row) -> Iterator[Row | str]:
    """Yield the row of an object, or the rows of one that holds lists of prompts or seeds."""
    flat = list(_flat(item, ""))
    many = {
        name: value
        for name, value in flat
        if isinstance(value, list) and name in (*PROMPTS, *NAMES["seed"])
    }
    row = {name: _cell(value) for name, value in flat if name not in many}
    if len(row) + len(many) < len(flat):
        yield "has two keys of one name"
        return
    row |= {name: _cell(value[0]) for name, value in many.items() if len(value) == 1}
    many = {name: value for name, value in many.items() if len(value) != 1}
    if len({len(value) for value in many.values()}) > 1:
        yield "has " + " and ".join(f"{len(value)} {name}" for name, value in many.items())
        return
    for cells in zip(*many.values(), strict=True) if many else [()]:
        yield {**above, **row, **dict(zip(many, map(_cell, cells), strict=True))}


def _flat(item: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    """Yield columns and values, an inner object's under both names: `prompt_en`."""
    for key, value in item.items():
        name = "_".join(filter(None, (before, normal(key)))) or "unnamed"
        if isinstance(value, dict) and value:
            yield from _flat(value, name)
        else:
            yield name, value


def _cell(value: Any) -> str:
    """Return a value as a CSV would have it; null and NaN say nothing, the text "null" does."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
