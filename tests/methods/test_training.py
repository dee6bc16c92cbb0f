from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.models import prediction, room
from bench.models.tiny import build_tiny_pipe
from bench.types import silent
from methods import _training, _unet

STEPS = 3
Held = list[int]


def layers() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(4, 4, generator=generator).requires_grad_(True) for _ in range(5)]


def loss(parameters: list[Tensor]) -> Tensor:
    """Each is used twice, the first ones before the last."""
    x = torch.ones(4)
    for each in parameters * 2:
        x = torch.tanh(each @ x)
    return x.square().sum()


def trained(clip: float | None = None) -> tuple[list[Tensor], Held]:
    """Return what was learnt, and how many gradients there were at each step of the optimiser."""
    parameters, held = layers(), []

    class Counted(torch.optim.AdamW):
        def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
            held.append(sum(each.grad is not None for each in parameters))
            super().step(closure)

    optimizer = Counted(parameters, lr=0.01)
    losses = _training.fit(
        optimizer, lambda _: loss(parameters), STEPS, what="t", progress=silent, clip=clip
    )
    assert losses[-1] < losses[0] and not any(each._backward_hooks for each in parameters)
    return parameters, held


def test_what_is_large_holds_one_gradient_at_a_time_and_learns_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, together = trained()
    monkeypatch.setattr(room, "LARGE", 0)
    large, alone = trained()
    assert together == [5] * STEPS and alone == [1] * 5 * STEPS
    assert all(map(torch.equal, small, large))


def test_a_gradient_that_is_clipped_is_held_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    small, _ = trained(clip=0.01)
    monkeypatch.setattr(room, "LARGE", 0)
    large, held = trained(clip=0.01)
    assert held == [5] * STEPS
    assert all(map(torch.equal, small, large))


def dtypes(student: torch.nn.Module, text: prediction.Conditioning) -> set[torch.dtype]:
    """Return in what a student's linear layers compute, while its parameters learn."""
    found: set[torch.dtype] = set()
    for module in student.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda *given: found.add(given[2].dtype))
    weights = _unet.learning(student, "attn2")
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    loss = prediction.predict(student, x, torch.tensor([500]), text).square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert {each.dtype for each in weights.values()} == {torch.float32}
    assert all(each.grad is not None and each.grad.any() for each in weights.values())
    assert not torch.is_autocast_enabled("cpu"), "elsewhere nothing is changed"
    return found


def test_a_large_copy_of_a_model_in_half_precision_computes_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = build_tiny_pipe()
    text = prediction.condition(pipe, ["airplane"])
    for large, own, expected in (
        (False, torch.float16, torch.float32),
        (True, torch.float32, torch.float32),
        (True, torch.bfloat16, torch.bfloat16),
        # Which fp16 would need losses with a scale for.
        (True, torch.float16, torch.bfloat16),
    ):
        monkeypatch.setattr(room, "LARGE", 0 if large else 10**8)
        student = _unet.trainable(copy.deepcopy(pipe.unet).to(own))
        assert dtypes(student, text) == {expected}, (large, own)


def test_what_fails_inside_leaves_the_precision_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGE", 0)
    student = _unet.trainable(copy.deepcopy(build_tiny_pipe().unet).to(torch.bfloat16))
    with pytest.raises(RuntimeError):
        student(torch.ones(1, 3, 8, 8), 1, torch.ones(1, 1, 1))
    assert not torch.is_autocast_enabled("cpu")
