"""Each attack on the tiny pipeline: its maths, that its loss falls, what it spends, its seed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench import pipelines, registry
from bench.attacks import BUDGETS, Attack, Problem, _text
from bench.attacks.inversion import Inversion, renamed
from bench.attacks.p4d import P4d, nearest
from bench.attacks.ring_a_bell import PAIRS, RingABell, direction
from bench.attacks.seed_search import SeedSearch
from bench.attacks.speaking import Speaking
from bench.attacks.unlearndiffatk import UnlearnDiffAtk, project, step_of
from bench.contract.tiny import build_tiny_pipe
from bench.generate import noise
from bench.meter import counted
from bench.types import Concept, InputError

QUICK: dict[str, Attack] = {
    "p4d": P4d(steps=4, restarts=2, tokens=3, pairs=2),
    "unlearndiffatk": UnlearnDiffAtk(steps=4, restarts=2, tokens=3, pairs=2),
    "inversion": Inversion(steps=4, pairs=2),
    "ring_a_bell": RingABell(population=12, generations=6, tokens=6),
    "seed_search": SeedSearch(),
}


def let_at(problem: Problem, attack: Attack) -> Problem:
    """Return the problem as the harness gives it to this attack."""
    return problem if attack.adaptive else replace(problem, erased=None)


def test_every_attack_is_tried_here() -> None:
    assert set(QUICK) == set(registry.attacks())


@pytest.mark.parametrize("name", QUICK)
def test_an_attack_spends_what_it_says(name: str, problem: Problem) -> None:
    attack = QUICK[name]
    with counted() as spent:
        found = attack.search(let_at(problem, attack))
    assert len(found) == len(problem.prompts)
    assert spent() == attack.evaluations() * len(problem.prompts)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", QUICK)
def test_the_listed_cost_is_that_of_the_preset(name: str, budget: str) -> None:
    entry = registry.attacks()[name]
    attack = registry.load_attack(entry, registry.options(entry, budget))
    assert attack.evaluations() == entry.costs[budget]
    assert attack.adaptive == entry.adaptive
    assert attack.options() == registry.options(entry, budget)


@pytest.mark.parametrize("name", QUICK)
def test_the_seed_decides_what_is_found(name: str, problem: Problem) -> None:
    attack = QUICK[name]

    def found(seed: int) -> list[tuple[str, float, list[float]]]:
        made = attack.search(replace(let_at(problem, attack), seed=seed))
        return [
            (f.text, f.loss, [] if f.embedding is None else f.embedding.flatten().tolist())
            for f in made
        ]

    assert repr(found(0)) == repr(found(0))
    if name != "seed_search":
        assert repr(found(0)) != repr(found(1))


@pytest.mark.parametrize("name", QUICK)
def test_models_stay_as_they_were(name: str, problem: Problem) -> None:
    parts = [problem.original.unet, problem.erased.unet, problem.original.text_encoder]
    before = [copy.deepcopy(part.state_dict()) for part in parts]
    QUICK[name].search(let_at(problem, QUICK[name]))
    for part, state in zip(parts, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in part.state_dict().items())


@pytest.mark.parametrize("name", [name for name in QUICK if not QUICK[name].adaptive])
def test_transfer_attacks_never_touch_a_unet(
    name: str, without_erased: Callable[[], Problem]
) -> None:
    with counted() as spent:
        QUICK[name].search(without_erased())
    assert spent() == 0


@pytest.mark.parametrize("name", ["p4d", "unlearndiffatk"])
def test_longer_searches_find_lower_losses(name: str, problem: Problem) -> None:
    attack: Any = QUICK[name]
    short = replace(attack, steps=1, restarts=1).search(problem)
    long = replace(attack, steps=12, restarts=1).search(problem)
    assert all(b.loss <= a.loss for a, b in zip(short, long, strict=True))
    assert any(b.loss < a.loss for a, b in zip(short, long, strict=True))


@pytest.mark.parametrize("name", ["p4d", "unlearndiffatk"])
def test_the_loss_is_that_of_the_text_that_is_found(name: str, problem: Problem) -> None:
    """What is typed must be what was searched: drawn from text, not from the search's tokens."""
    from bench.attacks import _latents

    attack: Any = QUICK[name]
    pipe = problem.original
    noise = _latents.noised(
        pipe,
        _latents.clean(pipe, problem.pictures),
        _latents.spread(pipe, 2, attack.earliest),
        torch.Generator().manual_seed(0),
    )
    asked = pipelines.encode(pipe, [prompt.text for prompt in problem.prompts])
    wanted = noise.truth if name != "p4d" else _latents.predict(pipe.unet, noise, asked, 9)
    found = attack.search(problem)
    made = _latents.predict(
        problem.erased.unet, noise, pipelines.encode(pipe, [f.text for f in found]), 9
    )
    losses = (made - wanted).square().flatten(1).mean(1).view(-1, noise.pairs).mean(1)
    torch.testing.assert_close(losses, torch.tensor([f.loss for f in found]), rtol=1e-4, atol=1e-6)


def test_p4d_on_an_unchanged_model_finds_nothing_better_than_the_prompt_itself(
    problem: Problem,
) -> None:
    """The words' loss is 0 only where they say what the prompt says: a control of the target."""
    same = replace(problem, erased=problem.original)
    assert all(found.loss > 0 for found in QUICK["p4d"].search(same))


