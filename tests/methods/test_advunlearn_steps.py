"""AdvUnlearn step by step: what it predicts on which latents, its attacks, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import meter, prediction
from bench.types import Concept, InputError
from methods import _noise, _training
from methods.advunlearn import Advunlearn, _retained, _Training
from methods.advunlearn._student import Student

QUICK: dict[str, Any] = {
    "steps": 6,
    "learning_rate": 1e-3,
    "warmup": 2,
    "attack_steps": 3,
    "attack_rate": 0.05,
    "retain_batch": 2,
    "retain_prompts": "scenes",
    "pool": 4,
    "trajectory_steps": 3,
}


@contextmanager
def predictions(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[tuple[Tensor, Tensor, Tensor, Tensor]]]:
    """Record x_t, t, the text and what is predicted of each prediction."""
    seen: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    predict = prediction.predict

    def heard(unet: Any, x: Tensor, t: Tensor, text: Any) -> Tensor:
        made = predict(unet, x, t, text)
        seen.append((x, t, text.states.detach(), made.detach()))
        return made

    with monkeypatch.context() as patch:
        patch.setattr(prediction, "predict", heard)
        yield seen


@pytest.fixture
def two(tiny_pipe: Any, airplane: Concept, bird: Concept) -> _Training:
    """A training against two concepts; all latents of each are its number."""
    options = {**QUICK, "retain_weight": 0.0, "attack_every": 2, "negative_guidance": 2.0}
    generator = torch.Generator().manual_seed(0)
    made = _Training(Advunlearn(**options), tiny_pipe, [airplane, bird], generator, lambda *_: None)
    for number, pool in enumerate(made.pools):
        pool.latents.fill_(number)
    return made


def test_each_concept_is_led_away_from_its_own_name_on_its_own_latents(
    monkeypatch: pytest.MonkeyPatch, two: _Training
) -> None:
    """|| e(x, f(c)) - (e("") - eta (e(c) - e(""))) ||^2, by hand."""
    with predictions(monkeypatch) as seen:
        losses = [float(two._erased(0).detach()) for _ in range(8)]
    numbers = set()
    for loss, frozen, learning in zip(losses, seen[::2], seen[1::2], strict=True):
        which = int(frozen[0].flatten()[0])
        numbers.add(which)
        assert torch.equal(frozen[0], torch.full_like(frozen[0], which))
        assert torch.equal(learning[0], frozen[0][:1]) and torch.equal(learning[1], frozen[1][:1])
        assert torch.equal(frozen[2][0], two.null.states[0])
        assert torch.equal(frozen[2][1], two.asked.states[which])
        assert torch.allclose(learning[2][0], two.asked.states[which], atol=1e-5)
        empty, full = frozen[3]
        error = (learning[3][0] - (empty - 2.0 * (full - empty))).square().mean()
        assert loss == pytest.approx(float(error), rel=1e-5)
    assert numbers == {0, 1}


def test_the_concept_is_trained_on_behind_what_was_found(
    monkeypatch: pytest.MonkeyPatch, two: _Training
) -> None:
    prefix = torch.ones(1, 32)
    monkeypatch.setattr(two, "_prefix", lambda step, which: prefix)
    with predictions(monkeypatch) as seen:
        two._erased(5)
    which = int(seen[0][0].flatten()[0])
    with torch.no_grad():
        wanted = two.student.reads_behind(prefix, two.ids[which : which + 1]).states
    assert torch.equal(seen[1][2], wanted)
    assert not torch.allclose(wanted[0], two.asked.states[which], atol=1e-2)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [5.0, 5.5]),
        ({"retain_turns": "alternate"}, [2.0, 3.0, 2.5, 3.0]),
        ({"retain_weight": 0.0}, [2.0, 2.5]),
    ],
)
def test_what_stays_counts_by_its_weight_in_the_sum_or_in_its_turn(
    monkeypatch: pytest.MonkeyPatch, two: _Training, options: dict[str, Any], wanted: list[float]
) -> None:
    two.options = Advunlearn(**{"retain_weight": 0.3, **options})
    monkeypatch.setattr(two, "_erased", lambda step: torch.tensor(2.0 + step / 2))
    monkeypatch.setattr(two, "_kept", lambda: torch.tensor(10.0))
    assert [float(two.loss(step)) for step in range(len(wanted))] == pytest.approx(wanted)


def test_each_search_is_for_one_concept_on_fresh_latents(
    monkeypatch: pytest.MonkeyPatch, two: _Training
) -> None:
    """|| e(x, f([d, c])) - e(x, f0(c)) ||^2 goes down, by a rate of its own."""
    latents = two.pools[1].latents
    latents.copy_(torch.randn(latents.shape, generator=two.generator))
    losses, rates = [], []
    grad, adam = torch.autograd.grad, torch.optim.Adam

    def graded(loss: Tensor, prefix: Tensor) -> Any:
        losses.append(float(loss.detach()))
        return grad(loss, prefix)

    def made(parameters: Any, lr: float) -> Any:
        rates.append(lr)
        return adam(parameters, lr=lr)

    monkeypatch.setattr(torch.autograd, "grad", graded)
    monkeypatch.setattr(torch.optim, "Adam", made)
    two.options = Advunlearn(**{**QUICK, "tokens": 2})
    two.generator.manual_seed(9)
    start = two.student.some_token(2, two.generator)
    two.generator.manual_seed(9)
    with predictions(monkeypatch) as seen:
        prefix = two._attack(1)
    frozen, *searching = seen
    assert rates == [QUICK["attack_rate"]] and prefix.shape == (2, 32)
    assert len(searching) == len(losses) == QUICK["attack_steps"] == len(frozen[0])
    assert len({tuple(x.flatten().tolist()) for x in frozen[0]}) > 1
    assert all(torch.equal(each, two.asked.states[1]) for each in frozen[2])
    assert any(torch.equal(frozen[0][0], x) for x in two.pools[1].latents.flatten(0, 1))
    for row, (x, t, _, guess) in enumerate(searching):
        assert torch.equal(x, frozen[0][row : row + 1]) and torch.equal(t, frozen[1][row : row + 1])
        wanted = (guess - frozen[3][row : row + 1]).square().mean()
        assert losses[row] == pytest.approx(float(wanted), rel=1e-5)
    with torch.no_grad():
        first = two.student.reads_behind(start, two.ids[1:2]).states
    assert torch.equal(searching[0][2], first) and not torch.equal(prefix, start)


def test_each_concept_counts_its_own_attacks(
    monkeypatch: pytest.MonkeyPatch, two: _Training
) -> None:
    found = iter(range(10))
    monkeypatch.setattr(two, "_attack", lambda which: torch.full((1, 32), 10 * which + next(found)))

    def at(which: int) -> int:
        prefix = two._prefix(5, which)
        assert prefix is not None
        return int(prefix[0, 0])

    assert [at(1), at(1), at(0), at(0), at(1), at(0)] == [10, 10, 1, 1, 12, 3]


def test_it_denoises_each_concept_and_what_stays_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    heard: list[tuple[Tensor, dict[str, Any]]] = []
    kinds: list[Any] = []
    trajectories = _noise.trajectories

    def drawn(pipe: Any, rows: Any, null: Any, **more: Any) -> Any:
        heard.append((rows.states, more))
        return trajectories(pipe, rows, null, **more)

    def fit(optimizer: Any, loss_at: Any, steps: int, **more: Any) -> list[float]:
        kinds.append((type(optimizer), optimizer.defaults["lr"], steps))
        return []

    monkeypatch.setattr(_noise, "trajectories", drawn)
    monkeypatch.setattr(_training, "fit", fit)
    options = {**QUICK, "trajectory_steps": 2, "trajectory_guidance": 1.5, "learning_rate": 0.5}
    Advunlearn(**options).fit(tiny_pipe, [airplane, bird], seed=0)
    stays = _retained.prompts("scenes", [airplane, bird])
    for (states, more), texts in zip(heard, (["airplane"], ["bird"], stays), strict=True):
        assert torch.allclose(states, prediction.condition(tiny_pipe, texts).states, atol=1e-5)
        assert (more["steps"], more["guidance"]) == (2, 1.5)
    assert [more["count"] for _, more in heard] == [4, 4, max(4, len(stays))]
    assert kinds == [(torch.optim.Adam, 0.5, QUICK["steps"])]


def test_timesteps_lie_anywhere_in_what_their_step_stands_for(two: _Training) -> None:
    _, timesteps, _ = two._draw(two.pools[0], 60)
    assert len(set(timesteps.tolist())) > 30


def test_a_search_starts_from_ordinary_tokens(tiny_pipe: Any) -> None:
    student = Student(tiny_pipe, 0)
    table = student.encoder.get_input_embeddings().weight.detach()
    drawn = student.some_token(20 * len(table), torch.Generator().manual_seed(0))
    assert len(torch.unique(drawn, dim=0)) > 0.9 * len(table)
    for special in table[tiny_pipe.tokenizer.all_special_ids]:
        assert not (drawn == special).all(1).any()


def test_another_seed_gives_another_erasure(tiny_pipe: Any, airplane: Concept) -> None:
    one, same, other = (
        Advunlearn(**QUICK).fit(tiny_pipe, [airplane], seed=seed) for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_it_refuses_before_it_works_and_does_nothing_for_no_concept(
    tiny_pipe: Any, airplane: Concept
) -> None:
    with meter.counted() as spent:
        with pytest.raises(InputError, match="learning_rate is -1e-05, allowed is 0 or more"):
            Advunlearn(learning_rate=-1e-5).fit(tiny_pipe, [airplane], seed=0)
        with pytest.raises(InputError, match="a concept to erase needs a name"):
            Advunlearn(**QUICK).fit(tiny_pipe, [Concept(" ", "object", "the sky")], seed=0)
        assert Advunlearn(**QUICK).fit(tiny_pipe, [], seed=0) == {}
    assert spent() == 0
