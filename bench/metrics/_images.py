"""Reads picture files for networks; a file that is no picture is noticed and left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.types import Progress


def read_image(path: Path) -> Any:
    """Return a picture as a Pillow image in RGB, None if it is missing, truncated or no picture."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    # Pillow raises SyntaxError for a broken PNG, and an error of its own for a bomb.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def read_images(paths: Sequence[Path], pixels: int) -> tuple[Any, list[bool]]:
    """Read images as one tensor.

    Args:
        paths: Files; those that are missing, truncated or no images are left out.
        pixels: Height and width to resize to.

    Returns:
        A float tensor (readable images, 3, pixels, pixels) in [0, 1], and for each path whether it
        could be read.
    """
    import numpy as np
    import torch
    from PIL import Image

    arrays, readable = [], []
    for path in paths:
        picture = read_image(path)
        readable.append(picture is not None)
        if picture is None:
            continue
        if picture.size != (pixels, pixels):
            picture = picture.resize((pixels, pixels), Image.Resampling.BICUBIC)
        arrays.append(np.asarray(picture, dtype=np.float32) / 255)
    if not arrays:
        return torch.zeros(0, 3, pixels, pixels), readable
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous(), readable


def in_batches(
    paths: Sequence[Path],
    pixels: int,
    size: int,
    network: Callable[[Any], Any],
    what: str,
    progress: Progress,
) -> tuple[Any, list[bool]]:
    """Return a network's output for every readable image, and which images are readable.

    Args:
        paths: Image files.
        pixels: Height and width that the network takes.
        size: Images read at once; fixed by the caller, so that a resumed run reads the same ones.
        network: From a tensor (n, 3, pixels, pixels) in [0, 1] to one (n, ...).
        what: What to call it while it is under way.
        progress: Told the number of images that were read.
    """
    import torch

    outputs, readable = [], list[bool]()
    with torch.inference_mode():
        for start in range(0, len(paths), size):
            batch, can = read_images(paths[start : start + size], pixels)
            readable += can
            if any(can):
                outputs.append(network(batch).float().cpu())
            progress(what, len(readable), len(paths))
    return (torch.cat(outputs) if outputs else torch.zeros(0, 1)), readable
