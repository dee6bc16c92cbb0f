"""Small copies of images, as WebP, made once."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.files import write_bytes
from bench.images import read_image
from bench.results.store import Finished

SIDE = 128
"""Pixels of a small copy's longer side, at most."""
QUALITY = 70


@dataclass(frozen=True)
class Thumbnail:
    """A small copy and the whole image, as addresses from the page's folder, and its size."""

    small: str
    whole: str
    width: int
    height: int


class Thumbnails:
    """The small copies of a page."""

    def __init__(self, out: Path, folder: str) -> None:
        """Name where they go; nothing is made.

        Args:
            out: The page's folder.
            folder: Name of theirs in it.
        """
        self.out, self.folder = out, folder
        self._made: dict[tuple[str, str], Thumbnail | None] = {}

    def prepare(self, wanted: Iterable[tuple[Finished, str]]) -> None:
        """Make many small copies, as many at once as there are cores: decoders free the others.

        Args:
            wanted: Runs and their images, as for `of`.
        """
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(lambda each: self.of(*each), wanted):
                pass

    def of(self, run: Finished, image: str) -> Thumbnail | None:
        """Return the small copy of an image; None for one that cannot be read or is not the run's.

        Args:
            run: The run.
            image: Its image, as per_image.csv names it.
        """
        key = run.record.spec.run_id, image
        if key not in self._made:
            self._made[key] = self._thumbnail(run, image)
        return self._made[key]

    def _thumbnail(self, run: Finished, image: str) -> Thumbnail | None:
        root = run.folder.path.resolve()
        path = (root / image).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return None
        # A file that was drawn anew has another time or size, and so another copy.
        facts = path.stat()
        key = f"{run.record.spec.run_id} {image} {facts.st_mtime_ns} {facts.st_size}"
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        small = self.out / self.folder / f"{name}.webp"
        size = _size(small) or self._written(path, small)
        if size is None:
            return None
        return Thumbnail(f"{self.folder}/{name}.webp", address(path, self.out), *size)

    def _written(self, path: Path, small: Path) -> tuple[int, int] | None:
        image = read_image(path)
        if image is None:
            return None
        image.thumbnail((SIDE, SIDE))
        data = io.BytesIO()
        image.save(data, "WEBP", quality=QUALITY)
        write_bytes(small, data.getvalue())
        return image.size


def _size(path: Path) -> tuple[int, int] | None:
    """Return the size of a copy that is there and whole."""
    image = read_image(path)
    return image.size if image else None


def address(path: Path, folder: Path) -> str:
    """Return a file's address in a page, relative to the page's folder.

    Args:
        path: The file.
        folder: The page's folder.
    """
    return quote(os.path.relpath(path.resolve(), folder.resolve()).replace(os.sep, "/"))
