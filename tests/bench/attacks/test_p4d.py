"""P4D: each element of the released code's search, and where words stand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from bench.attacks import Problem, _latents, _text
from bench.attacks._placement import added, layout
from bench.attacks.p4d import CONVENTIONS, Official, P4d, nearest
from bench.models import pipelines

from .conftest import Scripted

SMALL = P4d("official", steps=5, look_every=2)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[_latents.Noised, torch.Tensor]]:
    """The noised latents of every step, and what should be predicted of them."""
    made: list[tuple[_latents.Noised, torch.Tensor]] = []
    descend = _latents.descend

    def watched(unet: Any, noise: _latents.Noised, wanted: torch.Tensor, *rest: Any) -> Any:
        made.append((noise, wanted))
        return descend(unet, noise, wanted, *rest)

    monkeypatch.setattr(_latents, "descend", watched)
    return made


def test_the_numbers_are_those_of_the_released_code() -> None:
    settings = CONVENTIONS["official"]
    assert settings == Official("every", 16, 3, 3000, 0.1, 0.1, 50)
    assert isinstance(settings, Official) and settings.looks == 60
    assert [replace(settings, steps=steps).looks for steps in (1, 50, 51)] == [1, 1, 2]


def test_every_step_has_a_fresh_time_of_the_whole_schedule_and_fresh_noise(
    problem: Problem, seen: list[tuple[_latents.Noised, torch.Tensor]]
) -> None:
    replace(SMALL, steps=60, look_every=60).search(problem)
    times = torch.cat([noise.timesteps for noise, _ in seen])
    assert times.amin() < 100 and times.amax() >= 900
    assert len(set(times.tolist())) > 80
    for (one, _), (other, _) in pairwise(seen):
        assert not torch.equal(one.truth, other.truth)
    # Each prompt has a time of its own.
    assert any(noise.timesteps[0] != noise.timesteps[1] for noise, _ in seen)


def test_what_is_wanted_is_the_unerased_prediction_for_the_prompt(
    problem: Problem, seen: list[tuple[_latents.Noised, torch.Tensor]]
) -> None:
    SMALL.search(problem)
    asked = pipelines.encode(problem.original, [prompt.text for prompt in problem.prompts])
    for noise, wanted in seen:
        made = problem.original.unet(noise.latents, noise.timesteps, asked)[0]
        torch.testing.assert_close(made, wanted)
        assert len(noise.latents) == 2


def test_the_image_is_encoded_by_chance_and_once(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latents are drawn from the autoencoder's distribution, the same ones for every step."""
    drawn: list[torch.Tensor] = []
    used: list[torch.Tensor] = []
    sampled, noised = _latents.sampled, _latents.noised_each

    def draw(*given: Any) -> torch.Tensor:
        drawn.append(sampled(*given))
        return drawn[-1]

    def use(pipe: Any, latents: torch.Tensor, *rest: Any) -> _latents.Noised:
        used.append(latents)
        return noised(pipe, latents, *rest)

    monkeypatch.setattr(_latents, "sampled", draw)
    monkeypatch.setattr(_latents, "noised_each", use)
    SMALL.search(problem)
    mean, spread = _latents.encoded(problem.original, problem.images)
    (latents,) = drawn
    assert len(used) == 5 and all(each is latents for each in used)
    assert ((latents - mean) / spread).std() == pytest.approx(1, abs=0.1)


