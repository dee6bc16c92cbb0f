"""ESD against the official code's numbers, and its training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench.models import pipelines, prediction
from bench.types import Concept, InputError
from methods import _noise, _training, esd
from methods.esd import Esd
from methods.esd._conventions import Published

CASE = np.load(Path(__file__).parents[1] / "data" / "esd_case.npz")
QUICK: dict[str, Any] = {"steps": 2, "pool": 2, "trajectory_steps": 3, "learning_rate": 1e-4}


def array(name: str) -> torch.Tensor:
    return torch.from_numpy(CASE[name])


class Spoken(torch.nn.Module):
    """Answers as the arrays say: without gradients as the frozen model, with them as the student.

    The student's answer has a bias of its own, so that its gradient shows the target.
    """

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(sample_size=8, in_channels=4)
        self.device = torch.device("cpu")
        self.attn2 = torch.nn.Linear(1, 512)
        torch.nn.init.zeros_(self.attn2.bias)

    def forward(self, x: torch.Tensor, t: torch.Tensor, rows: torch.Tensor) -> Any:
        texts = [("eps_uncond", "eps_cond", "eps_erase_from")[int(row[0, 0])] for row in rows]
        if not torch.is_grad_enabled():
            return (torch.stack([array(text)[i % 2] for i, text in enumerate(texts)]),)
        self.asked = texts
        return (array("eps_student") + self.attn2.bias.reshape(2, 4, 8, 8),)


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("eta", [1, 2])
@pytest.mark.parametrize(
    ("name", "convention", "erase_from"),
    [
        ("self", "code2025", None),
        ("from", "code2025", "an animal"),
        ("alt_self", "paper", None),
        ("alt_from", "paper", "an animal"),
    ],
)
def test_the_erasers_targets_and_loss_equal_the_official_code(
    recited: Any,
    tiny_pipe: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    convention: Any,
    erase_from: str | None,
    eta: int,
    pool: int,
) -> None:
    words = ("", "bird", "an animal")
    texts = {word: (torch.full((3, 1), float(i)), 3) for i, word in enumerate(words)}
    pipe = recited.pipeline(texts, Spoken(), tiny_pipe.scheduler)
    seen: dict[str, Any] = {}
    fit = _training.fit

    def watched(optimizer: Any, loss_at: Any, *given: Any, **more: Any) -> list[float]:
        seen["losses"] = fit(optimizer, loss_at, *given, **more)
        seen["gradients"] = [p.grad for g in optimizer.param_groups for p in g["params"]]
        return list(seen["losses"])

    monkeypatch.setattr(_training, "fit", watched)
    Esd(
        steps=1,
        batch=2,
        pool=pool,
        trajectory_steps=3,
        train_method="x",
        convention=convention,
        negative_guidance=float(eta),
        erase_from=erase_from,
    ).erase(pipe, [Concept("bird", "object", "sky")], seed=0)
    wanted, student = array(f"target_{name}_ng{eta}"), array("eps_student")
    (gradient,) = (g for g in seen["gradients"] if g is not None and g.numel() == 512)
    got = student - gradient.reshape(student.shape) * student.numel() / 2
    assert (got - wanted).norm() / wanted.norm() < 1e-5
    loss = float((student - wanted).square().mean())
    if convention == "code2025":
        assert loss == pytest.approx(float(CASE[f"loss_{name}_ng{eta}"]), rel=1e-5)
    assert seen["losses"] == [pytest.approx(loss, rel=1e-5)]


@pytest.mark.parametrize("erase_from", [None, "an animal"])
def test_the_student_is_asked_for_what_is_erased_from(
    recited: Any, tiny_pipe: Any, monkeypatch: pytest.MonkeyPatch, erase_from: str | None
) -> None:
    words = ("", "bird", "an animal")
    texts = {word: (torch.full((3, 1), float(i)), 3) for i, word in enumerate(words)}
    asked: list[str] = []
    forward = Spoken.forward

    def heard(self: Spoken, *given: Any) -> Any:
        made = forward(self, *given)
        if torch.is_grad_enabled():
            asked.extend(self.asked)
        return made

    monkeypatch.setattr(Spoken, "forward", heard)
    pipe = recited.pipeline(texts, Spoken(), tiny_pipe.scheduler)
    Esd(steps=1, batch=2, trajectory_steps=3, train_method="x", erase_from=erase_from).erase(
        pipe, [Concept("bird", "object", "sky")], seed=0
    )
    assert asked == ["eps_erase_from" if erase_from else "eps_cond"] * 2


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


METHODS: tuple[Any, ...] = ("x", "x_strict", "u", "all")


@pytest.mark.parametrize("convention", ["paper", "code2025"])
def test_train_methods_select_the_published_parameters(tiny_pipe: Any, convention: Any) -> None:
    names = {method: set(esd.selected(tiny_pipe.unet, method, convention)) for method in METHODS}
    assert names["x_strict"] == set(pipelines.cross_attention(tiny_pipe.unet))
    assert names["x_strict"] < names["x"] and all("attn2" in name for name in names["x"])
    assert "conv_in.weight" in names["u"] and not names["u"] & names["x"]
    left = names["all"] - names["u"] - names["x"]
    norms = {name for name in names["all"] if "norm" in name}
    if convention == "code2025":
        assert not left and not norms and "conv_out.weight" in names["u"]
    else:
        assert {name.split(".")[0] for name in left} == {
            *("conv_out", "conv_norm_out", "time_embedding")
        }
        assert names["all"] == {name for name, _ in tiny_pipe.unet.named_parameters()}
        assert any("time_emb_proj" in name for name in names["u"]) and norms & names["u"]


def test_counts_of_stable_diffusion_are_the_published_ones() -> None:
    """Measured on the official code of 2025: tensors and parameters of SD 1.4."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768)
    counts = {}
    for method in METHODS:
        found = esd.selected(unet, method, "code2025")
        counts[method] = len(found), sum(parameter.numel() for parameter in found.values())
    assert counts == {
        "x": (80, 43_962_560),
        "x_strict": (32, 19_169_280),
        "u": (388, 815_358_084),
        "all": (468, 859_320_644),
    }


