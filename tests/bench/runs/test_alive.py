"""How many U-Nets are alive at once, as a GPU would have to hold them."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from bench.attacks import _latents
from bench.models import prediction
from bench.runs import plan
from bench.runs.resolved import Resolved
from bench.runs.units import Clock, Kept, draws, fits
from bench.types import silent

SMALL = ("steps=1", "trajectory_steps=2", "trajectories=1", "pool=1", "images=1", "image_steps=2")


WATCHED: weakref.WeakSet[Any] = weakref.WeakSet()
"""The U-Nets that were born since watching began, those among them that only wait for gc."""


def born(cls: type, *_: object, **__: object) -> Any:
    """Make one as Python does, copies too, and watch it."""
    made = object.__new__(cls)
    WATCHED.add(made)
    return made


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many U-Nets there are whenever one computes."""
    counts: list[int] = []
    forward = UNet2DConditionModel.forward

    def counted(self: Any, *given: Any, **how: Any) -> Any:
        counts.append(len(WATCHED))
        return forward(self, *given, **how)

    # It stays: Python cannot take a class's __new__ back, and would make no more of them.
    UNet2DConditionModel.__new__ = born
    WATCHED.clear()
    monkeypatch.setattr(UNet2DConditionModel, "forward", counted)
    return counts


def test_three_unets_are_alive_at_most_in_runs_and_attacks_of_several_methods(
    alive: list[int], tiny_folder: Path, tmp_path: Path
) -> None:
    specs = plan.specs(
        ["esd", "mace", "realera", "uce"],
        model=str(tiny_folder),
        suite="objects",
        size="smoke",
        concepts=["airplane", "ship"],
        together=True,
        settings=SMALL,
        steps=1,
        precision="bf16",
    )
    kept = Kept()
    for spec in specs:
        resolved = Resolved(spec)
        for unit in fits(resolved, tmp_path, "cpu"):
            unit.perform(kept, Clock(), silent)
        batch = draws(resolved, tmp_path, "cpu", 1)[0]
        batch.perform(kept, Clock(), silent)
        # As attacks do that take gradients.
        pipe = batch.model(kept, Clock())
        text = prediction.condition(pipe, ["a ship"])
        with _latents.frozen(pipe.unet) as unet:
            prediction.predict(unet, torch.zeros(1, 8, 8, 8), torch.tensor([1]), text)
        del pipe, unet
    assert 1 < max(alive) <= 3
