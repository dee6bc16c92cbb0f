"""What holds for each attack of each convention, on the tiny pipeline: cost, seed, room, words."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from bench import registry
from bench.attacks import Attack, Cost, Found, Problem, _latents, _text
from bench.attacks.image_guided import ImageGuided
from bench.attacks.inversion import Inversion
from bench.attacks.latent_inversion import LatentInversion
from bench.attacks.p4d import P4d
from bench.attacks.ring_a_bell import RingABell
from bench.attacks.seed_search import SeedSearch
from bench.attacks.speaking import Speaking
from bench.attacks.unlearndiffatk import UnlearnDiffAtk
from bench.models import pipelines
from bench.models.generate import denoise, noise
from bench.models.meter import counted
from bench.models.prediction import Conditioning, condition
from bench.models.tiny import build_tiny_pipe
from bench.types import InputError, Sampler

from .conftest import SAMPLER, SEEDS, Scripted

QUICK: dict[str, Attack] = {
    "p4d": P4d("quick", steps=4, restarts=2, tokens=3, pairs=2),
    "unlearndiffatk": UnlearnDiffAtk("quick", steps=4, restarts=2, tokens=3, pairs=2),
    "inversion": Inversion("quick", steps=4, batch=2),
    "ring_a_bell": RingABell("quick", population=12, generations=6, tokens=6),
    "seed_search": SeedSearch(),
    "latent_inversion": LatentInversion(rounds=2),
    "image_guided": ImageGuided(strength=0.5),
}
"""A small one of each attack, of the convention `quick` where it has conventions."""

OFFICIAL: dict[str, Attack] = {
    "p4d": P4d("official", steps=5, look_every=2),
    "unlearndiffatk": UnlearnDiffAtk("official", steps=2, timesteps=3),
    "inversion": Inversion("official", steps=4, batch=3),
    "ring_a_bell": RingABell("official", population=12, generations=6, tokens=6),
}
"""A small one of each attack that has a released code."""

EVERY = [*QUICK.values(), *OFFICIAL.values()]
SEARCHING = [each for each in EVERY if not isinstance(each, LatentInversion | ImageGuided)]
CANDIDATES = len(SEEDS[0])
WITHOUT_LOTS = (SeedSearch, LatentInversion, ImageGuided)
"""Those in which nothing is left to the search's own seed."""


def named(attack: Attack) -> str:
    return f"{type(attack).__name__} {attack.options().get('convention', '')}".strip()


def let_at(problem: Problem, attack: Attack) -> Problem:
    """Return the problem as the harness gives it to this attack."""
    return problem if attack.adaptive else replace(problem, erased=None, oracle=None)


def searching(cost: Cost) -> int:
    """Return the U-Net evaluations of a search whose oracle draws nothing."""
    return replace(cost, shown=0, likened=0).total(SAMPLER)


def starts(pipe: Any, found: list[Found]) -> torch.Tensor:
    """Return what the first candidate of each is drawn from, in the pipeline's precision."""
    seeds = noise(pipe.unet, range(len(found)))
    some = [
        own if each.start is None else each.start.latents[0]
        for each, own in zip(found, seeds, strict=True)
    ]
    return torch.stack([each.to(pipe.unet.dtype) for each in some])


def test_every_attack_is_tried_here_with_every_convention() -> None:
    assert set(QUICK) == set(registry.attacks())
    for name, entry in registry.attacks().items():
        choices = [each.choices for each in entry.options if each.name == "convention"]
        assert choices == ([("official", "quick")] if name in OFFICIAL else [])


@pytest.mark.parametrize("attack", EVERY, ids=named)
def test_an_attack_spends_what_it_says(attack: Attack, problem: Problem, oracle: Scripted) -> None:
    with counted() as spent:
        found = attack.search(let_at(problem, attack))
    assert len(found) == len(problem.prompts)
    cost = attack.cost(len(problem.prompts), CANDIDATES)
    assert (spent(), oracle.drawn) == (searching(cost), cost.drawn)
    more = attack.cost(2 * len(problem.prompts), CANDIDATES)
    assert more.evaluations == cost.evaluations * (1 if isinstance(attack, Inversion) else 2)
    assert (more.drawn, more.inversions) == (cost.drawn * 2, cost.inversions * 2)


def test_all_that_is_spent_is_said_with_its_images() -> None:
    cost = Cost(100, shown=2, likened=1, examples=9, inversions=4)
    assert cost.total(Sampler(10, 4.0)) == 100 + 20 * (2 + 1 + 4)
    assert cost.total(Sampler(10, 1.0)) == 100 + 10 * (2 + 1 + 4)


