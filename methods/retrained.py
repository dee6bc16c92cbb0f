"""The gold standard: a model that was trained from nothing without ever seeing the concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from bench.models import tensorfiles, weights
from bench.models.eraser import Eraser
from bench.models.mini import SETTINGS
from bench.types import Concept, InputError, Progress, silent
from methods import _files

UNET = "unet"


@dataclass(frozen=True)
class Retrained(Eraser):
    """Takes the U-Net of a model that was trained from nothing without the concept."""

    paper: ClassVar[str] = "none: what exact unlearning would leave (Cao and Yang 2015)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*",)
    needs: ClassVar[tuple[str, ...]] = ("path",)
    files: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    """The weights that `bench mini train --without` exports, or a folder of several such folders,
    a concept each; or a file of a U-Net's weights, of which it is not known what it never saw."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Return the retrained U-Net's weights; without concepts none."""
        return self._weights(pipe, concepts) if concepts else {}

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse weights of another model, and those whose training left out something else."""
        if not self._weights(pipe, concepts):
            raise InputError(f"{self.path} changes nothing: all its weights are this model's own")

    def _weights(self, pipe: Any, concepts: Sequence[Concept]) -> dict[str, Tensor]:
        path = Path(self.path).expanduser()
        if not path.is_dir():
            return weights.changed(pipe, _files.opened(path).tensors)
        trained = _trained(path)
        names = " and ".join(concept.name for concept in concepts)
        if names not in trained:
            raise InputError(
                f"{path} holds no model that was trained without {names}; "
                f"there is one without: {', '.join(trained) or 'nothing, it says'}"
            )
        return weights.changed(pipe, _files.component(trained[names] / UNET))


def _trained(path: Path) -> dict[str, Path]:
    """Return the folders of weights at a path, by the concept that their training left out."""
    notes = [*path.glob(SETTINGS), *sorted(path.glob(f"*/{SETTINGS}"))]
    read = [(tensorfiles.json_object(note), note.parent) for note in notes]
    return {str(note["without"]): folder for note, folder in read if note.get("without")}