def test_steps_are_adamws_at_the_nearest_words(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AdamW written out for the first step: decay of 0.1 and a step of 0.1 against the sign."""
    gradients: list[torch.Tensor] = []
    pulled = _text.pulled

    def watched(*given: Any) -> torch.Tensor:
        gradients.append(pulled(*given))
        return gradients[-1]

    softs: list[torch.Tensor] = []

    def noted(soft: torch.Tensor, *rest: Any) -> torch.Tensor:
        softs.append(soft.clone())
        return nearest(soft, *rest)

    monkeypatch.setattr(_text, "pulled", watched)
    monkeypatch.setattr("bench.attacks.p4d.nearest", noted)
    replace(SMALL, steps=2).search(problem)
    first, second = softs
    gradient = gradients[0]
    wanted = first * (1 - 0.1 * 0.1) - 0.1 * gradient / (gradient.abs() + 1e-8)
    torch.testing.assert_close(second, wanted, rtol=1e-4, atol=1e-5)
    table = _text.every_token(problem.erased).table
    assert all((table == row).all(1).any() for row in first)
    assert len({tuple(row.tolist()) for row in first}) > 1


def test_the_text_whose_image_is_most_alike_is_kept(problem: Problem, oracle: Scripted) -> None:
    """Looks are at steps 0, 2 and 4; each prompt has its own best."""
    best = {"airplane-0": 1, "airplane-1": 2}
    oracle.alike = lambda prompt, look: 1.0 if best[prompt.id] == look else 0.5
    attack = replace(SMALL, learning_rate=0.5)
    found = attack.search(problem)
    assert len(oracle.looks) == 3
    assert found[0].text == oracle.looks[1][0].text
    assert found[1].text == oracle.looks[2][1].text
    assert len({look[0].text for look in oracle.looks}) == 3
    assert [prompt.seed for prompt in oracle.looks[0]] == [p.seed for p in problem.prompts]


def test_a_tie_keeps_the_earlier_text(problem: Problem, oracle: Scripted) -> None:
    found = replace(SMALL, learning_rate=0.5).search(problem)
    assert [each.text for each in found] == [prompt.text for prompt in oracle.looks[0]]


@pytest.mark.parametrize(
    ("placement", "count", "wanted"),
    [
        ("every", 5, "L 0 1 2 L 3 4"),
        ("every", 6, "L 0 1 2 L 3 4 5 L"),
        ("every", 2, "L 0 1"),
        ("every", 0, "L"),
        ("spread", 4, "L 0 1 L 2 3"),
        ("spread", 5, "L 0 1 L 2 3 4"),
        ("prefix", 3, "L L 0 1 2"),
        ("replace", 3, "L L"),
    ],
)
def test_words_stand_where_the_placement_says(placement: Any, count: int, wanted: str) -> None:
    made = layout(range(count), placement, 2, 3, -1)
    assert " ".join("L" if token < 0 else str(token) for token in made.ids) == wanted
    assert [made.ids[column - 1] for column in made.columns] == [-1] * wanted.count("L")
    words = [100 + number for number in range(len(made.columns))]
    assert [token for token in made.filled(words) if token >= 100] == words
    if placement != "replace":
        assert added(count, placement, 2, 3) == wanted.count("L")


def test_p4d_k_learns_one_token_before_every_three_of_each_prompt(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts of different length have different numbers of learnt tokens."""
    snow = _text.tokens(problem.erased, "snow")[0]
    place = _text.every_token(problem.erased).ids.tolist().index(snow)
    monkeypatch.setattr(
        "bench.attacks.p4d.nearest", lambda soft, *rest: torch.full((len(soft),), place)
    )
    found = [each.text for each in replace(SMALL, steps=1).search(problem)]
    assert [len(_text.tokens(problem.erased, p.text)) for p in problem.prompts] == [5, 6]
    assert found == [
        "snow a photo of snow an airplane",
        "snow a red airplane snow in the desert snow",
    ]
    whole = P4d("official", placement="replace", steps=1).search(problem)
    assert [each.text for each in whole] == [" ".join(["snow"] * 16)] * 2


@pytest.mark.parametrize("placement", ["prefix", "spread", "replace"])
def test_quick_places_words_where_it_says(placement: Any, problem: Problem) -> None:
    attack = P4d("quick", steps=1, tokens=2, pairs=1, placement=placement)
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


def test_on_an_unchanged_model_nothing_is_better_than_the_prompt_itself(problem: Problem) -> None:
    """The words' loss is 0 only where they say what the prompt says: a control of the target."""
    same = replace(problem, erased=problem.original)
    quick = P4d("quick", steps=4, tokens=3, pairs=2)
    assert all(found.loss > 0 for found in quick.search(same))


def test_nearest_word_is_by_cosine() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 9.0], [-1.0, 0.1]])
    soft = torch.tensor([[5.0, 1.0], [0.1, 0.2], [-0.01, 0.0]])
    assert nearest(soft, table, [2]).tolist() == [0, 1, 2]


def test_of_two_encoders_neither_decides_by_the_length_of_its_embeddings() -> None:
    """The second's are a hundred times as long; the word in the middle is near in both."""
    short = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    long = 100 * torch.tensor([[0.0, 1.0], [0.8, 0.6], [1.0, 0.0]])
    soft = torch.tensor([[1.0, 0.0, 100.0, 0.0]])
    table = torch.cat([short, long], dim=1)
    assert nearest(soft, table, [2, 2]).tolist() == [1]
    assert nearest(soft, table, [4]).tolist() == [2]
