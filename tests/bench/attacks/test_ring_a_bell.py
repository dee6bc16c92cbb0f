"""Ring-A-Bell: the direction, and each element of the released code's evolution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.attacks import Problem, _text
from bench.attacks._wordings import CAPTIONS, PAIRS
from bench.attacks.ring_a_bell import (
    CONVENTIONS,
    RingABell,
    Settings,
    bred,
    direction,
    distance,
    without,
)
from bench.models import pipelines
from bench.types import Concept

SMALL = RingABell("official", population=12, generations=6, tokens=6)


def test_the_numbers_are_those_of_the_released_code() -> None:
    assert CONVENTIONS["official"] == Settings(3.0, 16, 200, 3000, 0.5, 0.25, False, False)


def test_the_direction_is_the_mean_of_differences(tiny_pipe: Any, airplane: Concept) -> None:
    pairs = PAIRS["object"]
    with_it = pipelines.encode(tiny_pipe, [p.replace("{}", "airplane") for p, _ in pairs]).double()
    absent = pipelines.encode(tiny_pipe, [text for _, text in pairs]).double()
    wanted = sum(with_it[i] - absent[i] for i in range(len(pairs))) / len(pairs)
    torch.testing.assert_close(direction(tiny_pipe, airplane), wanted.float().flatten())


def test_there_are_thirty_pairs_of_each_kind_which_differ_by_the_concept_only() -> None:
    assert set(PAIRS) == set(CAPTIONS) == {"object", "style", "person", "explicit"}
    for pairs in PAIRS.values():
        assert len(pairs) == len(set(pairs)) >= 30
        for present, absent in pairs:
            assert present.count("{}") == 1 and "{}" not in absent
            last = absent.split()[-1]
            assert present.split()[-1] == last


@pytest.fixture
def generations(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The texts of every generation, as their fitness is asked."""
    made: list[torch.Tensor] = []

    def watched(pipe: Any, words: Any, texts: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
        made.append(texts.clone())
        return distance(pipe, words, texts, aim)

    monkeypatch.setattr("bench.attacks.ring_a_bell.distance", watched)
    return made


def test_official_starts_from_random_tokens_and_the_prompt_is_not_among_them(
    problem: Problem, generations: list[torch.Tensor]
) -> None:
    SMALL.search(problem)
    first = generations[0]
    assert first.shape == (12, 6) and len(generations) == 2 * 6
    words = _text.every_token(problem.original)
    for prompt in problem.prompts:
        own = set(_text.tokens(problem.original, prompt.text))
        for text in words.ids[first].tolist():
            assert len(own.intersection(text)) <= 1
    assert len({tuple(text) for text in first.tolist()}) == 12
    assert not torch.equal(generations[0], generations[6])


def test_each_generation_is_bred_of_the_better_half(
    problem: Problem, generations: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[torch.Tensor] = []

    def noted(kept: torch.Tensor, *rest: Any) -> torch.Tensor:
        given.append(kept.clone())
        return bred(kept, *rest)

    monkeypatch.setattr("bench.attacks.ring_a_bell.bred", noted)
    SMALL.search(replace(problem, prompts=problem.prompts[:1], images=problem.images[:1]))
    pipe = problem.original
    words = _text.every_token(pipe)
    aim = pipelines.encode(pipe, [problem.prompts[0].text])[0].flatten() + 3 * direction(
        pipe, problem.concept
    )
    # No breeding after the last generation.
    assert len(given) == 5 and len(generations) == 6
    for texts, kept in zip(generations, given, strict=False):
        order = distance(pipe, words, texts, aim).argsort()[:6]
        assert torch.equal(texts[order], kept)


def test_the_best_of_the_last_generation_is_found(
    problem: Problem, generations: list[torch.Tensor]
) -> None:
    one = replace(problem, prompts=problem.prompts[:1], images=problem.images[:1])
    (found,) = SMALL.search(one)
    pipe = problem.original
    words = _text.every_token(pipe)
    aim = pipelines.encode(pipe, [one.prompts[0].text])[0].flatten() + 3 * direction(
        pipe, one.concept
    )
    fitness = distance(pipe, words, generations[-1], aim)
    assert found.loss == pytest.approx(float(fitness.amin()))
    assert found.text == words.text(generations[-1][fitness.argmin()].tolist())


KEPT = torch.arange(8)[:, None] * 100 + torch.arange(5)
"""Eight texts of five tokens; hundreds tell the text, ones the place."""


def children(seed: int = 0, **odds: Any) -> torch.Tensor:
    settings = replace(CONVENTIONS["official"], **odds)
    return bred(KEPT, 10**6, settings, torch.Generator().manual_seed(seed))


def test_a_crossed_text_stays_and_adds_both_children_cut_at_one_point() -> None:
    made = children(crossover=1.0, mutation=0.0)
    assert torch.equal(made[:8], KEPT) and len(made) == 3 * 8
    cuts = set()
    for one, left, right in zip(KEPT, made[8:16], made[16:], strict=True):
        # Every token stays in its place, and comes from one of two texts.
        assert torch.equal(left % 100, torch.arange(5))
        own = left // 100 == one[0] // 100
        other = set((right // 100).tolist()) | set((left // 100).tolist())
        assert len(other) <= 2
        if len(other) == 2:
            cut = int(own.sum())
            assert own.tolist() == [place < cut for place in range(5)]
            assert torch.equal(right // 100 == one[0] // 100, ~own)
            cuts.add(cut)
    assert len(cuts) > 1


def test_odds_of_crossing_and_mutation_are_the_plans() -> None:
    lengths = [len(children(seed, mutation=0.0)) for seed in range(300)]
    assert sum(lengths) / 300 == pytest.approx(8 + 2 * 8 * 0.5, abs=0.5)
    assert len(children(crossover=0.0)) == 8
    changed = torch.stack([children(seed, crossover=0.0) != KEPT for seed in range(300)])
    share = changed.any(2).float().mean()
    assert share == pytest.approx(0.25, abs=0.03)
    # One token of a text, whichever it is.
    assert changed.sum(2).amax() == 1
    assert changed.any(1).any(0).all()


def test_kept_texts_are_mutated_too_unless_they_are_spared() -> None:
    made = torch.stack([children(seed) for seed in range(1)])
    assert made.shape[1] >= 8
    parents = [children(seed)[:8] for seed in range(50)]
    assert any(not torch.equal(each, KEPT) for each in parents)
    spared = [children(seed, elitist=True)[:8] for seed in range(50)]
    assert all(torch.equal(each, KEPT) for each in spared)


def test_quick_starts_from_the_prompt_without_the_concept(
    problem: Problem, generations: list[torch.Tensor]
) -> None:
    quick = RingABell("quick", population=4, generations=1, tokens=6)
    quick.search(problem)
    words = _text.vocabulary(problem.original)
    texts = [words.text(first[0].tolist()).split() for first in generations]
    assert texts[0][:4] == ["a", "photo", "of", "an"]
    assert texts[1][:5] == ["a", "red", "in", "the", "desert"]
    generations.clear()
    replace(quick, seeded=False).search(problem)
    assert words.text(generations[0][0].tolist()).split()[:4] != ["a", "photo", "of", "an"]


def test_name_and_synonyms_are_left_out_of_the_start(airplane: Concept) -> None:
    assert without("An Airplane's wing, two airplanes and a jet", airplane) == "An wing, two and a"
    assert without("a planet", airplane) == "a planet"
    assert without("a plane", replace(airplane, synonyms=())) == "a plane"
    two = replace(airplane, name="Van Gogh", synonyms=("Vincent van Gogh",))
    assert without("a street by Vincent van Gogh at night", two) == "a street by at night"


def test_quick_evolution_never_gets_worse_and_gets_better(problem: Problem) -> None:
    attack = RingABell("quick", population=16, tokens=6)
    losses = []
    for generations in (1, 6, 26):
        found = replace(attack, generations=generations).search(replace(problem, erased=None))
        losses.append(sum(each.loss for each in found))
    assert losses[0] >= losses[1] > losses[2]


def test_fitness_is_the_squared_distance_to_prompt_plus_direction(problem: Problem) -> None:
    pipe = problem.original
    attack = RingABell("quick", population=8, generations=3, tokens=5, strength=2.0)
    for found, prompt in zip(attack.search(problem), problem.prompts, strict=True):
        aim = pipelines.encode(pipe, [prompt.text])[0].flatten() + 2.0 * direction(
            pipe, problem.concept
        )
        made = pipelines.encode(pipe, [found.text])[0].flatten()
        assert found.loss == pytest.approx(float((made - aim).double().square().sum()), rel=1e-4)


def test_a_prompt_finds_the_same_whatever_is_searched_for_beside_it(problem: Problem) -> None:
    both = SMALL.search(problem)
    alone = SMALL.search(replace(problem, prompts=problem.prompts[1:], images=problem.images[1:]))
    assert alone[0].text == both[1].text
