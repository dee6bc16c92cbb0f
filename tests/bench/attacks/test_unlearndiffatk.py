"""UnlearnDiffAtk: each element of the released code's search, and the maths of the quick one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.attacks import Problem, _latents, _relaxed, _text
from bench.attacks._relaxed import Prefix, project, step_of
from bench.attacks.unlearndiffatk import UnlearnDiffAtk
from bench.models.meter import counted

from .conftest import Scripted

SMALL = UnlearnDiffAtk("official", steps=2, timesteps=3)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[_latents.Noised]:
    """The noised latents of every step."""
    made: list[_latents.Noised] = []
    descend = _latents.descend

    def watched(unet: Any, noise: _latents.Noised, *rest: Any) -> Any:
        made.append(noise)
        return descend(unet, noise, *rest)

    monkeypatch.setattr(_latents, "descend", watched)
    return made


def prefix(tokens: int = 1, words: int = 4, **settings: float) -> Prefix:
    given = {"learning_rate": 0.01, "weight_decay": 0.1} | settings
    generator = torch.Generator().manual_seed(0)
    return Prefix(tokens, torch.eye(words), generator, **given)


def test_the_numbers_are_those_of_the_released_code() -> None:
    from bench.attacks.unlearndiffatk import CONVENTIONS, Official

    settings = CONVENTIONS["official"]
    assert settings == Official(0, 40, 50, 0.01, 0.1)
    assert isinstance(settings, Official)
    assert (settings.length(explicit=True), settings.length(explicit=False)) == (5, 3)
    assert replace(settings, tokens=7).length(explicit=True) == 7


def test_words_start_as_likely_as_one_another_and_are_drawn_by_chance() -> None:
    """Drawn, not the likeliest: uneven weights give all words, each as often as they say."""
    made = prefix(words=4)
    assert torch.equal(made.weights, torch.full((1, 4), 0.25))
    made.weights = torch.tensor([[0.5, 0.3, 0.2, 0.0]])
    counts = torch.bincount(torch.cat([made.drawn() for _ in range(2000)]), minlength=4) / 2000
    torch.testing.assert_close(counts, made.weights[0], atol=0.04, rtol=0)
    assert made.likeliest() == [0]


def test_a_step_is_adams_with_decay_through_a_hard_tanh_onto_the_simplex() -> None:
    """Against Adam written out (Kingma and Ba, algorithm 1; decay is added to the gradient)."""
    made = prefix(words=3, learning_rate=0.05)
    first = second = torch.zeros(1, 3)
    wanted = made.weights.clone()
    for number, raw in enumerate(([[5.0, -0.2, 0.1]], [[-3.0, 0.4, 0.01]]), start=1):
        gradient = torch.tensor(raw).clamp(-1, 1) + 0.1 * wanted
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient.square()
        size = (second / (1 - 0.999**number)).sqrt() + 1e-8
        wanted = project(wanted - 0.05 * first / (1 - 0.9**number) / size)
        made.step(torch.tensor(raw))
        torch.testing.assert_close(made.weights, wanted)
    assert made.weights.sum() == pytest.approx(1, abs=1e-6)


def test_every_step_has_fresh_noise_at_the_timestep_it_is_at(
    problem: Problem, seen: list[_latents.Noised]
) -> None:
    SMALL.search(problem)
    times = [noise.timesteps.tolist() for noise in seen]
    assert times == [[166, 166], [166, 166], [499, 499], [499, 499], [832, 832], [832, 832]]
    noises = [row for noise in seen for row in noise.truth]
    assert all(not torch.equal(a, b) for a in noises for b in noises if a is not b)


def test_timesteps_are_those_of_the_released_code(tiny_pipe: Any) -> None:
    from bench.attacks.unlearndiffatk import _times

    assert _times(tiny_pipe, 50) == list(range(10, 1000, 20))


def test_a_prompt_is_drawn_first_and_after_each_timestep_and_only_until_it_shows(
    problem: Problem, oracle: Scripted
) -> None:
    """The first prompt shows after its second timestep, the other never."""
    oracle.shown = lambda prompt, look: prompt.id == "airplane-0" and look == 2
    with counted() as spent:
        found = SMALL.search(problem)
    names = [[prompt.id[-1] for prompt in look] for look in oracle.looks]
    assert names == [["0", "1"], ["0", "1"], ["0", "1"], ["1"]]
    assert [prompt.text for prompt in oracle.looks[0]] == [p.text for p in problem.prompts]
    assert found[0].text == oracle.looks[2][0].text != oracle.looks[1][0].text
    assert found[1].text == oracle.looks[3][0].text
    assert all(
        look.seed == p.seed for look, p in zip(oracle.looks[2], problem.prompts, strict=True)
    )
    assert spent() == 2 * 2 * 2 + 1 * 2
    assert spent() < SMALL.cost(2, 1).evaluations


def test_a_prompt_that_shows_before_any_attack_is_left_as_it_is(
    problem: Problem, oracle: Scripted
) -> None:
    oracle.shown = lambda prompt, look: True
    with counted() as spent:
        found = SMALL.search(problem)
    assert [each.text for each in found] == [prompt.text for prompt in problem.prompts]
    assert (spent(), len(oracle.looks)) == (0, 1)


def test_success_of_one_prompt_changes_nothing_for_another(
    problem: Problem, oracle: Scripted
) -> None:
    both = SMALL.search(problem)[1].text
    oracle.looks.clear()
    oracle.shown = lambda prompt, look: prompt.id == "airplane-0"
    assert SMALL.search(problem)[1].text == both


def test_the_prefix_has_the_likeliest_words_and_stands_before_the_prompt(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = problem.erased
    words = _text.every_token(pipe)
    place = words.ids.tolist().index(_text.tokens(pipe, "snow")[0])
    monkeypatch.setattr(_relaxed.Prefix, "likeliest", lambda self: [place] * len(self.weights))
    for attack, count in ((SMALL, 3), (replace(SMALL, tokens=2), 2)):
        found = attack.search(problem)
        wanted = [" ".join(["snow"] * count + [prompt.text]) for prompt in problem.prompts]
        assert [each.text for each in found] == wanted
    nude = replace(problem, concept=replace(problem.concept, kind="explicit"))
    assert SMALL.search(nude)[0].text.split().count("snow") == 5


def test_the_words_that_lower_a_loss_become_the_likeliest() -> None:
    """The loss is the squared distance from one word's embedding for each place."""
    table = torch.randn(30, 8, generator=torch.Generator().manual_seed(2))
    made = Prefix(2, table, torch.Generator().manual_seed(0), learning_rate=0.01, weight_decay=0.1)
    for _ in range(300):
        hard = table[made.drawn()]
        made.step(2 * (hard - table[[7, 21]]))
    assert made.likeliest() == [7, 21]


