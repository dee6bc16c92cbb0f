"""What runs that are planned will draw, and about what they will take; needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from bench.drawing import BATCH
from bench.results.store import RunFolder
from bench.runs.durations import minutes
from bench.runs.pace import Pace, Past, Spent, most_bytes
from bench.runs.resolved import Resolved
from bench.runs.units import draws, fits
from bench.types import ORIGINAL, RunSpec

NO_PACE = "no finished run here is of this model, size, device and precision; see --measure"
NO_SIZE = "no image of this model and size is here, and the model says no size"


@dataclass(frozen=True)
class _Left:
    """What is left of one run."""

    spec: RunSpec
    images: int
    evaluations: int
    erasures: int


@dataclass(frozen=True)
class Estimate:
    """What is left of runs, all together, and about what it takes; what is not known is None."""

    out: Path
    """Folder that holds the run folders, by whose runs seconds and bytes are estimated."""
    left: Sequence[_Left]
    device: str
    workers: int
    measured: Mapping[tuple[str, str], Pace]
    """How fast images are drawn by model and precision, if that was measured."""
    attacks: int
    """U-Net evaluations that attacks after them take at most."""

    @property
    def images(self) -> int:
        """Images to be drawn: the un-erased model's once for all methods; none that is there."""
        return sum(each.images for each in self.left)

    @property
    def erasures(self) -> int:
        """Cases to be erased."""
        return sum(each.erasures for each in self.left)

    @property
    def evaluations(self) -> Mapping[str, int | None]:
        """U-Net evaluations, of one latent each, to draw, to erase and, at most, to attack."""
        erase = sum(each.erasures * known.evaluations for each, known in self._known)
        draw = sum(each.evaluations for each in self.left)
        return {
            "draw": draw,
            "erase": None if self._new else round(erase),
            "attack": self.attacks,
        }

    @cached_property
    def seconds(self) -> float | None:
        """Seconds on the clock to erase, draw and measure; not to attack."""
        if any(pace is None for _, pace in self._drawn):
            return None
        drawn = sum(
            each.evaluations * pace.evaluation + each.images * pace.measure
            for each, pace in self._drawn
            if pace
        )
        erased = sum(each.erasures * known.seconds for each, known in self._known)
        return (drawn + erased) / self.workers

    @property
    def seconds_from(self) -> str:
        """Where the seconds are known from, or why they are not."""
        if self.seconds is None:
            return NO_PACE
        sources = dict.fromkeys(pace.source for _, pace in self._drawn if pace)
        words = f"as {', '.join(sources)}" if sources else "nothing is to be drawn"
        if self._new:
            words += f"; without erasing by {', '.join(self._new)}, which nothing here tells"
        return words

    @cached_property
    def bytes(self) -> int | None:
        """Bytes on disk, of images and erasures."""
        found = 0.0
        for each in self.left:
            size = self._past.image_bytes(each.spec) or most_bytes(each.spec)
            if each.images and size is None:
                return None
            found += each.images * (size or 0)
        return round(found + sum(each.erasures * known.bytes for each, known in self._known))

    @property
    def bytes_from(self) -> str:
        """Where the bytes are known from, or why they are not."""
        if self.bytes is None:
            return NO_SIZE
        drawn = [each.spec for each in self.left if each.images]
        if all(map(self._past.image_bytes, drawn)):
            words = "as images here" if drawn else "nothing is to be drawn"
        else:
            words = "at most, by the pixels"
        return words + ("; without erasures that nothing here tells" if self._new else "")

    def to_json(self) -> dict[str, object]:
        """Return it as JSON-serialisable data."""
        names = ("images", "erasures", "evaluations", "seconds", "seconds_from", "workers")
        return {name: getattr(self, name) for name in (*names, "bytes", "bytes_from")}

    def lines(self) -> Iterator[str]:
        """Yield it, line by line, for people."""
        counts = self.evaluations
        erase = counts["erase"]
        said = "an unknown number" if erase is None else f"{erase:,}"
        yield f"to do       {self.images:,} images to draw, {self.erasures:,} cases to erase"
        attack = f", {counts['attack']:,} at most to attack" if counts["attack"] else ""
        yield f"U-Net       {counts['draw']:,} evaluations to draw, {said} to erase{attack}"
        takes = "unknown" if self.seconds is None else f"about {duration(self.seconds)}"
        without = ", without attacks" if counts["attack"] else ""
        by = f" by {self.workers} worker{'s' * (self.workers > 1)}"
        yield f"time        {takes}{without}{by * (self.seconds is not None)} ({self.seconds_from})"
        disk = "unknown" if self.bytes is None else f"about {self.bytes / 1e6:,.1f} MB"
        yield f"disk        {disk} ({self.bytes_from})"

    @cached_property
    def _past(self) -> Past:
        return Past(self.out)

    @cached_property
    def _drawn(self) -> list[tuple[_Left, Pace | None]]:
        """How fast the images of each run are drawn that has some left."""
        return [
            (each, self.measured.get(_model(each.spec)) or self._past.pace(each.spec, self.device))
            for each in self.left
            if each.images
        ]

    @cached_property
    def _erased(self) -> list[tuple[_Left, Spent | None]]:
        """What erasing takes for each run that has some left."""
        return [(each, self._past.erased(each.spec)) for each in self.left if each.erasures]

    @property
    def _known(self) -> list[tuple[_Left, Spent]]:
        return [(each, known) for each, known in self._erased if known]

    @property
    def _new(self) -> list[str]:
        """Methods whose erasures cost what nothing here tells."""
        names = (each.spec.method_name for each, known in self._erased if known is None)
        return list(dict.fromkeys(names))


def estimate(
    specs: Sequence[RunSpec],
    out: Path,
    *,
    device: str,
    batch_size: int = BATCH,
    workers: int = 1,
    measured: Mapping[tuple[str, str], Pace] = MappingProxyType({}),
    attacks: int = 0,
    drawn: bool = True,
) -> Estimate:
    """Return what is left of runs and about what that takes.

    Args:
        specs: The runs; one that is named twice counts once.
        out: Folder that holds the run folders.
        device: Where they compute, as torch names it.
        batch_size: Images drawn at once.
        workers: Processes that share the work.
        measured: How fast images are drawn by model and precision, if that was measured, in place
            of what runs here took.
        attacks: U-Net evaluations that attacks after them take at most.
        drawn: Whether the runs' images are drawn, or their erasures are attacked alone.
    """
    once = {spec.run_id: spec for spec in specs}.values()
    left = [_left(spec, out, batch_size if drawn else None) for spec in once]
    return Estimate(out, left, device, workers, measured, attacks)


def _left(spec: RunSpec, out: Path, batch_size: int | None) -> _Left:
    """Return what is left of a run; a batch of which an image is missing is drawn whole."""
    if RunFolder(out, spec.run_id).is_done():
        return _Left(spec, 0, 0, 0)
    resolved = Resolved(spec)
    batches = draws(resolved, out, "cpu", batch_size) if batch_size else []
    due = [row for batch in batches for row in batch.prompts]
    forwards = sum(spec.sampler.evaluations(row.drawing) for row in due)
    erased = 0 if spec.method == ORIGINAL else len(fits(resolved, out, "cpu"))
    return _Left(spec, len(due), forwards, erased)


def _model(spec: RunSpec) -> tuple[str, str]:
    return spec.model, spec.precision


def duration(seconds: float) -> str:
    """Return a length of time in words: "40 s", "12 min", "3 h 05 min".

    Args:
        seconds: Its length.
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return minutes(seconds)
