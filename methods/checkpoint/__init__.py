"""An erased model that somebody else made, evaluated as if it had been erased here."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.models.eraser import Eraser
from bench.models.weights import difference
from bench.types import Concept, InputError, Progress, silent
from methods._files import FORMS
from methods.checkpoint import _states


@dataclass(frozen=True)
class Checkpoint(Eraser):
    """Loads an erased model from a file or folder that already exists."""

    paper: ClassVar[str] = "none: whatever made the file"
    touches: ClassVar[tuple[str, ...]] = ("unet.*", "text_encoder.*", "text_encoder_2.*")
    needs: ClassVar[tuple[str, ...]] = ("path",)
    files: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    """What to load: a file of changed tensors (ESD, UCE), a pipeline folder (MACE), a U-Net folder,
    a LoRA (peft, diffusers or kohya names), an old `.pt` state dict, or a CompVis checkpoint."""
    scale: float = 1.0
    """Strength of a LoRA, a factor on its change; 1 is as it was trained."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Return the stored weights that differ; the file decides what is erased."""
        edited = self._edited(pipe)
        return difference(pipe, edited) if concepts else {}

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse what cannot be loaded into this pipeline, or changes nothing: by loading it."""
        if not difference(pipe, self._edited(pipe)):
            raise InputError(f"{self.path} changes nothing: all its weights are this model's own")

    def _edited(self, pipe: Any) -> Any:
        if not self.path:
            raise InputError(f"checkpoint needs path=..., {FORMS}")
        path = Path(self.path).expanduser()
        state = _states.read(path, pipe)
        edited = copy.copy(pipe)
        for component in sorted({*state.tensors, *state.loras}):
            module = copy.deepcopy(getattr(pipe, component, None))
            if module is None:
                raise InputError(f"{path} changes {component}, which this model does not have")
            module.requires_grad_(False)
            _load(module, state.tensors.get(component, {}), path)
            _add(module, state.loras.get(component, {}), self.scale, path)
            setattr(edited, component, module)
        return edited


def _load(module: Any, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors in place of those of the same name."""
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    for name, tensor in tensors.items():
        target = _named(own, name)
        if target is None:
            if name.endswith("position_ids"):
                # Older text encoders stored this constant.
                continue
            raise InputError(f"{path} was made for another model: here is no parameter {name}")
        own[target].data.copy_(_checked(tensor, own[target].shape, name, path))


def _named(own: Mapping[str, Any], name: str) -> str | None:
    """Return the name here; libraries disagree on whether a text encoder's has a prefix."""
    choices = (name, name.removeprefix("text_model."), f"text_model.{name}")
    return next((choice for choice in choices if choice in own), None)


def _checked(tensor: Tensor, shape: torch.Size, name: str, path: Path) -> Tensor:
    if tensor.shape != shape:
        raise InputError(
            f"{path} was made for another model: {name} is {tuple(tensor.shape)} there "
            f"and {tuple(shape)} here"
        )
    if not tensor.is_floating_point():
        raise InputError(f"{path}: {name} holds {tensor.dtype}, must be real numbers")
    # Not every format of 8 bits can be asked whether it is finite.
    tensor = tensor.float() if tensor.element_size() == 1 else tensor
    if not torch.isfinite(tensor).all():
        raise InputError(f"{path}: {name} holds values that are not finite")
    return tensor


def _add(module: Any, loras: Mapping[str, Mapping[str, Tensor]], scale: float, path: Path) -> None:
    """Add up @ down, times scale and alpha over rank, to the weights."""
    own = dict(module.named_parameters())
    # kohya writes every dot as an underscore.
    flat = {name.removesuffix(".weight").replace(".", "_"): name for name in own}
    flat |= {f"text_model_{short}": name for short, name in flat.items()}
    for name, factors in loras.items():
        target = _named(own, f"{name}.weight") or _named(own, f"{name}.0.weight")
        target = target or flat.get(name)
        if target is None:
            raise InputError(f"{path} was made for another model: here is no module {name}")
        weight = own[target]
        up, down = factors["up"].double(), factors["down"].double()
        fits = up.dim() > 1 and down.dim() > 1 and up.flatten(1).shape[1] == len(down)
        if not fits or (len(up), down[0].numel()) != (len(weight), weight[0].numel()):
            raise InputError(
                f"{path} was made for another model: the LoRA of {name} is {tuple(up.shape)} x "
                f"{tuple(down.shape)} there, and the weight {tuple(weight.shape)} here"
            )
        strength = scale * float(factors.get("alpha", len(down))) / len(down)
        change = strength * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
        change = _checked(change, weight.shape, name, path)
        weight.data.copy_(weight.double() + change.to(weight.device))
