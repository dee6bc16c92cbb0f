"""What every concept eraser is: it fits tensors to a model and concepts, and applies them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from bench.types import Concept, Form, Option, Progress, silent

if TYPE_CHECKING:
    from torch import Tensor


class Eraser(ABC):
    """A concept eraser: a frozen dataclass whose fields are its hyper-parameters.

    Hyper-parameters are int, float, str, bool, a Literal of strings, or one of these or None, with
    literal defaults, and each carries a docstring naming its unit and source. The registry reads
    them from the source, without importing it.

    It erases in two steps. `fit` learns named tensors, which are all that is stored of an erasure;
    `apply` makes the erased pipeline from them, then or years later.
    """

    form: ClassVar[Form] = "weights"
    """What it leaves: `weights`, tensors that replace the model's own and load into any diffusers
    pipeline; `adapter`, tensors that `apply` adds to the model; `inference`, another way to draw,
    with the weights as they were."""
    paper: ClassVar[str]
    """Where the method was published."""
    touches: ClassVar[tuple[str, ...]]
    """Glob patterns over `<component>.<parameter>`, the parameters that an erasure may change; none
    for one that acts while drawing."""
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {}
    """Hyper-parameters that replace the field defaults: by model family (`mini`, `sd`, `sdxl`),
    which holds unless another is asked for, or by the name of a published protocol."""
    preset_sources: ClassVar[Mapping[str, str]] = {}
    """Where each preset comes from: what it was tuned on, or who published it."""
    space: ClassVar[Mapping[str, Sequence[Option]]] = {}
    """Where `bench tune` searches, by option: a tuple is the least and the greatest value, tried
    evenly or, where they are a factor of ten apart, evenly in the logarithm; a list, the values."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Options that have no usable default and must be given."""
    files: ClassVar[tuple[str, ...]] = ()
    """Options that are paths: the content of the file or folder decides a run, not the path."""
    networks: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Networks on the Hub, org/name, that a setting, "name=value", needs beside the model."""
    only: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The concepts that a setting, "name=value", is for, where it is not for all."""

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:  # noqa: B027  may be nothing
        """Refuse, in no time, what `fit` could not do; called before any work, and by `fit`.

        Args:
            pipe: The un-erased diffusers pipeline.
            concepts: What to erase, together.

        Raises:
            InputError: an option, a concept or a file cannot be used with this pipeline.
        """

    @abstractmethod
    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn what erases the concepts from a pipeline, which stays as it was.

        Args:
            pipe: The un-erased diffusers pipeline.
            concepts: What to erase, together.
            seed: Of all randomness.
            progress: Told what is under way.

        Returns:
            Tensors by name. Of the form `weights` they are the values that replace the model's own,
            under diffusers' parameter names; those of a text encoder start with `text_encoder.`.
            None, where there is nothing to learn.
        """

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the erased pipeline; `pipe` itself stays as it was.

        This one loads the tensors as weights into a copy. Other forms override it.

        Args:
            pipe: The un-erased diffusers pipeline.
            concepts: The concepts that `fit` was given.
            tensors: What `fit` returned.
        """
        from bench.models.weights import loaded

        return loaded(pipe, tensors)

    def erase(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Any:
        """Return a pipeline in which the concepts are erased: fit, then apply.

        Args:
            pipe: The un-erased diffusers pipeline, which stays as it was.
            concepts: What to erase, together.
            seed: Of all randomness.
            progress: Told what is under way.
        """
        tensors = self.fit(pipe, concepts, seed=seed, progress=progress)
        return self.apply(pipe, concepts, tensors)

    def options(self) -> dict[str, Option]:
        """Return the hyper-parameters as a JSON-serialisable mapping."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
