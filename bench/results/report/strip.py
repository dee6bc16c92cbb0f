"""An image strip: the same prompts and seeds, un-erased above, each method below."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from bench.files import write_bytes
from bench.images import read_image
from bench.results.store import Finished
from bench.terminal import visible
from bench.types import ERASED_ROLES, ROLES

PER_ROLE = 2
"""Columns a role gets."""
ROLES_SHOWN = ("target", "synonym", "related", "adversarial", "near", "far")

SIDE = 160
"""Pixels an image is enlarged to, both ways."""
GAP, GROUP_GAP, MARGIN = 6, 26, 16
HEADING, LABEL = 19, 15
"""Font sizes in pixels of the headings and of all other text."""
INK, FAINT, MISSING, PAPER = "#1f2328", "#59636e", "#d1d9e0", "#ffffff"
GONE, STAYS = "#b42318", "#1a7f37"
"""Colours of the headings of roles that should be gone and that should stay."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Panel:
    """One column: a prompt and its image in each row, None where there is no file."""

    role: str
    """The prompt's role, or the attack on it."""
    text: str
    images: tuple[Path | None, ...]


def write_strip(path: Path, runs: Sequence[tuple[str, Finished]]) -> Path:
    """Write a strip of runs of one protocol, a row each, and return its path.

    Args:
        path: The image to write.
        runs: What each row is called, and the run; the un-erased one first.

    Raises:
        InputError: if what was measured of a run cannot be read back.
    """
    folders = [_paths(run) for _, run in runs]
    images = [
        Panel(row["role"], row["text"], tuple(paths.get(_key(row)) for paths in folders))
        for row in pick(runs[-1][1].images)
    ]
    data = io.BytesIO()
    draw(images, [name for name, _ in runs]).save(data, format="PNG", optimize=True)
    write_bytes(path, data.getvalue())
    return path


def _key(row: Mapping[str, str]) -> tuple[str, str]:
    return row["case"], row["id"]


def _paths(run: Finished) -> dict[tuple[str, str], Path]:
    return {_key(row): run.folder.path / row["image"] for row in run.images}


def pick(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the first rows of each role of the first case, of different texts where possible."""
    chosen: list[Mapping[str, str]] = []
    for role in ROLES_SHOWN:
        own = [row for row in rows if row["role"] == role and row["case"] == rows[0]["case"]]
        first_of_text = {row["text"]: row for row in reversed(own)}
        fresh = [row for row in own if first_of_text[row["text"]] is row]
        repeats = [row for row in own if first_of_text[row["text"]] is not row]
        chosen += (fresh + repeats)[:PER_ROLE]
    return chosen


def draw(images: Sequence[Panel], labels: Sequence[str]) -> Image.Image:
    """Return the strip as an image.

    Args:
        images: Columns, those of one role together.
        labels: Names of the rows, one for each image of a column.
    """
    # A name is one line, whatever is in it.
    labels = [visible(" ".join(name.split())) for name in labels]
    heading, label = ImageFont.load_default(HEADING), ImageFont.load_default(LABEL)
    texts = [_wrap(image.text, label, SIDE) for image in images]
    line = LABEL + 4
    left = MARGIN + max(int(label.getlength(name)) for name in labels) + 12
    top = MARGIN + HEADING + 12
    lefts = _lefts(images, left)
    width = max(lefts, default=left) + SIDE + MARGIN
    below = top + len(labels) * (SIDE + GAP)
    canvas = Image.new(
        "RGB", (width, below + 4 + line * max(map(len, texts), default=0) + MARGIN), PAPER
    )
    pen = ImageDraw.Draw(canvas)
    for number, name in enumerate(labels):
        middle = top + number * (SIDE + GAP) + SIDE // 2
        pen.text((left - 12, middle), name, font=label, fill=INK, anchor="rm")
    for number, (image, x) in enumerate(zip(images, lefts, strict=True)):
        if number == 0 or images[number - 1].role != image.role:
            _head(pen, image.role, x, heading)
        for row, path in enumerate(image.images):
            canvas.paste(_enlarged(path, label), (x, top + row * (SIDE + GAP)))
        for row, words in enumerate(texts[number]):
            at = (x + SIDE // 2, below + 4 + row * line)
            pen.text(at, words, font=label, fill=FAINT, anchor="ma")
    return canvas


def _lefts(images: Sequence[Panel], left: int) -> list[int]:
    """Return the left edge of each column, with more room between roles than within one."""
    lefts: list[int] = []
    for number, image in enumerate(images):
        if number:
            same = images[number - 1].role == image.role
            left += SIDE + (GAP if same else GROUP_GAP)
        lefts.append(left)
    return lefts


def _head(pen: ImageDraw.ImageDraw, role: str, x: int, font: Font) -> None:
    stays = role in ROLES and role not in ERASED_ROLES
    pen.text((x, MARGIN), role, font=font, fill=STAYS if stays else GONE)


def _enlarged(path: Path | None, font: Font) -> Image.Image:
    """Return an image fitted into the strip's tile, or a grey tile if it cannot be opened."""
    image = None if path is None else read_image(path)
    if image is not None:
        return ImageOps.pad(image, (SIDE, SIDE), Image.Resampling.LANCZOS, color=PAPER)
    tile = Image.new("RGB", (SIDE, SIDE), MISSING)
    middle = (SIDE // 2, SIDE // 2)
    ImageDraw.Draw(tile).text(middle, "no image", font=font, fill=FAINT, anchor="mm")
    return tile


def _wrap(text: str, font: Font, width: int) -> list[str]:
    """Break a text into at most four lines that fit; what is left out is marked by an ellipsis."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > 4:
        lines = [*lines[:3], f"{lines[3]} …"]
    return [_shorten(line, font, width) for line in lines]


def _shorten(line: str, font: Font, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "…") > width:
        line = line[:-1]
    return line + "…"
