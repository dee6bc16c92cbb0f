from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def blended(paths: Sequence[Path], share: float, folder: Path) -> list[Path]:
    """Write the pictures with a share of noise blended in."""
    rng, found = np.random.default_rng(0), []
    for path in paths:
        pixels = np.asarray(Image.open(path), dtype=float)
        mixed = (1 - share) * pixels + share * rng.integers(0, 256, pixels.shape)
        found.append(folder / f"{share}-{path.name}")
        Image.fromarray(mixed.astype(np.uint8)).save(found[-1])
    return found