@pytest.mark.parametrize(
    ("name", "convention", "cost"),
    [
        ("p4d", "official", Cost(6000, likened=60)),
        ("p4d", "quick", Cost(324)),
        ("unlearndiffatk", "official", Cost(2000, shown=51)),
        ("unlearndiffatk", "quick", Cost(320)),
        ("inversion", "official", Cost(80000, examples=25)),
        ("inversion", "quick", Cost(3200, examples=25)),
        ("ring_a_bell", "official", Cost()),
        ("ring_a_bell", "quick", Cost()),
        ("seed_search", "", Cost()),
        ("latent_inversion", "", Cost(examples=4, inversions=4)),
        ("image_guided", "", Cost(examples=4)),
    ],
)
def test_what_a_convention_spends_on_a_prompt(name: str, convention: str, cost: Cost) -> None:
    entry = registry.attacks()[name]
    given = [f"convention={convention}"] if convention else []
    assert registry.load_attack(entry, registry.options(entry, "mini", given)).cost(1, 4) == cost


@pytest.mark.parametrize("name", OFFICIAL)
def test_released_codes_are_followed_on_real_models_and_quick_ones_on_mini(name: str) -> None:
    entry = registry.attacks()[name]
    for family, convention in {"sd": "official", "sdxl": "official", "mini": "quick"}.items():
        values = registry.options(entry, family)
        made = registry.load_attack(entry, values)
        assert values["convention"] == convention
        assert made.options() == values
        assert made.adaptive == entry.adaptive
        assert {value for key, value in values.items() if key != "convention"} == {None}


def test_options_that_a_convention_lacks_or_that_are_out_of_range_are_refused() -> None:
    bad: dict[str, Attack] = {
        "option restarts has no meaning with convention=official; choices: ": P4d(restarts=2),
        "option look_every has no meaning with convention=quick": P4d("quick", look_every=1),
        "option timesteps has no meaning": UnlearnDiffAtk("quick", timesteps=5),
        "option steps is 0, allowed is 1 or more": Inversion(steps=0),
        "option learning_rate is -1.0, allowed is 0 or more": Inversion(learning_rate=-1.0),
        "option crossover is 1.5, allowed is 0 to 1": RingABell(crossover=1.5),
        "option mutation is 2.0, allowed is 0 to 1": RingABell(mutation=2.0),
        "option population is 1, allowed is 2 or more": RingABell(population=1),
        "option earliest is 1.0, allowed is less than 1": P4d("quick", earliest=1.0),
        "option rounds is 0, allowed is 1 or more": LatentInversion(rounds=0),
        "option strength is 1.5, allowed is 0 to 1": ImageGuided(strength=1.5),
        "option strength is nan, allowed is 0 to 1": ImageGuided(strength=float("nan")),
    }
    for message, attack in bad.items():
        with pytest.raises(InputError, match=re.escape(message)):
            attack.cost(1, 4)


@pytest.mark.parametrize("attack", EVERY, ids=named)
def test_the_seed_decides_what_is_found(attack: Attack, problem: Problem) -> None:
    def found(seed: int) -> list[tuple[str, float, list[float], list[float]]]:
        made = attack.search(replace(let_at(problem, attack), seed=seed))
        return [
            (
                *(f.text, f.loss, [] if f.embedding is None else f.embedding.flatten().tolist()),
                [] if f.start is None else f.start.latents.flatten().tolist(),
            )
            for f in made
        ]

    assert repr(found(0)) == repr(found(0))
    if not isinstance(attack, WITHOUT_LOTS):
        assert repr(found(0)) != repr(found(1))


@pytest.mark.parametrize("attack", EVERY, ids=named)
def test_models_stay_as_they_were(attack: Attack, problem: Problem) -> None:
    parts = [problem.original.unet, problem.erased.unet, problem.original.text_encoder]
    before = [copy.deepcopy(part.state_dict()) for part in parts]
    attack.search(let_at(problem, attack))
    for part, state in zip(parts, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in part.state_dict().items())


@pytest.mark.parametrize("attack", [each for each in EVERY if not each.adaptive], ids=named)
def test_transfer_attacks_never_touch_a_unet(
    attack: Attack, without_erased: Callable[[], Problem]
) -> None:
    with counted() as spent:
        attack.search(without_erased())
    assert spent() == 0


@pytest.mark.parametrize("name", ["p4d", "unlearndiffatk"])
def test_longer_quick_searches_find_lower_losses(name: str, problem: Problem) -> None:
    attack: Any = QUICK[name]
    short = replace(attack, steps=1, restarts=1).search(problem)
    long = replace(attack, steps=12, restarts=1).search(problem)
    assert all(b.loss <= a.loss for a, b in zip(short, long, strict=True))
    assert any(b.loss < a.loss for a, b in zip(short, long, strict=True))


