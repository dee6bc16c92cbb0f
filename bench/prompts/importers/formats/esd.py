"""The csv family of ESD and UCE: case_number, prompt, evaluation_seed, and maybe a label."""

from __future__ import annotations

from collections.abc import Collection

from bench.prompts.importers.drafts import Draft, Row, first
from bench.types import Kind

HELP = "ESD, UCE and those after them: case_number, prompt, evaluation_seed, maybe a label"
LABELS: dict[str, Kind] = {
    "class": "object",
    "classes": "object",
    "label_str": "object",
    "profession": "object",
    "concept": "object",
    "artist": "style",
}
"""Columns that say what a prompt shows, and what kind of thing that is."""
OTHERS = {"type", "categories", "coco_id", "image_id", "adv_prompt", "role"}


def recognises(columns: Collection[str]) -> bool:
    """Return whether these are its columns; guidance without a label is UnlearnDiffAtk's."""
    there = set(columns)
    if not {"case_number", "prompt", "evaluation_seed"} <= there or there & OTHERS:
        return False
    return "evaluation_guidance" not in there or bool(there & set(LABELS))


def draft(row: Row, asked: str) -> Draft:
    """Read the prompt, its seed and its label.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.
    """
    label = next((name for name in LABELS if row.get(name, "").strip()), "")
    return Draft(
        first(row, ("prompt",)),
        first(row, ("evaluation_seed",)),
        row[label].strip() if label else "",
        kind=LABELS.get(label, "object"),
    )
