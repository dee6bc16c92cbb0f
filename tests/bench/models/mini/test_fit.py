from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from bench.models.mini.train import fit as fitting
from bench.models.mini.train.fit import Recipe, fit, learning_rate

RECIPE = Recipe(steps=12, batch=4, learning_rate=0.01, warmup=3)


def trained(checkpoint, progress=lambda *_: None, steps=12):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)

    def loss(generator):
        return (model(torch.randn(4, 3, generator=generator)) - 1).square().mean()

    recipe = Recipe(steps=steps, batch=4, learning_rate=0.01, warmup=3)
    return fit(model, loss, recipe, checkpoint, seed=5, progress=progress)


def test_a_killed_training_resumes_to_the_same_weights(tmp_path, monkeypatch):
    unbroken = trained(tmp_path / "a.pt")
    monkeypatch.setattr(fitting, "CHECKPOINT_SECONDS", 0.0)

    def killer(what, done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "b.pt", killer)
    resumed = trained(tmp_path / "b.pt")
    for a, b in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_finished_training_is_not_repeated(tmp_path):
    trained(tmp_path / "a.pt")
    steps = []
    trained(tmp_path / "a.pt", lambda *args: steps.append(args))
    assert steps == []


def test_training_lowers_the_loss(tmp_path):
    model = trained(tmp_path / "a.pt", steps=300)
    assert (model(torch.zeros(1, 3)) - 1).abs().max() < 0.5


def test_the_rate_rises_then_falls():
    rates = [learning_rate(RECIPE, step) for step in range(RECIPE.steps)]
    assert rates[:4] == pytest.approx([0.01 / 3, 0.02 / 3, 0.01, 0.01])
    assert all(one > other for one, other in pairwise(rates[3:]))
    assert learning_rate(RECIPE, RECIPE.steps) == pytest.approx(0.02 * RECIPE.learning_rate)
    assert rates[-1] < 0.1 * RECIPE.learning_rate
