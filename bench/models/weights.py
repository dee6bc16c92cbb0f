"""Named tensors of a pipeline: what differs between two, and how they are loaded into a copy.

U-Net parameters go by their bare names, as ESD and UCE publish theirs, so that they load into a
plain diffusers pipeline; those of the text encoders carry a prefix, `text_encoder.`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bench.families import LAYOUTS
from bench.types import InputError

PREFIXES = {part: each for layout in LAYOUTS.values() for part, each in layout.prefixes.items()}
"""Prefix of the names of each component that an erasure may change, of whatever layout."""
_BARE = next(part for part, prefix in PREFIXES.items() if not prefix)


def changed(pipe: Any, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that differ from the pipeline's own, in its precision and on the CPU.

    What that precision rounds away is no change.

    Args:
        pipe: A diffusers pipeline.
        tensors: Values under the names that they are stored by.

    Raises:
        InputError: the pipeline has no parameter of that name and shape.
    """
    found: dict[str, Tensor] = {}
    for component, state in _by_component(tensors).items():
        own = _state(getattr(pipe, component, None))
        for name, tensor in state.items():
            value = tensor.detach().to(_own(own, component, name, tensor))
            if not torch.equal(value, own[name]):
                found[PREFIXES[component] + name] = value.cpu().contiguous().clone()
    return found


def difference(before: Any, after: Any) -> dict[str, Tensor]:
    """Return the tensors of a pipeline that differ from another's, in the other's precision.

    Args:
        before: The diffusers pipeline as it came.
        after: What was made of it.

    Raises:
        RuntimeError: a component has other parameter names now.
    """
    tensors: dict[str, Tensor] = {}
    for component, prefix in PREFIXES.items():
        old, new = getattr(before, component, None), getattr(after, component, None)
        if old is None or new is None or old is new:
            continue
        state, names = new.state_dict(), old.state_dict().keys()
        if state.keys() != names:
            odd = min(state.keys() ^ names)
            raise RuntimeError(f"the eraser changed the parameter names of {component}: {odd}")
        tensors |= {prefix + name: tensor for name, tensor in state.items()}
    return changed(before, tensors)


def loaded(pipe: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return a pipeline with tensors in place of its own; `pipe` itself stays as it was.

    Components that none of them is of are shared; without any the result is `pipe`.

    Args:
        pipe: A diffusers pipeline.
        tensors: Values under the names that they are stored by.

    Raises:
        InputError: the pipeline has no parameter of that name and shape.
    """
    if not tensors:
        return pipe
    # diffusers' own from_pipe casts the shared parts; a shallow copy leaves them alone.
    made = copy.copy(pipe)
    for component, state in _by_component(tensors).items():
        module = copy.deepcopy(getattr(pipe, component, None))
        own = _state(module)
        for name, tensor in state.items():
            _own(own, component, name, tensor).copy_(tensor)
        setattr(made, component, module)
    return made


def _state(module: Any) -> dict[str, Tensor]:
    return {} if module is None else dict(module.state_dict())


def _own(own: Mapping[str, Tensor], component: str, name: str, tensor: Tensor) -> Tensor:
    if name not in own or own[name].shape != tensor.shape:
        raise InputError(f"{component} has no parameter {name} of shape {tuple(tensor.shape)}")
    return own[name]


def _by_component(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        component = next((c for c, p in PREFIXES.items() if p and name.startswith(p)), _BARE)
        groups.setdefault(component, {})[name.removeprefix(PREFIXES[component])] = tensor
    return groups