@pytest.mark.parametrize(
    ("kind", "method"), [("object", "u"), ("explicit", "u"), ("style", "x"), ("person", "x")]
)
@pytest.mark.parametrize("convention", ["paper", "code2025"])
def test_the_kind_decides_what_learns(
    tiny_pipe: Any, kind: Any, method: Any, convention: Any
) -> None:
    concepts = [Concept("mosaic", kind, "art"), Concept("bird", "object", "sky")]
    edited = Esd(**QUICK, convention=convention).erase(tiny_pipe, concepts, seed=0)
    learned = changed(tiny_pipe, edited)
    wanted = set(esd.selected(tiny_pipe.unet, method, convention))
    assert learned <= wanted
    # What has no gradient stays: nearly nothing.
    assert len(learned) > 0.7 * len(wanted)


def changed(before: Any, after: Any) -> set[str]:
    old = before.unet.state_dict()
    return {n for n, v in after.unet.state_dict().items() if not torch.equal(v, old[n])}


@pytest.mark.parametrize("method", ["x", "x_strict", "u", "all"])
def test_only_selected_layers_learn(tiny_pipe: Any, airplane: Concept, method: Any) -> None:
    edited = Esd(**QUICK, train_method=method).erase(tiny_pipe, [airplane], seed=0)
    learned = changed(tiny_pipe, edited)
    assert learned and learned <= set(esd.selected(tiny_pipe.unet, method, "paper"))


@pytest.mark.parametrize(
    ("option", "beside"),
    [
        ({"convention": "code2025"}, {}),
        ({"erase_from": "bird"}, {}),
        ({"erase_from": "bird"}, {"batch": 2, "pool": 1}),
        ({"pool": 1}, {}),
        ({"batch": 2}, {}),
        ({"refresh": 1}, {}),
        ({"negative_guidance": 3.0}, {}),
        ({"train_method": "x"}, {}),
        ({"timesteps": "grid"}, {}),
        ({"timesteps": "grid"}, {"pool": 1}),
        ({"sampled_by": "student"}, {"pool": 1}),
        ({"sampled_by": "student"}, {"refresh": 1}),
    ],
)
def test_each_option_matters(
    tiny_pipe: Any, airplane: Concept, option: dict[str, Any], beside: dict[str, Any]
) -> None:
    plain = Esd(**(QUICK | beside)).erase(tiny_pipe, [airplane], seed=0)
    other = Esd(**(QUICK | beside | option)).erase(tiny_pipe, [airplane], seed=0)
    assert changed(plain, other)


