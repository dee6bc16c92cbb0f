"""Whether all that tells an erased pipeline from the un-erased one lies in its weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.nn import Module

from bench.models.weights import PREFIXES, difference
from bench.types import InputError

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def folded(pipe: Any, erased: Any) -> dict[str, Tensor]:
    """Return the weights that another pipeline has, if nothing else tells it from the first.

    So an adapter that its eraser folds into the weights is such weights, and one that acts beside
    them is none.

    Args:
        pipe: The un-erased diffusers pipeline.
        erased: What an eraser made of it.

    Returns:
        The changed tensors by name, as they are stored of an erasure.

    Raises:
        InputError: modules were added, replaced or hooked, so that weights alone draw otherwise.
    """
    if type(erased) is not type(pipe):
        raise InputError(f"the pipeline is of another class, {type(erased).__name__}")
    for component in PREFIXES:
        old, new = getattr(pipe, component, None), getattr(erased, component, None)
        if old is not None and new is not None and old is not new:
            for problem in _beside(old, new):
                raise InputError(f"{component} {problem}")
    return difference(pipe, erased)


def _beside(old: Module, new: Module) -> Iterator[str]:
    """Yield what acts in a module beside its weights, and did not before."""
    before, after = dict(old.named_modules()), dict(new.named_modules())
    for name in sorted(after.keys() - before.keys()):
        yield f"has further modules, as {name}"
    for name in sorted(before.keys() - after.keys()):
        yield f"lacks modules, as {name}"
    for name, module in after.items():
        where = name or "as a whole"
        if type(module) is not type(before[name]):
            yield f"has another kind of module at {where}, {type(module).__name__}"
        if "forward" in vars(module):
            yield f"calls another function at {where}"
        if any(len(getattr(module, kind)) != len(getattr(before[name], kind)) for kind in _HOOKS):
            yield f"has a hook at {where}"
