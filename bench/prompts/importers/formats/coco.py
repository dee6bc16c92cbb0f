"""COCO's captions of everyday images, for what must stay in general."""

from __future__ import annotations

import re

from bench.prompts.importers.columns import NAMES, PROMPTS
from bench.prompts.importers.drafts import Draft, Row
from bench.prompts.importers.records import Table

HELP = (
    "captions with coco_id or image_id, a source that says coco, or COCO's numbers of images for "
    "names, and its own annotations in JSON; --concept says which erasure they test"
)
COLUMNS = {
    "prompt": ("caption", "captions", *PROMPTS),
    "concept": (),
    "role": (),
    # What else they call width, height or size is the photograph's.
    "width": ("sd_image_width",),
    "height": ("sd_image_height",),
    "size": ("sd_image_size",),
}
_IMAGE = re.compile(r"(?:.*[/\\])?(?:COCO_\w+_)?\d{12}(?:\.(?:jpe?g|png))?", re.IGNORECASE)


def recognises(table: Table) -> bool:
    """Return whether its columns or its cells are COCO's."""
    if not table.has(PROMPTS):
        return False
    if table.has(("coco_id", "image_id")):
        return True
    sources = [cell for cell in table.cells("source") if cell.strip()]
    if sources and all("coco" in cell.casefold() for cell in sources):
        return True
    others = (table.cells(name) for name in table.columns if name not in NAMES["seed"])
    return any(cells and all(map(_IMAGE.fullmatch, cells)) for cells in others)


def draft(row: Row, asked: str) -> Draft:
    """Read a caption, which shows no concept in particular.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return Draft(row["prompt"], row["seed"], role="general")
