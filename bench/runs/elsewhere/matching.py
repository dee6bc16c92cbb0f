"""Which image of a folder was drawn for which prompt."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.types import InputError, Prompt

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Endings of images, in small letters."""
_NUMBERED = re.compile(r"(?:.*[^0-9])?(?P<number>\d+)[_-](?P<sample>\d+)")
_PLAIN = re.compile(r"\d+")
SHOWN = 3
"""Names of files that a message shows."""


@dataclass(frozen=True)
class Row:
    """A row of the prompt file of images that are there."""

    prompt: Prompt
    number: str = ""
    """The number that the file gives it; "" if none."""
    file: str = ""
    """The image that it names; "" if none."""


@dataclass(frozen=True)
class Matched:
    """The prompts of some images, several for several samples, and where each image is."""

    prompts: tuple[Prompt, ...]
    paths: Mapping[str, Path]
    """By the prompt's id; what is not there has none."""
    how: str
    """By what they were matched, in words."""
    spare: int
    """Images of the folder that belong to no prompt."""

    def path(self, prompt: Prompt) -> Path | None:
        """Return a prompt's image, None where it is missing."""
        return self.paths.get(prompt.id)


def images(folder: Path) -> list[Path]:
    """Return the images under a folder, in the order in which people count: 2 before 10.

    Args:
        folder: Its sub-folders are looked into; links to folders and hidden ones are not.
    """
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        found += [
            Path(root) / name
            for name in names
            if Path(name).suffix.casefold() in SUFFIXES and not name.startswith(".")
        ]
    return sorted(
        (path for path in found if path.is_file()), key=lambda path: _counted(path, folder)
    )


def _counted(path: Path, folder: Path) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", path.relative_to(folder).as_posix())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def matched(folder: Path, rows: Sequence[Row]) -> Matched:
    """Find the image of each prompt: by the file that it names, its id, its number, or its place.

    Args:
        folder: Of images.
        rows: Of their prompt file, in its order.

    Raises:
        InputError: none of the ways fits, or two images are of one prompt; naming what is there.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    found = images(folder)
    for way in (_by_name, _by_id, _by_number, _by_order):
        result = way(folder, found, rows)
        if result is not None:
            return result
    kinds = Counter(path.suffix.casefold() or "no ending" for path in folder.rglob("*"))
    there = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4)) or "nothing"
    some = ", ".join(path.relative_to(folder).as_posix() for path in found[:SHOWN])
    raise InputError(
        f"{folder} has none of the images of {len(rows)} prompts. It holds {there}"
        f"{f'; the first images are {some}' if some else ''}. Looked for: a column file, "
        f"{rows[0].prompt.id}.png by id, 0_0.png by number and sample, or one image a prompt in "
        "the order of the file"
    )


def _by_name(folder: Path, found: Sequence[Path], rows: Sequence[Row]) -> Matched | None:
    if not any(row.file for row in rows):
        return None
    whole = {path.relative_to(folder).as_posix(): path for path in found}
    last = _single(found)
    paths = {}
    for row in rows:
        name = row.file.replace("\\", "/").removeprefix("./")
        path = whole.get(name) or last.get(name.rsplit("/", 1)[-1])
        if path is not None and row.file:
            paths[row.prompt.id] = path
    return _result(rows, paths, found, "by the column of files") if paths else None


def _by_id(folder: Path, found: Sequence[Path], rows: Sequence[Row]) -> Matched | None:
    ids = {row.prompt.id for row in rows}
    named = [path for path in found if path.stem in ids]
    if not named:
        return None
    twice = Counter(path.stem for path in named).most_common(1)[0]
    if twice[1] > 1:
        both = " and ".join(
            path.relative_to(folder).as_posix() for path in named if path.stem == twice[0]
        )
        raise InputError(f"{both} are both called as prompt {twice[0]} is; leave one")
    return _result(rows, {path.stem: path for path in named}, found, "by their ids")


def _by_number(folder: Path, found: Sequence[Path], rows: Sequence[Row]) -> Matched | None:
    """Match `<number>_<sample>` and `<number>`, by the file's numbers or by rows from 0."""
    told = all(_PLAIN.fullmatch(row.number) for row in rows)
    numbers = {int(row.number) if told else place: row.prompt for place, row in enumerate(rows)}
    if len(numbers) < len(rows):
        # Rows of one number are its samples, in their order.
        return None
    samples: dict[int, dict[int, Path]] = {}
    for path in found:
        match = _NUMBERED.fullmatch(path.stem)
        if match is None and not _PLAIN.fullmatch(path.stem):
            continue
        number = int(match["number"] if match else path.stem)
        sample = int(match["sample"]) if match else 0
        if number in numbers:
            other = samples.setdefault(number, {}).setdefault(sample, path)
            if other != path:
                raise InputError(f"{other} and {path} are both sample {sample} of number {number}")
    if not samples:
        return None
    prompts, paths = [], {}
    for number, prompt in numbers.items():
        mine = samples.get(number, {})
        for place, sample in enumerate(sorted(mine)):
            own = prompt if place == 0 else _sample(prompt, sample)
            prompts.append(own)
            paths[own.id] = mine[sample]
        if not mine:
            prompts.append(prompt)
    whose = "the file's numbers" if told else "the rows' numbers from 0"
    how = f"by {whose} and the number of the sample"
    return Matched(tuple(prompts), paths, how, len(found) - len(paths))


def _by_order(folder: Path, found: Sequence[Path], rows: Sequence[Row]) -> Matched | None:
    if len(found) != len(rows):
        return None
    paths = {row.prompt.id: path for row, path in zip(rows, found, strict=True)}
    first = found[0].relative_to(folder).as_posix()
    how = f"by their order, {first} for '{rows[0].prompt.text[:40]}' first"
    return _result(rows, paths, found, how)


def _sample(prompt: Prompt, number: int) -> Prompt:
    return replace(prompt, id=f"{prompt.id}.{number}")


def _single(found: Sequence[Path]) -> dict[str, Path]:
    """Return images by their names without folders, where no two have the same."""
    counts = Counter(path.name for path in found)
    return {path.name: path for path in found if counts[path.name] == 1}


def _result(
    rows: Sequence[Row], paths: Mapping[str, Path], found: Sequence[Path], how: str
) -> Matched:
    prompts = tuple(row.prompt for row in rows)
    return Matched(prompts, paths, how, len(found) - len(set(paths.values())))
