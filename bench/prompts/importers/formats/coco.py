"""COCO-30k: captions of everyday images, for what must stay in general."""

from __future__ import annotations

from collections.abc import Collection

from bench.prompts.importers.drafts import SEEDS, Draft, Row, first, has

HELP = "COCO-30k: captions with coco_id or image_id; --concept says which erasure they test"


def recognises(columns: Collection[str]) -> bool:
    """Return whether these are its columns."""
    return has(columns, ("prompt", "caption"), ("coco_id", "image_id"))


def draft(row: Row, asked: str) -> Draft:
    """Read a caption, which shows no concept in particular.

    Args:
        row: Cells by column.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return Draft(first(row, ("prompt", "caption")), first(row, SEEDS), role="general")