@pytest.mark.parametrize("name", ["p4d", "unlearndiffatk"])
def test_the_loss_is_that_of_the_text_that_is_found(name: str, problem: Problem) -> None:
    """What is typed must be what was searched: drawn from text, not from the search's tokens."""
    attack: Any = QUICK[name]
    pipe = problem.original
    noise = _latents.noised(
        pipe,
        _latents.clean(pipe, problem.images),
        _latents.spread(pipe, 2, 0.4),
        torch.Generator().manual_seed(0),
    )
    asked = condition(pipe, [prompt.text for prompt in problem.prompts])
    wanted = noise.truth if name != "p4d" else _latents.predict(pipe.unet, noise, asked, 9)
    found = attack.search(problem)
    made = _latents.predict(problem.erased.unet, noise, condition(pipe, [f.text for f in found]), 9)
    losses = (made - wanted).square().flatten(1).mean(1).view(-1, noise.pairs).mean(1)
    torch.testing.assert_close(losses, torch.tensor([f.loss for f in found]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("convention", ["official", "quick"])
def test_prompts_without_room_are_refused_before_the_search(
    convention: Any, problem: Problem
) -> None:
    for attack in (
        P4d(convention, placement="prefix", tokens=30),
        P4d(convention, placement="replace", tokens=31),
        UnlearnDiffAtk(convention, tokens=30),
        RingABell(convention, tokens=31),
    ):
        with pytest.raises(InputError, match="at most 30"):
            attack.check(problem.original, problem.prompts)
    with pytest.raises(InputError, match="timesteps is 1001, the schedule has 1000"):
        UnlearnDiffAtk(timesteps=1001).check(problem.original, problem.prompts)


def test_quick_finds_words_that_can_be_typed(problem: Problem) -> None:
    words = set(_text.vocabulary(problem.original).words)
    for name in ("p4d", "unlearndiffatk", "ring_a_bell"):
        for found in QUICK[name].search(let_at(problem, QUICK[name])):
            assert set(found.text.split()) <= words


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("attack", EVERY, ids=named)
def test_an_attack_searches_models_in_half_precision(
    attack: Attack, dtype: torch.dtype, problem: Problem
) -> None:
    """What it finds is finite, spends the same and can be drawn by the model in that precision."""
    original = build_tiny_pipe().to(dtype)
    erased = pipelines.with_unet(original, copy.deepcopy(problem.erased.unet).to(dtype))
    half = let_at(replace(problem, original=original, erased=erased), attack)
    with counted() as spent:
        found = attack.search(half)
    assert spent() == searching(attack.cost(len(problem.prompts), CANDIDATES))
    words = {each.word: each.embedding for each in found if each.embedding is not None}
    assert all(torch.isfinite(word).all() for word in words.values())
    assert all(each.loss != float("inf") for each in found)
    pipe = Speaking(erased, words) if words else erased
    texts = [each.text for each in found]
    drawn = denoise(pipe, texts, starts(pipe, found), Sampler(2, 4.0), "latent")
    assert torch.isfinite(drawn).all()


@pytest.mark.parametrize("attack", [each for each in SEARCHING if each.adaptive], ids=named)
def test_every_gradient_goes_back_through_the_encoder_normalised(
    attack: Attack, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No attack differentiates a text itself: what leaves the U-Net is what `pulled` is given."""
    left: list[Conditioning] = []
    given: list[Conditioning] = []
    descend, pulled = _latents.descend, _text.pulled

    def leaves(*some: Any) -> tuple[torch.Tensor, Conditioning]:
        made = descend(*some)
        left.append(made[1])
        return made

    def goes(text: Any, where: Any, soft: Any, along: Conditioning) -> torch.Tensor:
        given.append(along)
        return pulled(text, where, soft, along)

    monkeypatch.setattr(_latents, "descend", leaves)
    monkeypatch.setattr(_text, "pulled", goes)
    attack.search(problem)
    assert left and all(one is other for one, other in zip(left, given, strict=True))


def test_small_gradients_lead_a_half_precision_search_where_large_ones_do(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quick UnlearnDiffAtk step has one size whatever the gradient's, so the words must agree."""
    original = build_tiny_pipe()
    original.text_encoder.half()
    half = replace(problem, original=original, erased=pipelines.with_unet(original, original.unet))
    descend = _latents.descend

    def found(scale: float) -> list[str]:
        def scaled(*some: Any) -> tuple[torch.Tensor, Conditioning]:
            losses, along = descend(*some)
            return losses, Conditioning(along.states * scale / along.states.abs().amax())

        monkeypatch.setattr(_latents, "descend", scaled)
        return [each.text for each in QUICK["unlearndiffatk"].search(half)]

    assert found(2.0**-24) == found(1.0)
