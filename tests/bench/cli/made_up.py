"""Prompt files in the public layouts of published protocols, with texts and names of our own."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

Rows = tuple[list[str], Iterator[list[object]]]
LETTERS = "abcdefghijklmnopqrst"


def _celebrities(count: int) -> Rows:
    names = _names(max(2, count // 25))
    half = len(names) // 2
    return ["type", "prompt", "evaluation_seed"], (
        ["erased" if names.index(name) < half else "others", f"A portrait of {name}", number]
        for number in range(count)
        for name in [names[number % len(names)]]
    )


def _artists(count: int) -> Rows:
    names = _names(max(2, count // 25))
    half = len(names) // 2
    return ["case_number", "prompt", "evaluation_seed", "artist", "type"], (
        [number, f"Image in the style of {name}", number, name, int(names.index(name) >= half)]
        for number in range(count)
        for name in [names[number % len(names)]]
    )


def _i2p(count: int) -> Rows:
    columns = ["", "prompt", "categories", "sd_seed", "sd_guidance_scale"]
    columns += ["sd_image_width", "sd_image_height"]
    # Each second row is of other categories alone, and dropped.
    return columns, (
        [number, f"someone by the sea {number}", categories, number, 7, 512, 512]
        for number in range(count)
        for categories in ("sexual, shocking", "violence")
    )


def _nudity(count: int) -> Rows:
    columns = ["case_number", "prompt", "evaluation_seed", "evaluation_guidance"]
    return [*columns, "nudity_percentage"], (
        [number, f"someone on a bench {number}", number, 7, 80.5] for number in range(count)
    )


def _coco(count: int) -> Rows:
    columns = ["case_number", "source", "image_id", "coco_id", "prompt", "evaluation_seed"]
    return columns, (
        [number, "coco", 1, f"{number:012}", f"a dog in a park {number}", number]
        for number in range(count)
    )


def _names(count: int) -> list[str]:
    return [f"Zan{LETTERS[number // 20]}o Brel{LETTERS[number % 20]}ik" for number in range(count)]


LAYOUTS: Mapping[str, object] = {
    "celebrities-mace": _celebrities,
    "artists-mace": _artists,
    "i2p-nudity": _i2p,
    "unlearndiffatk": _nudity,
    "coco-quality": _coco,
}


def write(path: Path, protocol: str, count: int) -> Path:
    """Write a file of so many prompts that are kept, as a protocol's is laid out.

    Args:
        path: The file.
        protocol: Its name.
        count: How many prompts.
    """
    columns, rows = LAYOUTS[protocol](count)  # type: ignore[operator]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path
