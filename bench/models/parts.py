"""Whether a model's folder is whole, and which variant of its weights is loaded; without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.families import Layout
from bench.models import tensorfiles
from bench.names import find
from bench.types import InputError

INDEX = "model_index.json"
"""The file that makes a folder one in diffusers layout: it lists the parts."""
STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
"""What files of a part's weights are called, without variant and ending."""
_CONFIGS = {"scheduler": "scheduler_config.json"}
"""The file that describes a part, where it is not called config.json."""
_WORDS = ("tokenizer.json", "vocab.json")
"""One of these is in a tokenizer's folder."""
PLAIN = ""
"""The variant of files without one in their names."""


def check(folder: Path, what: str, layout: Layout, asked: str, unread: Mapping[str, Any]) -> None:
    """Refuse a folder that a pipeline cannot be loaded from, naming all that it lacks.

    Args:
        folder: In diffusers layout, with an index that names the layout.
        what: What messages call it.
        layout: What its index says it is.
        asked: The variant that was asked for, "" for any that is there.
        unread: Parts that are not loaded, and may be missing.

    Raises:
        InputError: a part, its description or its weights are missing or damaged.
    """
    lacking = list(_lacking(folder, layout, unread))
    if lacking:
        raise InputError(f"{what} cannot be loaded from {folder}: {'; '.join(lacking)}")
    which = variant(folder, what, layout, asked)
    for part in layout.networks:
        for file in _files(folder / part, which) or _files(folder / part, PLAIN):
            if file.suffix == ".json":
                tensorfiles.shards(file)
            elif problem := tensorfiles.problem(file):
                raise InputError(f"{what} cannot be loaded: {file} holds no weights: {problem}")


def variant(folder: Path, what: str, layout: Layout, asked: str = PLAIN) -> str:
    """Return the variant that a folder's weights are loaded of: plain ones, or the only others.

    Args:
        folder: In diffusers layout, with all its parts.
        what: What messages call it.
        layout: What it is.
        asked: The variant that was asked for, "" for plain ones where they are there.

    Raises:
        InputError: no part has it, or there are no plain weights and several variants.
    """
    there = {part: _variants(folder / part) for part in layout.networks}
    others = {name: None for some in there.values() for name in some if name}
    if asked:
        return find(f"variant of {what}", asked, others or ["plain weights alone"])
    bare = [names for names in there.values() if PLAIN not in names]
    if not bare:
        return PLAIN
    common = sorted(set.intersection(*bare))
    if len(common) != 1:
        parts = ", ".join(part for part, names in there.items() if PLAIN not in names)
        raise InputError(
            f"{what} has no plain weights of {parts}, and the variants {', '.join(sorted(others))}"
            "; choose with --variant"
        )
    return common[0]


def variant_of(name: str) -> str:
    """Return the variant in the name of a file of weights; "" of a plain one.

    Args:
        name: As `model.fp16.safetensors`, maybe one of several files or their index.
    """
    middle = (part.split("-0")[0] for part in name.split(".")[1:-1])
    return ".".join(part for part in middle if part not in ("safetensors", "bin", "index"))


def _lacking(folder: Path, layout: Layout, unread: Mapping[str, Any]) -> Iterator[str]:
    index = tensorfiles.json_object(folder / INDEX)
    listed = [
        name
        for name, each in index.items()
        if isinstance(each, list) and len(each) == 2 and each[0] and name not in unread
    ]
    if unnamed := [part for part in layout.parts if part not in listed]:
        yield f"its {INDEX} names no {', no '.join(unnamed)}"
    for part in listed:
        place = folder / part
        if not place.is_dir():
            yield f"it has no folder {part}"
        elif part in layout.tokenizers:
            if not any((place / name).is_file() for name in _WORDS):
                yield f"{part} has no {' or '.join(_WORDS)}"
        elif part in (*layout.networks, "scheduler"):
            config = _CONFIGS.get(part, "config.json")
            if not (place / config).is_file():
                yield f"{part} has no {config}"
            else:
                tensorfiles.json_object(place / config)
            if part in layout.networks and not _variants(place):
                yield f"{part} has no weights"


def _variants(part: Path) -> set[str]:
    return {variant_of(each.name) for each in _all(part)}


def _files(part: Path, which: str) -> list[Path]:
    return [each for each in _all(part) if variant_of(each.name) == which]


def _all(part: Path) -> list[Path]:
    """Return a part's files of weights, and of those in several files the index alone."""
    every = sorted(part.glob("*"))
    found = [each for each in every if each.name.split(".")[0].split("-0")[0] in STEMS]
    indexes = [each for each in found if each.suffix == ".json" and ".index" in each.name]
    whole = [each for each in found if each.suffix in (".safetensors", ".bin")]
    return indexes + whole
