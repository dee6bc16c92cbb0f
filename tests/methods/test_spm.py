"""SPM's training: where a concept is led, what is held still, against formulas by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.models import meter, prediction
from bench.models.generate import draw, noise
from bench.types import Concept, InputError, Sampler
from methods import _noise, _training
from methods.spm import Spm, _anchoring

QUICK: dict[str, Any] = {
    "steps": 4,
    "warmup_steps": 0,
    "cycles": 1,
    "anchors": 2,
    "pool": 2,
    "trajectory_steps": 4,
    "learning_rate": 0.01,
}


def predicted(pipe: Any, text: str) -> Tensor:
    """Return what a pipeline predicts for some noise."""
    x = noise(pipe.unet, range(4))
    told = prediction.condition(pipe, [text]).expand(4)
    with torch.no_grad():
        return prediction.predict(pipe.unet, x, torch.tensor(501), told)


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_anchors_are_as_long_as_the_concept(layout: str, request: pytest.FixtureRequest) -> None:
    pipe = request.getfixturevalue(layout)
    text = prediction.condition(pipe, ["airplane"])
    made = _anchoring.anchors(text, 50, torch.Generator().manual_seed(0))
    for own, each in ((text.states, made.states), (text.pooled, made.pooled)):
        if own is None or each is None:
            assert layout == "tiny_pipe" and own is None and each is None
            continue
        assert each.shape == (50, *own.shape[1:])
        ratio = each.flatten(1).norm(dim=1) / own.norm()
        assert 0.8 <= ratio.min() < 0.85 and 1.15 < ratio.max() <= 1.2
        assert len({float(ratio) for ratio in ratio}) == 50
    if made.sizes is not None and text.sizes is not None:
        assert torch.equal(made.sizes, text.sizes.expand(50, -1))


def test_anchors_are_the_rarer_the_closer_they_are() -> None:
    """In a plane the density is 1 - cos, at most 1: a mean of -pi / 4 / (pi - 1), not of 0."""
    own = torch.tensor([[[3.0, 0.0]]])
    made = _anchoring.anchors(
        prediction.Conditioning(own), 4000, torch.Generator().manual_seed(0)
    ).states
    cosine = made[:, 0, 0] / made.flatten(1).norm(dim=1)
    assert abs(float(cosine.mean()) + np.pi / 4 / (np.pi - 1)) < 0.04


def test_latents_are_taken_to_be_of_the_noisiest_timestep_of_their_step() -> None:
    assert [_anchoring.timestep(done, 30, 1000) for done in (1, 2, 3, 29)] == [966, 933, 899, 33]
    assert [_anchoring.timestep(done, 4, 1000) for done in (0, 1, 3)] == [999, 749, 249]


def test_adapters_start_as_nothing(tiny_pipe: Any, airplane: Concept) -> None:
    never = Spm(**{**QUICK, "learning_rate": 0.0}).fit(tiny_pipe, [airplane], seed=0)
    erased = Spm().apply(tiny_pipe, [airplane], never)
    images = [
        draw(each, ["an airplane"], [0], Sampler(3, 4.0), "latent") for each in (erased, tiny_pipe)
    ]
    assert torch.equal(*images)
    for name, each in never.items():
        if name.endswith(".up"):
            assert not each.any()
        else:
            bound = each[0, 0].numel() ** -0.5
            assert 0.5 * bound < each.abs().max() <= bound


def test_the_learning_rate_rises_and_falls_along_cosines(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    def hear(
        optimizer: torch.optim.Optimizer, _: Any, steps: int, *, schedule: Any, **__: Any
    ) -> None:
        assert type(optimizer) is torch.optim.AdamW and optimizer.defaults["weight_decay"] == 1e-2
        for _ in range(steps):
            heard.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()

    monkeypatch.setattr(_training, "fit", hear)
    options = {**QUICK, "steps": 40, "warmup_steps": 10, "cycles": 3, "learning_rate": 0.5}
    Spm(**options).fit(tiny_pipe, [airplane], seed=0)
    along = np.arange(30) / 30
    falling = (1 + np.cos(np.pi * (3 * along % 1))) / 2
    assert np.allclose(heard, 0.5 * np.concatenate([np.arange(10) / 10, falling]))


@pytest.mark.parametrize(("guide", "eta"), [("", 1.0), (None, 2.0)])
def test_the_concept_is_led_to_where_the_loss_wants_it(
    tiny_pipe: Any, airplane: Concept, guide: str | None, eta: float
) -> None:
    """e(s) - eta (e(c) - e(s)), on noise that it was not trained on; more steps, nearer."""
    start = predicted(tiny_pipe, airplane.anchor if guide is None else guide)
    full = predicted(tiny_pipe, airplane.name)
    wanted = start - eta * (full - start)
    errors = []
    for steps in (1, 6, 24):
        eraser = Spm(
            **{**QUICK, "steps": steps, "anchors": 0, "guide": guide}, negative_guidance=eta
        )
        erased = eraser.erase(tiny_pipe, [airplane], seed=0)
        errors.append(float((predicted(erased, airplane.name) - wanted).square().mean()))
    before = float((full - wanted).square().mean())
    assert before > errors[0] > errors[1] > errors[2] and errors[2] < 0.7 * before


def test_the_loss_is_the_erasing_one_and_the_anchoring_one_times_its_weight(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the last step, when the adapters are no longer nothing."""
    made: list[Tensor] = []
    losses: list[float] = []
    predict, fit = prediction.predict, _training.fit

    def hear(*given: Any) -> Tensor:
        made.append(predict(*given))
        return made[-1]

    monkeypatch.setattr(prediction, "predict", hear)
    monkeypatch.setattr(_training, "fit", lambda *a, **more: losses.extend(fit(*a, **more)))
    options = {**QUICK, "steps": 3, "negative_guidance": 2.0, "anchoring": 10.0, "guide": None}
    Spm(**options).fit(tiny_pipe, [airplane], seed=0)
    frozen, learning = (each.detach() for each in made[-2:])
    guide, full, held = frozen[0], frozen[1], frozen[2:]
    erasing = float((learning[0] - (guide - 2 * (full - guide))).square().mean())
    anchoring = float((learning[1:] - held).square().mean())
    assert len(held) == 2 and anchoring > 1e-6
    assert losses[-1] == pytest.approx(erasing + 10 * anchoring, rel=1e-4)


