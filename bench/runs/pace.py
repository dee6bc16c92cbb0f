"""What runs here took: seconds and bytes, by which a plan estimates what further ones take."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from bench.models import recognition
from bench.results.store import RunFolder
from bench.types import InputError, RunRecord, RunSpec

SAMPLE = 20
"""Images of a run whose bytes are looked up."""
WARMING, MEASURED = 2, 4
"""Images that a measurement draws before, which are not counted, and those that are."""


@dataclass(frozen=True)
class Pace:
    """How fast images are drawn and measured by one worker, and where that is known from."""

    evaluation: float
    """Seconds of a U-Net evaluation of drawing, decoding and encoding the image included."""
    measure: float
    """Seconds of measuring an image; 0 where it is not known."""
    source: str


@dataclass(frozen=True)
class Spent:
    """What erasing one case took, or is known to take."""

    evaluations: float
    seconds: float
    bytes: int
    """Of the erasure's file."""


class Past:
    """The runs of a folder, as what they took; each file is read once."""

    def __init__(self, out: Path) -> None:
        """Name the folder; nothing is read yet.

        Args:
            out: Folder that holds the run folders.
        """
        self.out = out

    @cached_property
    def _specs(self) -> list[tuple[RunFolder, RunSpec]]:
        found = []
        for path in sorted(self.out.glob("*/spec.json")):
            try:
                spec = RunSpec.from_json(json.loads(path.read_bytes()))
            except (OSError, ValueError, TypeError, KeyError):
                continue
            found.append((RunFolder(self.out, path.parent.name), spec))
        return found

    @cached_property
    def _records(self) -> list[RunRecord]:
        """The records, the latest first."""
        found = []
        for folder, _ in self._specs:
            if folder.is_done():
                try:
                    found.append(folder.read_record())
                except (InputError, OSError):
                    continue
        return sorted(found, key=lambda each: str(each.provenance.get("finished")), reverse=True)

    def pace(self, spec: RunSpec, device: str) -> Pace | None:
        """Return how fast the latest run of the same model, device and precision went.

        One of the same method counts before others, since some erasures make drawing slower.

        Args:
            spec: What is to be drawn.
            device: Where, as torch names it.
        """
        same = [
            each
            for each in self._records
            if each.spec.model == spec.model
            and each.spec.precision == spec.precision
            and (each.spec.sampler.width, each.spec.sampler.height)
            == (spec.sampler.width, spec.sampler.height)
            and str(each.provenance.get("device", "")).split(" ")[0] == device
            and each.seconds.get("image")
        ]
        own = [each for each in same if each.spec.method == spec.method]
        if not same:
            return None
        latest = (own or same)[0]
        rows = len(RunFolder(self.out, latest.spec.run_id).read_per_image())
        return Pace(
            latest.seconds["image"] / latest.spec.sampler.evaluations(),
            latest.seconds.get("measure", 0.0) / rows if rows else 0.0,
            f"{latest.spec.run_id} here",
        )

    def erased(self, spec: RunSpec) -> Spent | None:
        """Return what erasing a case took the same method with the same options, on average.

        A file that does not say it is left out, not counted as nothing.

        Args:
            spec: What is to be erased from the same model, in the same precision.
        """
        found: list[Spent] = []
        for folder, other in self._specs:
            same = (other.method, other.options, other.model, other.precision)
            if same == (spec.method, spec.options, spec.model, spec.precision):
                files = sorted((folder.path / "erasures").glob("*.safetensors"))
                found += filter(None, map(_spent, files))
        if not found:
            return None
        return Spent(
            sum(each.evaluations for each in found) / len(found),
            sum(each.seconds for each in found) / len(found),
            round(sum(each.bytes for each in found) / len(found)),
        )

    def image_bytes(self, spec: RunSpec) -> float | None:
        """Return the bytes of an image of the same model and size, on average.

        Args:
            spec: What is to be drawn.
        """
        size = (spec.sampler.width, spec.sampler.height)
        for folder, other in self._specs:
            if (other.model, other.sampler.width, other.sampler.height) == (spec.model, *size):
                some = list(islice(_images(folder.path / "images"), SAMPLE))
                if some:
                    return sum(some) / len(some)
        return None


def most_bytes(spec: RunSpec) -> int | None:
    """Return how many bytes an image has at most: its pixels; None where its size is not known.

    Args:
        spec: What is to be drawn.
    """
    width, height = spec.sampler.width, spec.sampler.height
    if width is None or height is None:
        side = recognition.pixels(spec.place("model"))
        if side is None:
            return None
        width, height = side, side
    return 3 * width * height


def measured(spec: RunSpec, device: str, texts: list[str]) -> Pace:
    """Return how fast the un-erased model draws here, by drawing a few images.

    Args:
        spec: What is to be drawn.
        device: Where, as torch names it.
        texts: Prompts to draw, again and again.
    """
    from bench.models import loading
    from bench.models.generate import draw
    from bench.models.samplers import sampled

    pipe = loading.shared(spec.place("model"), device, spec.precision)
    pipe = sampled(pipe, spec.sampler.scheduler)
    every = [texts[number % len(texts)] for number in range(max(WARMING, MEASURED))]
    draw(pipe, every[:WARMING], list(range(WARMING)), spec.sampler, "pil")
    start = time.perf_counter()
    draw(pipe, every[:MEASURED], list(range(MEASURED)), spec.sampler, "pil")
    passed = time.perf_counter() - start
    pace = passed / MEASURED / spec.sampler.evaluations()
    return Pace(pace, 0.0, f"{MEASURED} images drawn now; measuring them is not counted")


def _spent(path: Path) -> Spent | None:
    """Return what an erasure says that it took, None of a damaged one; needs no torch."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            known: Mapping[str, str] = file.metadata() or {}
        cost: Mapping[str, Any] = json.loads(known["cost"])
        evaluations = float(cost.get("evaluations", 0.0))
        return Spent(evaluations, float(known["seconds"]), path.stat().st_size)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError):
        return None


def _images(folder: Path) -> Iterator[int]:
    """Yield the bytes of images under a folder."""
    for root, _, names in os.walk(folder):
        yield from (Path(root, name).stat().st_size for name in names if name.endswith(".png"))
