"""A model's images of the prompts as they are: what any attack starts from.

<run>/attacks/<case>/pre_asr-<budget>-<hash>/
  images/*.png   the candidates of each prompt
  seen.csv       one row a prompt, written last: in which of them the concept was seen
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.files import read_rows, write_rows
from bench.models.generate import generate
from bench.runs.trials import candidates
from bench.runs.trials.decider import Decider
from bench.types import InputError, Progress, Prompt, Sampler, silent

SEEN = ("id", "concept", "text", "seed", "seen")
"""Columns of seen.csv; `seen` has a 1 for each candidate that shows the concept, else a 0."""


@dataclass(frozen=True)
class Unattacked:
    """The images, under a folder whose name changes with all that decides them."""

    path: Path

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.path / "images"

    def image(self, name: str) -> Path:
        """Return the image of a prompt at its own seed, by the prompt's id."""
        return self.images / f"{name}-0.png"

    def seen(
        self,
        asked: Sequence[Prompt],
        seeds: Mapping[str, Sequence[int]],
        pipe: Callable[[], Any],
        decider: Callable[[], Decider],
        sampler: Sampler,
        progress: Progress = silent,
    ) -> dict[str, list[bool]]:
        """Return by prompt id which candidates show the concept, drawn and judged once for all.

        Args:
            asked: The prompts.
            seeds: Those to draw each with, by id, as many for all.
            pipe: Gives the model, if something is left to draw.
            decider: Gives what decides, if something is left to judge.
            sampler: How to draw.
            progress: Told what is under way.

        Raises:
            InputError: what is there was made for other prompts, or is damaged.
        """
        file = self.path / "seen.csv"
        if not file.exists():
            some = [
                each
                for row in asked
                for each in candidates.candidates(row, row.text, seeds[row.id])
            ]
            paths = generate(pipe(), some, self.images, sampler, progress=progress)
            verdicts = decider().shows(paths, some, progress)
            parts = candidates.in_parts(verdicts, len(seeds[asked[0].id]))
            rows = [
                {"id": row.id, "concept": row.concept, "text": row.text, "seed": str(row.seed)}
                | {"seen": candidates.written(part)}
                for row, part in zip(asked, parts, strict=True)
            ]
            write_rows(file, SEEN, rows)
        try:
            found = {row["id"]: candidates.read(row["seen"]) for row in read_rows(file, SEEN)}
            if {name: len(seen) for name, seen in found.items()} == {
                row.id: len(seeds[row.id]) for row in asked
            }:
                return found
        except KeyError:
            pass
        raise InputError(
            f"{file} does not list this trial's prompts; delete {self.path} and the same command "
            "makes it again"
        )
