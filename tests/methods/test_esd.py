"""ESD against the official code's numbers, and its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import pipelines
from bench.types import Concept, InputError
from methods import _noise, esd
from methods.esd import Esd

CASE = np.load(Path(__file__).parents[1] / "data" / "esd_case.npz")
QUICK: dict[str, Any] = {"steps": 2, "pool": 2, "trajectory_steps": 3, "learning_rate": 1e-4}


def array(name: str) -> torch.Tensor:
    return torch.from_numpy(CASE[name])


@pytest.mark.parametrize("eta", [1, 2])
@pytest.mark.parametrize(
    ("name", "convention", "from_other"),
    [
        ("target_self", "code2025", False),
        ("target_from", "code2025", True),
        ("target_alt_self", "paper", False),
        ("target_alt_from", "paper", True),
    ],
)
def test_targets_equal_the_official_code(
    name: str, convention: Any, from_other: bool, eta: int
) -> None:
    got = esd.target(
        array("eps_uncond"),
        array("eps_cond"),
        negative_guidance=eta,
        convention=convention,
        eps_erase_from=array("eps_erase_from") if from_other else None,
    )
    wanted = array(f"{name}_ng{eta}")
    assert (got - wanted).norm() / wanted.norm() < 1e-5


def test_code_guidance_2_is_paper_guidance_1() -> None:
    code, paper = (
        esd.target(
            array("eps_uncond").double(),
            array("eps_cond").double(),
            negative_guidance=eta,
            convention=convention,
        )
        for eta, convention in ((2.0, "code2025"), (1.0, "paper"))
    )
    assert (code - paper).norm() / paper.norm() < 1e-10


def test_train_methods_select_the_published_layers(tiny_pipe: Any) -> None:
    names = {
        method: set(esd.selected(tiny_pipe.unet, method))
        for method in ("x", "x_strict", "u", "all")
    }
    assert names["x_strict"] == set(pipelines.cross_attention(tiny_pipe.unet))
    assert names["x_strict"] < names["x"] and all("attn2" in name for name in names["x"])
    assert "conv_in.weight" in names["u"] and not names["u"] & names["x"]
    assert names["all"] == names["u"] | names["x"]
    assert not any("norm" in name for name in names["all"])


def changed(before: Any, after: Any) -> set[str]:
    old = before.unet.state_dict()
    return {n for n, v in after.unet.state_dict().items() if not torch.equal(v, old[n])}


@pytest.mark.parametrize("method", ["x", "x_strict", "u", "all"])
def test_only_selected_layers_learn(tiny_pipe: Any, airplane: Concept, method: Any) -> None:
    edited = Esd(**QUICK, train_method=method).erase(tiny_pipe, [airplane], seed=0)
    learned = changed(tiny_pipe, edited)
    assert learned and learned <= set(esd.selected(tiny_pipe.unet, method))


@pytest.mark.parametrize(
    "options",
    [
        {"convention": "code2025"},
        {"erase_from": "bird"},
        {"pool": 1},
        {"batch": 2},
        {"batch": 2, "pool": 1, "erase_from": "bird"},
        {"refresh": 1},
        {"negative_guidance": 3.0},
    ],
)
def test_each_option_matters(tiny_pipe: Any, airplane: Concept, options: dict[str, Any]) -> None:
    plain = Esd(**QUICK).erase(tiny_pipe, [airplane], seed=0)
    other = Esd(**(QUICK | options)).erase(tiny_pipe, [airplane], seed=0)
    assert changed(plain, other)


def test_conventions_agree_at_their_own_guidance(tiny_pipe: Any, airplane: Concept) -> None:
    paper = Esd(**QUICK, negative_guidance=1.0).erase(tiny_pipe, [airplane], seed=0)
    code = Esd(**QUICK, negative_guidance=2.0, convention="code2025").erase(
        tiny_pipe, [airplane], seed=0
    )
    for one, other in zip(paper.unet.parameters(), code.unet.parameters(), strict=True):
        # Adam's first steps keep the sign of a gradient near zero, whatever its size.
        assert torch.allclose(one, other, atol=5e-4)


def test_published_defaults() -> None:
    assert Esd()._published() == (1000, 1e-5, 1.0)
    assert Esd(convention="code2025")._published() == (200, 5e-5, 2.0)
    assert Esd(steps=7)._published()[0] == 7
    options: dict[str, Any] = dict(Esd.presets["objects-mace"])
    assert Esd(**options)._published() == Esd(convention="paper")._published()


def test_training_brings_the_prediction_to_its_target(tiny_pipe: Any, airplane: Concept) -> None:
    edited = Esd(steps=100, pool=4, refresh=0, trajectory_steps=4, learning_rate=1e-3).erase(
        tiny_pipe, [airplane], seed=0
    )
    rows = pipelines.encode(tiny_pipe, ["", "airplane"])
    path = _noise.trajectories(
        tiny_pipe,
        rows[1:],
        rows[:1],
        count=4,
        steps=4,
        guidance=3.0,
        generator=torch.Generator().manual_seed(0),
    )
    x, t = path.latents[2], path.timesteps[2]
    with torch.no_grad():
        empty, full = (_noise.predict(tiny_pipe.unet, x, t, row.expand(4, -1, -1)) for row in rows)
        wanted = esd.target(empty, full, negative_guidance=1.0, convention="paper")
        made = _noise.predict(edited.unet, x, t, rows[1:].expand(4, -1, -1))
    assert (made - wanted).norm() < 0.7 * (full - wanted).norm()


def test_the_pool_saves_evaluations(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    predict = _noise.predict
    for pool in (1, 2):
        seen = [0]

        def counted(unet: Any, x: torch.Tensor, *rest: Any, seen: list[int] = seen) -> torch.Tensor:
            seen[0] += len(x)
            return predict(unet, x, *rest)

        monkeypatch.setattr(_noise, "predict", counted)
        Esd(steps=40, pool=pool, trajectory_steps=12).erase(tiny_pipe, [airplane], seed=0)
        counts.append(seen[0])
    assert counts[0] > 2 * counts[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"pool": 0}, "pool is 0"),
        ({"refresh": -1}, "refresh is -1"),
        ({"steps": 5, "learning_rate": 1e30}, "learning rate"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Esd(**(QUICK | options)).erase(tiny_pipe, [airplane], seed=0)
