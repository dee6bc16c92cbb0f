"""Reads image files, the same for every network, attack and strip."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.types import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

PAPER = "white"
"""What is behind an image that is transparent somewhere."""
SIXTEEN_BIT = 65535


def read_image(path: Path) -> Image | None:
    """Return what a viewer shows of a file, in RGB with 8 bits a channel.

    Turned and mirrored as its EXIF orientation says; transparent parts on white; of 16 bits of grey
    the high 8, as Pillow itself reads 16 bits of a colour; the first image of an animation.
    Colour profiles are not applied.

    Args:
        path: A file of any format that Pillow opens.

    Returns:
        A Pillow image, None for a file that is missing, truncated or no image, or whose numbers
        do not say what white is (floats, and integers beyond 16 bits).
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
            return _coloured(_upright(image))
    # Decoders raise whatever they stumble over: struct.error, EOFError, zlib.error and others.
    except Exception:
        return None


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    # An image can be whole and its EXIF broken; then nothing says that it is turned.
    except Exception:
        return image


def _coloured(image: Image) -> Image:
    from PIL import Image

    if image.mode == "F":
        raise ValueError("floats do not say what white is")
    # 16-bit files come as I;16 in either order of bytes, or as I.
    if image.mode.startswith("I"):
        return _high_bits(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    drawn = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawn.size, PAPER), drawn).convert("RGB")


def _high_bits(image: Image) -> Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > SIXTEEN_BIT:
        raise ValueError("more than 16 bits do not say what white is")
    grey = (values >> 8).astype(np.uint8)
    grey[values == image.info.get("transparency", -1)] = 255
    return Image.fromarray(grey)


@dataclass(frozen=True)
class ReferenceImages:
    """Real images in a folder, with the hash that they had when they were checked."""

    folder: Path
    files: tuple[Path, ...]
    sha256: str
    """Of the files' contents, whatever their names and order: the same images elsewhere are the
    same set."""

    def check(self) -> None:
        """Verify that the images are still those that were checked.

        Raises:
            InputError: a file was changed, added or removed.
        """
        if hash_of(self.files) != self.sha256 or files_of(self.folder) != self.files:
            raise InputError(
                f"the images of {self.folder} have changed since they were checked; run the same "
                "command again, and what is drawn stays"
            )


def files_of(folder: Path) -> tuple[Path, ...]:
    """Return the files directly in a folder, but for hidden ones."""
    some = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return tuple(sorted(some))


def hash_of(files: Sequence[Path]) -> str:
    """Return one sha256 of the contents of files, whatever their names and order.

    Raises:
        InputError: a file cannot be read.
    """
    try:
        digests = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