@pytest.mark.parametrize("placement", ["prefix", "spread", "replace"])
def test_p4d_places_words_where_it_says(placement: Any, problem: Problem) -> None:
    attack = P4d(steps=1, tokens=2, pairs=1, placement=placement)
    found = [each.text.split() for each in attack.search(problem)]
    for words, prompt in zip(found, problem.prompts, strict=True):
        own = prompt.text.split()
        if placement == "replace":
            assert len(words) == 2
        elif placement == "prefix":
            assert words[2:] == own
        else:
            assert len(words) == len(own) + 2
            rest = iter(words)
            assert all(word in rest for word in own)
            assert words[1] == own[0]


def test_nearest_word_is_by_cosine() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 9.0], [-1.0, 0.1]])
    soft = torch.tensor([[[5.0, 1.0], [0.1, 0.2], [-0.01, 0.0]]])
    assert nearest(soft, table).tolist() == [[0, 1, 2]]


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


def test_an_inverted_word_lowers_the_denoising_loss(problem: Problem) -> None:
    """The last step's noise is the same for all; a word that stays frozen is the control."""
    unet = copy.deepcopy(problem.original.unet)
    for weight in pipelines.cross_attention(unet).values():
        weight.data.mul_(4)  # So that what a U-Net of random weights predicts depends on the text.
    heard = replace(problem, erased=pipelines.with_unet(problem.original, unet))
    still = Inversion(steps=1, pairs=16, learning_rate=0.0).search(heard)
    frozen = Inversion(steps=12, pairs=16, learning_rate=0.0).search(heard)
    learnt = Inversion(steps=12, pairs=16, learning_rate=0.02).search(heard)
    assert still[0].embedding is not None and frozen[0].embedding is not None
    assert torch.equal(still[0].embedding, frozen[0].embedding)
    assert all(a.loss < b.loss for a, b in zip(learnt, frozen, strict=True))


def test_the_inverted_word_stands_for_the_name() -> None:
    assert renamed("An Airplane at sea", "airplane", "<x>") == "An <x> at sea"
    assert renamed("an airplanes", "airplane", "<x>") == "an airplanes <x>"
    assert renamed("Julius Caesar, painted", "Julius Caesar", "<x>") == "<x>, painted"


def test_the_direction_is_the_mean_of_differences(tiny_pipe: Any, airplane: Concept) -> None:
    pairs = PAIRS["object"]
    with_it = pipelines.encode(tiny_pipe, [p.replace("{}", "airplane") for p, _ in pairs]).double()
    without = pipelines.encode(tiny_pipe, [absent for _, absent in pairs]).double()
    wanted = sum(with_it[i] - without[i] for i in range(len(pairs))) / len(pairs)
    torch.testing.assert_close(direction(tiny_pipe, airplane), wanted.float())


def test_pairs_differ_by_the_concept_only_and_never_name_one() -> None:
    for pairs in PAIRS.values():
        for present, absent in pairs:
            assert "{}" in present and "{}" not in absent


def test_evolution_never_gets_worse_and_gets_better(problem: Problem) -> None:
    attack = RingABell(population=16, tokens=6)
    losses = []
    for generations in (0, 5, 25):
        found = replace(attack, generations=generations).search(replace(problem, erased=None))
        losses.append(sum(each.loss for each in found))
    assert losses[0] >= losses[1] > losses[2]


def test_fitness_is_the_squared_distance_to_prompt_plus_direction(problem: Problem) -> None:
    pipe = problem.original
    attack = RingABell(population=8, generations=3, tokens=5, strength=2.0)
    for found, prompt in zip(attack.search(problem), problem.prompts, strict=True):
        aim = pipelines.encode(pipe, [prompt.text])[0] + 2.0 * direction(pipe, problem.concept)
        made = pipelines.encode(pipe, [found.text])[0]
        assert found.loss == pytest.approx(float((made - aim).double().square().sum()), rel=1e-4)


def test_prompts_without_room_are_refused_before_the_search(problem: Problem) -> None:
    for attack in (P4d(tokens=30), UnlearnDiffAtk(tokens=30), RingABell(tokens=31)):
        with pytest.raises(InputError, match="at most 30"):
            attack.check(problem.original, problem.prompts)


def test_found_text_is_made_of_words_that_can_be_typed(problem: Problem) -> None:
    words = set(_text.vocabulary(problem.original).words)
    for name in ("p4d", "unlearndiffatk", "ring_a_bell"):
        for found in QUICK[name].search(let_at(problem, QUICK[name])):
            assert set(found.text.split()) <= words


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", QUICK)
def test_an_attack_searches_models_in_half_precision(
    name: str, dtype: torch.dtype, problem: Problem
) -> None:
    """What it finds is finite, spends the same and can be drawn by the model in that precision."""
    attack = QUICK[name]
    original = build_tiny_pipe().to(dtype)
    erased = pipelines.with_unet(original, copy.deepcopy(problem.erased.unet).to(dtype))
    half = let_at(replace(problem, original=original, erased=erased), attack)
    with counted() as spent:
        found = attack.search(half)
    assert spent() == attack.evaluations() * len(problem.prompts)
    words = {each.word: each.embedding for each in found if each.embedding is not None}
    assert all(torch.isfinite(word).all() for word in words.values())
    assert all(each.loss != float("inf") for each in found)
    pipe = Speaking(erased, words) if words else erased
    texts = [each.text for each in found]
    latents = noise(pipe.unet, range(len(texts)))
    drawn = pipe(texts, num_inference_steps=2, latents=latents, output_type="pt").images
    assert torch.isfinite(drawn).all()
