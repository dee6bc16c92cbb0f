"""Whether an erased pipeline differs by weights alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench.models import pipelines
from bench.models.foldable import folded
from bench.models.steering import steered, twin
from bench.models.weights import loaded
from bench.types import InputError


def test_changed_weights_come_back(tiny_pipe: Any) -> None:
    name, weight = next(iter(pipelines.cross_attention(tiny_pipe.unet).items()))
    found = folded(tiny_pipe, loaded(tiny_pipe, {name: 2 * weight.detach()}))
    assert list(found) == [name]
    assert torch.equal(found[name], 2 * weight)
    assert folded(tiny_pipe, tiny_pipe) == {}


def hooked(unet: Any) -> Any:
    made = twin(unet)
    made.mid_block.register_forward_hook(lambda module, given, out: out)
    return made


def added(unet: Any) -> Any:
    made = twin(unet)
    made.mid_block.adapter = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(20)))
    return made


def replaced(unet: Any) -> Any:
    made = twin(unet)
    made.conv_in = torch.nn.Sequential(made.conv_in)
    return made


def called(unet: Any) -> Any:
    made = copy.copy(twin(unet))
    made.conv_in.forward = made.conv_in.forward
    return made


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (hooked, "a hook"),
        (added, r"further modules, as mid_block\.adapter$"),
        (replaced, "modul"),
        (called, "function"),
    ],
)
def test_what_acts_beside_the_weights_is_refused(
    tiny_pipe: Any, change: Callable[[Any], Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        folded(tiny_pipe, pipelines.with_unet(tiny_pipe, change(tiny_pipe.unet)))


def test_a_steered_pipeline_is_refused(tiny_pipe: Any) -> None:
    with pytest.raises(InputError, match="another kind of module"):
        folded(tiny_pipe, steered(tiny_pipe, lambda predict, rows: predict(rows)))
