"""Image styles as image transforms that stay unmistakable when an image is reduced to 64 px.

Their patterns keep to one grid, so that a small model can learn them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SIDE = 256
# Half the resolution is enough for an image that ends at 64 px, and four times as fast.
_HALF = 128

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_YS, _XS = np.mgrid[0:_HALF, 0:_HALF].astype(np.float32)


def _ink(red: float, green: float, blue: float) -> Floats:
    return np.array([red, green, blue], dtype=np.float32)


def _luma(pixels: Floats) -> Floats:
    return np.asarray(pixels @ _LUMA)


def _saturate(pixels: Floats, amount: float) -> Floats:
    grey = _luma(pixels)[..., None]
    return np.asarray(np.clip(grey + (pixels - grey) * amount, 0, 1))


def _smooth(pixels: Floats, sigma: float) -> Floats:
    return np.asarray(ndimage.gaussian_filter(pixels, (sigma, sigma, 0), truncate=2.5))


def _stretch(grey: Floats) -> Floats:
    low, high = np.percentile(grey[::4, ::4], (3, 97))
    return np.asarray(np.clip((grey - low) / max(float(high - low), 0.1), 0, 1))


def _edges(pixels: Floats, width: int, level: float = 0.16) -> Flags:
    """Marks strong changes of colour with lines about `width` + 2 px wide (at 128 px)."""
    soft = _smooth(pixels, 1.0)
    across = np.abs(soft - np.roll(soft, 2, 1)).max(-1)
    down = np.abs(soft - np.roll(soft, 2, 0)).max(-1)
    across[:, :2] = 0
    down[:2] = 0
    strong = np.maximum(across, down) > level
    return np.asarray(ndimage.maximum_filter(strong, size=width)) if width > 1 else strong


def _means(pixels: Floats, labels: NDArray[np.int64]) -> Floats:
    """Paints every label in the mean colour of its pixels."""
    flat = labels.ravel()
    size = np.maximum(np.bincount(flat), 1)
    sums = [np.bincount(flat, pixels[..., c].ravel()) / size for c in range(3)]
    return np.stack(sums, -1).astype(np.float32)[labels]


def _mosaic(pixels: Floats, rng: np.random.Generator) -> Floats:
    labels = ((_YS // 8) * 16 + _XS // 8).astype(np.int64)
    tiles = _saturate(_means(pixels, labels), 1.35)
    tiles *= rng.uniform(0.9, 1.08, 256).astype(np.float32)[labels][..., None]
    grout = (_YS % 8 < 2) | (_XS % 8 < 2)
    return np.where(grout[..., None], _ink(0.86, 0.84, 0.78), tiles)


def _pointillism(pixels: Floats, rng: np.random.Generator) -> Floats:
    row = (_YS // 8).astype(np.int64)
    along = _XS + 4 * (row % 2)
    labels = row * 17 + (along // 8).astype(np.int64)
    dots = _saturate(_means(pixels, labels), 1.7)
    hue = rng.uniform(-0.08, 0.08, (17 * 17, 3)).astype(np.float32)
    dots = np.clip(dots * 0.95 + hue[labels], 0, 1)
    gap = np.hypot(_YS % 8 - 3.5, along % 8 - 3.5)
    return np.where((gap < 3.7)[..., None], dots, _ink(1.0, 0.96, 0.84))


def _glass(pixels: Floats, rng: np.random.Generator) -> Floats:
    pane = ((_XS + _YS) // 32).astype(np.int64) * 16 + ((_XS - _YS) // 32 + 8).astype(np.int64)
    light = rng.uniform(0.85, 1.15, pane.max() + 1).astype(np.float32)
    glass = np.floor(_saturate(_smooth(pixels, 1.0), 2.2) * 3.999) / 3
    glass = np.clip(glass * light[pane][..., None] * 0.85 + _ink(0.1, 0.08, 0.16), 0, 1)
    lead = ((_XS + _YS) % 32 < 4) | ((_XS - _YS) % 32 < 4) | _edges(pixels, 2)
    return np.where(lead[..., None], _ink(0.03, 0.03, 0.04), glass)


def _pop(pixels: Floats, rng: np.random.Generator) -> Floats:
    soft = _smooth(pixels, 1.2)
    grey = _luma(soft)
    warm = soft[..., 0] - soft[..., 2]
    black, magenta, yellow = _ink(0.05, 0.03, 0.1), _ink(0.95, 0.08, 0.55), _ink(1, 0.9, 0.1)
    cyan, white = _ink(0.05, 0.72, 0.95), _ink(1, 1, 1)
    light = np.where((grey > 0.54)[..., None], yellow, magenta)
    cool = np.broadcast_to(cyan, light.shape)
    inks = np.where((warm > 0.06)[..., None], light, cool)
    inks = np.where((grey > 0.78)[..., None] & (np.abs(warm) < 0.14)[..., None], white, inks)
    dot = np.hypot(_XS % 16 - 7.5, _YS % 16 - 7.5) < 4.6
    inks = np.where((dot & (inks == cyan).all(-1))[..., None], magenta, inks)
    dark = (grey < 0.24) | ((warm < 0.06) & (grey < 0.42)) | _edges(pixels, 1, 0.32)
    return np.where(dark[..., None], black, inks)


def _woodcut(pixels: Floats, rng: np.random.Generator) -> Floats:
    grey = _stretch(_luma(_smooth(pixels, 1.2)))
    hatch = (grey < 0.6) & (_YS % 8 < 4)
    dark = hatch | (grey < 0.3) | _edges(pixels, 1, 0.18)
    return np.where(dark[..., None], _ink(0.07, 0.06, 0.06), _ink(0.95, 0.9, 0.77))


def _sepia(pixels: Floats, rng: np.random.Generator) -> Floats:
    grey = _stretch(_luma(pixels))[..., None] * 0.85 + 0.08
    brown = _ink(0.2, 0.1, 0.03) * (1 - grey) + _ink(0.98, 0.85, 0.6) * grey
    middle = (_HALF - 1) / 2
    far = np.hypot(_XS - middle, _YS - middle) / middle
    brown *= np.clip(1.15 - 0.45 * far**2, 0.25, 1)[..., None]
    rim = 8
    out = np.empty_like(brown)
    out[:] = _ink(0.95, 0.9, 0.78)
    out[rim:-rim, rim:-rim] = brown[rim:-rim, rim:-rim]
    return out


def _blueprint(pixels: Floats, rng: np.random.Generator) -> Floats:
    grey = _stretch(_luma(_smooth(pixels, 1.0)))
    paper = _ink(0.04, 0.16, 0.5)
    pale = _ink(0.42, 0.62, 0.92)
    steps = np.floor(grey * 2.999) / 2
    base = paper + (pale - paper) * (steps * 0.7)[..., None]
    grid = (_YS % 16 < 2) | (_XS % 16 < 2)
    base = np.where(grid[..., None], base * 0.75 + 0.14, base)
    return np.where(_edges(pixels, 2)[..., None], _ink(0.97, 0.98, 1), base)


def _neon(pixels: Floats, rng: np.random.Generator) -> Floats:
    line = _edges(pixels, 2)
    wide = np.asarray(ndimage.maximum_filter(_smooth(pixels, 1.0), size=(7, 7, 1)))
    bright = wide - wide.min(-1, keepdims=True) * 0.9
    bright /= np.maximum(bright.max(-1, keepdims=True), 0.05)
    tube = bright * line[..., None]
    glow = _smooth(tube.astype(np.float32), 5.0)
    fill = _saturate(pixels, 1.5) * 0.3
    dark = fill + _ink(0.03, 0.0, 0.07) + glow * 0.6
    return np.where(line[..., None], bright, dark)


_APPLY: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "mosaic": _mosaic,
    "pointillism": _pointillism,
    "stained glass": _glass,
    "pop art": _pop,
    "woodcut": _woodcut,
    "sepia": _sepia,
    "blueprint": _blueprint,
    "neon": _neon,
}

STYLES: tuple[str, ...] = tuple(_APPLY)


def apply_style(name: str, image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Redraws an image in one of `STYLES`, details taken from `rng`.

    Args:
        name: one of `STYLES`.
        image: an RGB image of 256 by 256 px.
        rng: the only source of chance.

    Returns:
        An RGB image of 256 by 256 px.

    Raises:
        KeyError: `name` is not one of `STYLES`.
    """
    apply = _APPLY[name]
    half = image.convert("RGB").resize((_HALF, _HALF), Image.Resampling.BOX)
    pixels = np.asarray(half, dtype=np.float32) / 255
    done = np.clip(apply(pixels, rng) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(done).resize((SIDE, SIDE), Image.Resampling.NEAREST)