def test_conventions_agree_at_their_own_guidance(tiny_pipe: Any, airplane: Concept) -> None:
    same = QUICK | {"train_method": "x", "timesteps": "grid"}
    paper, code = (
        Esd(**same, negative_guidance=eta, convention=convention).erase(
            tiny_pipe, [airplane], seed=0
        )
        for eta, convention in ((1.0, "paper"), (2.0, "code2025"))
    )
    for one, other in zip(paper.unet.parameters(), code.unet.parameters(), strict=True):
        # Adam's first steps keep the sign of a gradient near zero, whatever its size.
        assert torch.allclose(one, other, atol=5e-4)


def test_published_defaults() -> None:
    assert Esd()._published() == Published(1000, 1e-5, 1.0, "bucket")
    assert Esd(convention="code2025")._published() == Published(200, 5e-5, 2.0, "grid")
    assert Esd(steps=7, timesteps="grid")._published() == Published(7, 1e-5, 1.0, "grid")
    options: dict[str, Any] = dict(Esd.presets["objects-mace"])
    assert Esd(**options)._published() == Esd(convention="paper")._published()


@pytest.mark.parametrize("pool", [1, 3])
@pytest.mark.parametrize("convention", ["paper", "code2025"])
def test_timesteps_lie_where_the_codes_draw_them(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch, convention: Any, pool: int
) -> None:
    """paper: all of 0 to 999, each with the x_t of its tenth; code2025: the ten of the grid."""
    seen: list[tuple[int, torch.Tensor]] = []
    steps: list[dict[int, torch.Tensor]] = []
    predict, run = prediction.predict, _noise.trajectories

    def heard(unet: Any, x: torch.Tensor, t: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            seen.append((int(t), x[0]))
        return predict(unet, x, t, rows)

    def kept(*given: Any, **more: Any) -> Any:
        made = run(*given, **more)
        latents = torch.cat([made.latents, made.final[None]])
        grid = made.scheduler.timesteps.tolist()
        for path in range(latents.shape[1]):
            steps.append(dict(zip(grid, latents[:, path], strict=False)))
        return made

    monkeypatch.setattr(prediction, "predict", heard)
    monkeypatch.setattr(_noise, "trajectories", kept)
    options = QUICK | {"steps": 60, "trajectory_steps": 10, "pool": pool, "refresh": 0}
    Esd(**options, convention=convention).erase(tiny_pipe, [airplane], seed=0)
    grid = _noise.ddim(tiny_pipe, 10).timesteps.tolist()
    times = [t for t, _ in seen]
    assert {t // 100 for t in times} == set(range(10))
    if convention == "code2025":
        assert set(times) <= set(grid)
    else:
        assert len(set(times)) > 45 and not set(times) <= set(grid)
    for t, x in seen:
        own = next(step for step in grid if step // 100 == t // 100)
        assert any(own in path and torch.equal(path[own], x) for path in steps)


def test_training_brings_the_prediction_to_its_target(tiny_pipe: Any, airplane: Concept) -> None:
    edited = Esd(steps=100, pool=4, refresh=0, trajectory_steps=4, learning_rate=1e-3).erase(
        tiny_pipe, [airplane], seed=0
    )
    rows = prediction.condition(tiny_pipe, ["", "airplane"])
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
        empty, full = (
            prediction.predict(tiny_pipe.unet, x, t, row.expand(4)) for row in (rows[:1], rows[1:])
        )
        wanted = esd.target(empty, full, negative_guidance=1.0, convention="paper")
        made = prediction.predict(edited.unet, x, t, rows[1:].expand(4))
    assert (made - wanted).norm() < 0.7 * (full - wanted).norm()


def test_the_pool_saves_evaluations(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    predict = prediction.predict
    for pool in (1, 2):
        seen = [0]

        def counted(unet: Any, x: torch.Tensor, *rest: Any, seen: list[int] = seen) -> torch.Tensor:
            seen[0] += len(x)
            return predict(unet, x, *rest)

        monkeypatch.setattr(prediction, "predict", counted)
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