@pytest.mark.parametrize("pool", [1, 3])
def test_latents_are_denoised_by_what_learns_to_the_step_they_are_told_to_be_of(
    tiny_pipe: Any, airplane: Concept, pool: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each latent here is the number of the steps behind it, and a tenth of its trajectory's."""
    shape = noise(tiny_pipe.unet, [0]).shape[1:]
    seen: list[tuple[float, int]] = []
    asked: list[dict[str, Any]] = []

    def made(pipe: Any, text: Any, null: Any, *, count: int, **more: Any) -> _noise.Pool:
        own = prediction.condition(tiny_pipe, [airplane.name]).states
        assert pipe.unet is not tiny_pipe.unet and torch.equal(text.states, own)
        assert torch.equal(null.states, prediction.unconditional(tiny_pipe).states)
        asked.append({"count": count, **more})
        marks = torch.arange(4.0)[:, None] + torch.arange(count) / 10
        latents = marks[..., None, None, None].expand(4, count, *shape)
        stop = more["stop"] or 0
        final = torch.full((count, *shape), float(stop))
        return _noise.Pool(latents, torch.arange(4), final, (0,) * count, None)

    def predict(unet: Any, x: Tensor, t: Tensor, text: Any) -> Tensor:
        if unet is tiny_pipe.unet:
            seen.append((round(float(x.flatten()[0]), 1), int(t)))
        return model(unet, x, t, text)

    model = prediction.predict
    monkeypatch.setattr(_noise, "trajectories", made)
    monkeypatch.setattr(prediction, "predict", predict)
    options = {**QUICK, "steps": 25, "pool": pool, "refresh": 10, "anchors": 0}
    Spm(**options, trajectory_guidance=2.0).fit(tiny_pipe, [airplane], seed=0)
    done = [int(mark) for mark, _ in seen]
    assert len(done) == 25 and set(done) == {1, 2, 3}
    assert [t for _, t in seen] == [_anchoring.timestep(each, 4, 1000) for each in done]
    assert {(each["count"], each["steps"], each["guidance"]) for each in asked} == {(pool, 4, 2.0)}
    if pool == 1:
        assert [each["stop"] for each in asked] == done
    else:
        assert len(asked) == 3 and all(each["stop"] is None and each["keep"] for each in asked)
        assert {mark - int(mark) > 0.05 for mark, _ in seen} == {True, False}


def test_an_adapter_has_as_many_columns_as_it_is_told(tiny_pipe: Any, airplane: Concept) -> None:
    made = Spm(**QUICK, rank=3).fit(tiny_pipe, [airplane], seed=0)
    shapes = {(each.shape[2] if name.endswith("up") else each.shape[1]) for name, each in
              made.items()}  # fmt: skip
    assert shapes == {3}


def test_another_seed_gives_another_erasure(tiny_pipe: Any, airplane: Concept) -> None:
    one, same, other = (Spm(**QUICK).fit(tiny_pipe, [airplane], seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_it_refuses_before_it_works_and_does_nothing_for_no_concept(
    tiny_pipe: Any, airplane: Concept
) -> None:
    with meter.counted() as spent:
        with pytest.raises(InputError, match="rank is 0, allowed is 1 or more"):
            Spm(**QUICK, rank=0).fit(tiny_pipe, [airplane], seed=0)
        with pytest.raises(InputError, match="a concept to erase needs a name"):
            Spm(**QUICK).fit(tiny_pipe, [Concept(" ", "object", "the sky")], seed=0)
        assert Spm(**QUICK).fit(tiny_pipe, [], seed=0) == {}
    assert spent() == 0
    for gating in ("transport", "none"):
        assert Spm(gating=gating).apply(tiny_pipe, [], {}) is tiny_pipe  # type: ignore[arg-type]


def test_more_anchoring_moves_random_points_less(tiny_pipe: Any, airplane: Concept) -> None:
    text = prediction.condition(tiny_pipe, [airplane.name])
    points = _anchoring.anchors(text, 4, torch.Generator().manual_seed(9))
    x, t = noise(tiny_pipe.unet, range(4)), torch.tensor(501)

    def at(pipe: Any) -> Tensor:
        with torch.no_grad():
            return prediction.predict(pipe.unet, x, t, points)

    moved = []
    for anchoring in (0.0, 10.0, 1000.0):
        options = {**QUICK, "steps": 16, "anchoring": anchoring, "gating": "none"}
        erased = Spm(**options).erase(tiny_pipe, [airplane], seed=0)
        moved.append(float((at(erased) - at(tiny_pipe)).square().mean()))
    assert moved == sorted(moved, reverse=True) and moved[2] < 0.2 * moved[0]


@pytest.mark.parametrize(("held", "empty"), [("points", 0), ("halved", 2)])
def test_half_of_what_is_held_still_is_the_empty_text_in_the_code(
    tiny_pipe: Any,
    airplane: Concept,
    held: Any,
    empty: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, predict = [], prediction.predict

    def hear(unet: Any, x: Tensor, t: Tensor, text: Any) -> Tensor:
        told.append(text.states)
        return predict(unet, x, t, text)

    monkeypatch.setattr(prediction, "predict", hear)
    options = {**QUICK, "steps": 1, "anchors": 5, "held": held, "pool": 1}
    Spm(**options).fit(tiny_pipe, [airplane], seed=0)
    none, own = prediction.condition(tiny_pipe, ["", airplane.name]).states
    frozen, learning = told[-2:]
    assert len(frozen) == 7 and torch.equal(frozen[1:], learning) and torch.equal(frozen[0], none)
    assert torch.equal(learning[0], own)
    assert sum(torch.equal(each, none) for each in learning[1:]) == empty


def test_adapters_of_a_concept_are_the_same_whatever_else_is_erased(
    tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    both, alone = (Spm(**QUICK).fit(tiny_pipe, some, seed=4) for some in ([airplane, bird], [bird]))
    for name, each in both.items():
        assert len(each) == 2 and torch.equal(each[1:], alone[name])
    assert any(not torch.equal(each[0], each[1]) for each in both.values())


def test_evaluations_are_those_of_the_published_loop(tiny_pipe: Any, airplane: Concept) -> None:
    """Frozen: guide, concept, anchors; learning: concept and anchors; and two a denoising step."""
    options = {**QUICK, "steps": 5, "refresh": 3, "anchors": 3}
    with meter.counted() as spent:
        Spm(**options).fit(tiny_pipe, [airplane], seed=0)
    assert spent() == 2 * 2 * 4 * 2 + 5 * (5 + 4)
    with meter.counted() as spent:
        Spm(**options | {"pool": 1, "anchors": 0}).fit(tiny_pipe, [airplane], seed=0)
    assert 5 * (3 + 2) <= spent() <= 5 * (3 + 2 * 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank is 0, allowed is 1 or more"),
        ({"cycles": 0}, "cycles is 0, allowed is 1 or more"),
        ({"trajectory_steps": 1}, "trajectory_steps is 1, allowed is 2 or more"),
        ({"warmup_steps": 3001}, "warmup_steps is 3001, allowed is 0 to 3000"),
        ({"warmup_steps": -1}, "warmup_steps is -1, allowed is 0 to 3000"),
        ({"anchors": -1}, "anchors is -1, allowed is 0 or more"),
        ({"anchoring": -0.5}, "anchoring is -0.5, allowed is 0 or more"),
        ({"strength": float("nan")}, "strength is nan, allowed is 0 or more"),
        ({"strength": -0.5}, "strength is -0.5, allowed is 0 or more"),
        ({"learning_rate": -1e-4}, "learning_rate is -0.0001, allowed is 0 or more"),
        ({"negative_guidance": -1.0}, "negative_guidance is -1.0, allowed is 0 or more"),
        ({"trajectory_guidance": -3.0}, "trajectory_guidance is -3.0, allowed is 0 or more"),
        ({"steps": 0}, "steps is 0, allowed is 1 or more"),
        ({"pool": 0}, "pool is 0, allowed is 1 or more"),
        ({"refresh": 0}, "refresh is 0, allowed is 1 or more"),
        ({"guide": "a;b"}, "guide has 2 parts for 1 concepts"),
        ({"guide": "word " * 60}, "tokens; the encoder reads 30"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Spm(**options).check(tiny_pipe, [airplane])


def test_defaults_are_the_published_ones() -> None:
    eraser = Spm()
    assert (eraser.rank, eraser.steps, eraser.learning_rate, eraser.pool) == (1, 3000, 1e-4, 1)
    assert (eraser.warmup_steps, eraser.cycles, eraser.guide) == (500, 3, "")
    assert (eraser.anchors, eraser.anchoring, eraser.negative_guidance) == (4, 1000.0, 1.0)
    assert (eraser.trajectory_steps, eraser.trajectory_guidance) == (30, 3.0)
    assert (eraser.gating, eraser.sum, eraser.strength) == ("transport", "products", 1.0)