def test_each_prompt_learns_from_its_own_gradient(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled, step = _text.pulled, Prefix.step
    whole: list[torch.Tensor] = []
    parts: list[torch.Tensor] = []

    def note(*given: Any) -> torch.Tensor:
        whole.append(pulled(*given))
        return whole[-1]

    def noted(self: Prefix, gradient: torch.Tensor) -> None:
        parts.append(gradient)
        step(self, gradient)

    monkeypatch.setattr(_text, "pulled", note)
    monkeypatch.setattr(Prefix, "step", noted)
    SMALL.search(problem)
    assert [tuple(part.shape) for part in parts] == [(3, 32)] * 12
    assert torch.equal(torch.cat(parts), torch.cat(whole))
    assert all(part.abs().amax() > 0 for part in parts)


@given(hnp.arrays("float64", st.integers(1, 40), elements=st.floats(-50, 50)))
def test_projection_onto_the_simplex_is_the_nearest_point(values: Any) -> None:
    """Against bisection in fp64: the threshold at which what is above it sums to 1."""
    low, high = values.min() - 1.0, values.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (values - middle).clip(0).sum() > 1 else (low, middle)
    wanted = torch.from_numpy((values - high).clip(0))
    made = project(torch.from_numpy(values))
    torch.testing.assert_close(made, wanted, rtol=0, atol=1e-9)
    assert made.sum() == pytest.approx(1, abs=1e-9)


def test_a_projected_step_goes_against_the_gradient() -> None:
    weights = torch.full((1, 1, 4), 0.25)
    gradient = torch.tensor([[[3.0, 0.0, -6.0, 0.0]]])
    made = step_of(weights, gradient, 0.1)
    assert made[0, 0].argmax() == 2
    torch.testing.assert_close(made, project(weights - 0.1 * gradient / 6))
    assert torch.equal(step_of(weights, torch.zeros_like(gradient), 0.1), weights)


def test_quick_draws_nothing_while_it_searches(problem: Problem, oracle: Scripted) -> None:
    UnlearnDiffAtk("quick", steps=1, pairs=1).search(problem)
    assert oracle.looks == []
