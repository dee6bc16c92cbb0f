"""Reads the prompt file of images that are there already, ours or another's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import prompts
from bench.names import find
from bench.prompts.importers import columns, formats, reading
from bench.prompts.importers.columns import AS_NAMED, Named
from bench.prompts.importers.normalise import Asked, normalise
from bench.prompts.importers.records import Record
from bench.prompts.schema import is_id
from bench.types import InputError, Prompt

FILES = ("file", "filename", "file_name", "image", "image_path", "image_file", "path")
"""Names that columns of images go by."""
NUMBERS = ("case_number", "number", "index", "idx", "prompt_number", "case")
"""Names that columns of a row's number go by."""


@dataclass(frozen=True)
class There:
    """The prompts of a file in its order, with what it says of the image of each."""

    prompts: tuple[Prompt, ...]
    files: Sequence[str] = ()
    """The image that each names; "" if none."""
    numbers: Sequence[str] = ()
    """The number of each; "" if none."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What was found out, in words, by what it is about."""


def read(
    path: Path, known: Collection[str], *, concept: str = "", named: Named = AS_NAMED
) -> There:
    """Read a prompt file in any order of columns, with or without ids, seeds and roles.

    Args:
        path: Of ours, or of any format that can be imported.
        known: Names of concepts.
        concept: What the prompts show, where the file does not say.
        named: What the user says of its columns.

    Raises:
        InputError: it cannot be read, none of its rows can be used, or a concept is unknown.
    """
    if prompts.is_ours(path):
        own = prompts.read(path, repeats=True)
        return There(own, [""] * len(own), [""] * len(own))
    name, table, layout = reading.read(path, formats.AUTO, named, "")
    module = formats.found()[name]
    outcome = normalise(table.records, layout, module.draft, Asked(concept), known, repeats=True)
    if not outcome.prompts:
        why = "; ".join(outcome.losses()) or "it has no rows"
        raise InputError(f"{path}: no row can be used as {name}: {why}")
    for each in dict.fromkeys(row.concept for row in outcome.prompts if row.concept):
        find(f"concept in {path}", each, known)
    told = {"columns": columns.told(layout, table.columns, named.meanings)}
    if outcome.dropped:
        told["dropped"] = "; ".join(outcome.losses())
    rows = _with_ids(outcome.prompts, outcome.records)
    return There(rows, _cells(outcome.records, FILES), _cells(outcome.records, NUMBERS), told)


def _cells(records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """Return each record's cell of the first of some columns that is there."""
    column = next((name for name in names if any(name in r.values for r in records)), "")
    return [record.values.get(column, "").strip() for record in records]


def _with_ids(rows: Sequence[Prompt], records: Sequence[Record]) -> tuple[Prompt, ...]:
    """Give the prompts the file's ids, where these can name images and no two are equal."""
    ids = [record.values.get("id", "").strip() for record in records]
    if len(set(ids)) < len(ids) or not all(map(is_id, ids)):
        return tuple(rows)
    return tuple(replace(row, id=own) for row, own in zip(rows, ids, strict=True))
