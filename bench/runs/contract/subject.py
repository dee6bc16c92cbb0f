"""The eraser under check, the pipeline it is let loose on, and ways to look at both."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from bench import registry
from bench.models import erasures, loading, pipelines
from bench.models.eraser import Eraser
from bench.models.tiny import build_tiny_pipe
from bench.types import Concept, Form, Option, Progress, silent

SMALL = 3
"""Counts (steps, prompts, images, ...) are cut to this, so that an erasure takes a second."""
AIRPLANE = Concept("airplane", "object", "the sky", ("aircraft", "plane", "jet"), ("bird",))
BIRD = Concept("bird", "object", "the sky", ("avian", "fowl"), ("airplane",))
PROMPTS = ("a photo of an airplane", "a dog")
STEPS = 2
"""Steps of each image."""

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Subject:
    """An eraser under check."""

    entry: registry.Entry
    pipe: Any
    folder: Path
    """Where a file that the eraser needs can be put."""

    def make(self, **changes: Option) -> Eraser:
        """Make the eraser with quick options; one that needs a file is given an erasure to read."""
        known = {option.name: option for option in self.entry.options}
        values = registry.options(self.entry, "mini")
        values = {name: _small(known[name], value) for name, value in values.items()}
        values |= dict.fromkeys(self.entry.needs, str(self._stored()) if self.entry.needs else "")
        return registry.load_method(self.entry, values | changes)

    def erase(
        self,
        *concepts: Concept,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Any:
        """Erase concepts with a new eraser and return the erased pipeline.

        Args:
            *concepts: What to erase, together.
            seed: Of all randomness.
            progress: Told what is under way.
        """
        return self.make().erase(self.pipe, list(concepts), seed=seed, progress=progress)

    def outcome(self, *concepts: Concept, seed: int = 0) -> State:
        """Return all that an erasure comes to: what is fitted, the weights, and images.

        Args:
            *concepts: What to erase, together.
            seed: Of all randomness.
        """
        eraser = self.make()
        fitted = eraser.fit(self.pipe, list(concepts), seed=seed)
        erased = eraser.apply(self.pipe, list(concepts), fitted)
        tensors = {f"fitted.{name}": each.detach() for name, each in fitted.items()}
        return {**state(erased), **tensors, "images": draw(erased)}

    def fit(self, *concepts: Concept) -> Mapping[str, torch.Tensor]:
        """Fit a new eraser to concepts and return its tensors."""
        return self.make().fit(self.pipe, list(concepts), seed=0)

    def saved(self, *concepts: Concept) -> Any:
        """Return the pipeline with an erasure of the concepts stored and applied again."""
        path, eraser = self.folder / "saved.safetensors", self.make()
        self._save(self.fit(*concepts), path, eraser.form)
        return erasures.apply(
            self.pipe, path, lambda pipe, stored: eraser.apply(pipe, list(concepts), stored)
        )

    def _save(self, tensors: Mapping[str, torch.Tensor], path: Path, form: Form) -> None:
        erasures.save(
            self.pipe, tensors, path, form=form, method="", options={}, concepts=[], seconds=0.0
        )

    def _stored(self) -> Path:
        path = self.folder / "stored.safetensors"
        if not path.exists():
            weights = pipelines.cross_attention(self.pipe.unet)
            self._save({name: 1.01 * each for name, each in weights.items()}, path, "weights")
        return path


@contextmanager
def subject_of(entry: registry.Entry) -> Iterator[Subject]:
    """Give a subject on a tiny pipeline, with a folder that goes away afterwards."""
    # What libraries warn of would stand between the checks.
    loading.hush()
    with tempfile.TemporaryDirectory() as folder:
        yield Subject(entry, _pipe(), Path(folder))


@cache
def _pipe() -> Any:
    return build_tiny_pipe()


def _small(option: registry.OptionInfo, value: Option) -> Option:
    kinds = option.type.replace(" ", "").split("|")
    if "int" not in kinds or isinstance(value, bool):
        return value
    return SMALL if value is None else min(int(value), SMALL)


def state(pipe: Any) -> State:
    """Return a copy of every tensor of a pipeline, as `<component>.<parameter>`."""
    return {
        f"{component}.{name}": tensor.detach().clone()
        for component, module in pipe.components.items()
        if isinstance(module, torch.nn.Module)
        for name, tensor in module.state_dict().items()
    }


def changed(before: State, after: State) -> list[str]:
    """Return the names of tensors that differ, or that one of the two lacks.

    Args:
        before: Tensors by name.
        after: Tensors by name.
    """
    both = before.keys() & after.keys()
    odd = before.keys() ^ after.keys()
    return sorted({*odd, *(name for name in both if not torch.equal(before[name], after[name]))})


def draw(pipe: Any, prompts: Sequence[str] = PROMPTS, *, first: int = 0) -> torch.Tensor:
    """Draw a few steps of some prompts with fixed noise, (n, 3, 64, 64) in 0 to 1.

    Args:
        pipe: A pipeline.
        prompts: One image each.
        first: Number of the first one's noise.
    """
    images: torch.Tensor = pipe(
        list(prompts),
        num_inference_steps=STEPS,
        generator=[torch.Generator().manual_seed(first + each) for each in range(len(prompts))],
        output_type="pt",
    ).images
    return images
