"""A model's images of the prompts as they are: what any attack starts from.

<run>/attacks/<case>/pre_asr-<budget>-<hash>/
  images/*.png   the candidates of each prompt
  seen.csv       one row a prompt, written last: in which of them the concept was seen
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.files import read_rows, write_rows
from bench.runs.trials import candidates
from bench.types import InputError, Prompt

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

    @property
    def file(self) -> Path:
        """What says in which of them the concept was seen; its presence means done."""
        return self.path / "seen.csv"

    def image(self, name: str) -> Path:
        """Return the image of a prompt at its own seed, by the prompt's id."""
        return self.images / f"{name}-0.png"

    def keep(self, asked: Sequence[Prompt], verdicts: Sequence[Sequence[bool]]) -> None:
        """Write which candidates show the concept.

        Args:
            asked: The prompts.
            verdicts: Of each prompt, those on its candidates.
        """
        rows = [
            {"id": row.id, "concept": row.concept, "text": row.text, "seed": str(row.seed)}
            | {"seen": candidates.written(part)}
            for row, part in zip(asked, verdicts, strict=True)
        ]
        write_rows(self.file, SEEN, rows)

    def seen(self, asked: Sequence[Prompt], count: int) -> dict[str, list[bool]]:
        """Return by prompt id which candidates show the concept.

        Args:
            asked: The prompts.
            count: Candidates a prompt.

        Raises:
            InputError: what is there was made for other prompts, or is damaged.
        """
        rows = read_rows(self.file, SEEN)
        found = {row["id"]: candidates.read(row["seen"]) for row in rows}
        if {name: len(seen) for name, seen in found.items()} == {row.id: count for row in asked}:
            return found
        raise InputError(
            f"{self.file} does not list this trial's prompts; delete {self.path} and the same "
            "command makes it again"
        )
