"""Concept inversion: what it learns from, how, and that nothing that is tested is among it."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest
import torch

from bench.attacks import Problem, _latents, _text
from bench.attacks._wordings import CAPTIONS
from bench.attacks.inversion import CONVENTIONS, STARTS, Inversion, Settings, _shuffled, renamed
from bench.models import pipelines
from bench.types import Concept

SMALL = Inversion("official", steps=6, batch=4)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What the search reads, says, noises and pulls."""
    made: dict[str, list[Any]] = {"read": [], "start": [], "noise": [], "ids": [], "pulled": []}

    def watch(module: Any, name: str, note: Any) -> None:
        plain = getattr(module, name)

        def watched(*given: Any, **more: Any) -> Any:
            result = plain(*given, **more)
            note(given, more, result)
            return result

        monkeypatch.setattr(module, name, watched)

    watch(_latents, "encoded", lambda g, m, r: made["read"].append((g[1], m.get("mirrored"))))
    watch(_latents, "noised_each", lambda g, m, r: made["noise"].append(r))
    watch(_latents, "sampled", lambda g, m, r: made["start"].append(r))
    watch(_text, "spoken", lambda g, m, r: made["ids"].append(g[1]))
    watch(_text, "pulled", lambda g, m, r: made["pulled"].append(r))
    return made


def test_the_numbers_are_those_of_the_released_code() -> None:
    """The learning rate is 5e-3 times a batch of 4 and 4 batches a step."""
    assert CONVENTIONS["official"] == Settings(25, 5000, 16, 5e-3 * 4 * 4, 0.01, "")
    assert CONVENTIONS["quick"] == replace(CONVENTIONS["official"], steps=200, learning_rate=5e-3)


@pytest.mark.parametrize("convention", ["official", "quick"])
def test_it_never_reads_the_tested_prompts_images_or_texts(
    convention: Any, problem: Problem, calls: dict[str, list[Any]]
) -> None:
    attack = replace(SMALL, convention=convention)
    found = attack.search(problem)
    assert [given for given, _ in calls["read"]] == [problem.examples] * 2
    assert [mirrored for _, mirrored in calls["read"]] == [False, True]
    prompts = [_text.tokens(problem.erased, prompt.text) for prompt in problem.prompts]
    for ids in calls["ids"]:
        for row in ids[:, 0].tolist():
            assert not any(own == row[1 : 1 + len(own)] for own in prompts)
    # Other tested images change nothing, others of the concept do.
    blank = replace(problem, images=problem.examples[:2])
    assert same(attack.search(blank)[0].embedding, found[0].embedding)
    fewer = replace(problem, examples=problem.examples[:1])
    assert not same(attack.search(fewer)[0].embedding, found[0].embedding)


def same(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    assert one is not None and other is not None
    return torch.equal(one, other)


@pytest.mark.parametrize("convention", ["official", "quick"])
def test_it_starts_from_a_generic_word_and_not_from_the_concepts(
    convention: Any, problem: Problem
) -> None:
    table = problem.erased.text_encoder.get_input_embeddings().weight.detach()

    def start(concept: Concept, **options: Any) -> torch.Tensor:
        still = Inversion(convention, steps=1, batch=1, learning_rate=0.0, **options)
        found = still.search(replace(problem, concept=concept))[0].embedding
        assert found is not None
        return found[0]

    def word(text: str) -> torch.Tensor:
        return table[_text.tokens(problem.erased, text)].mean(0)

    for kind, generic in STARTS.items():
        made = start(replace(problem.concept, kind=kind))
        torch.testing.assert_close(made, word(generic))
        assert not torch.allclose(made, word("airplane"))
    torch.testing.assert_close(start(problem.concept, start="sky"), word("sky"))


def test_every_step_has_fresh_images_times_noise_and_captions(
    problem: Problem, calls: dict[str, list[Any]]
) -> None:
    problem = replace(problem, examples=problem.examples[:3])
    replace(SMALL, steps=30).search(problem)
    noises = [noise.truth for noise in calls["noise"]]
    assert all(len(noise) == 4 for noise in noises)
    assert all(not torch.equal(a, b) for a, b in pairwise(noises))
    times = torch.cat([noise.timesteps for noise in calls["noise"]])
    assert times.amin() < 100 and times.amax() >= 900 and len(set(times.tolist())) > 80
    captions = {tuple(row) for ids in calls["ids"] for row in ids[:, 0].tolist()}
    assert len(captions) == len(CAPTIONS["object"])
    # Encoded anew each time, both ways round, and every image is seen as often as any other.
    starts = torch.cat(calls["start"])
    assert len({tuple(row.flatten().tolist()) for row in starts}) == len(starts)
    means = torch.cat(
        [_latents.encoded(problem.erased, problem.examples, mirrored=m)[0] for m in (False, True)]
    )
    nearest = (starts[:, None] - means[None]).square().flatten(2).sum(2).argmin(1)
    counts = torch.bincount(nearest, minlength=6)
    assert (counts > 0).all()
    # The odd one lies nearer to another's mean.
    assert (counts[:3] + counts[3:]).tolist() == pytest.approx([40, 40, 40], abs=2)


def test_images_are_shuffled_and_none_comes_again_before_all_have() -> None:
    order = list(islice(_shuffled(5, torch.Generator().manual_seed(0)), 20))
    passes = [order[start : start + 5] for start in range(0, 20, 5)]
    assert all(sorted(each) == list(range(5)) for each in passes)
    assert len({tuple(each) for each in passes}) > 1


def test_a_step_is_adamws_with_the_mean_gradient_of_the_batch(
    problem: Problem, calls: dict[str, list[Any]]
) -> None:
    still = Inversion(steps=1, batch=4, learning_rate=0.0).search(problem)[0].embedding
    made = Inversion(steps=1, batch=4).search(problem)[0].embedding
    assert still is not None and made is not None
    gradient = calls["pulled"][-1].mean(0, keepdim=True)
    assert calls["pulled"][-1].shape == (4, 32)
    wanted = still * (1 - 0.08 * 0.01) - 0.08 * gradient / (gradient.abs() + 1e-8)
    torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-5)


def test_images_are_mirrored_left_to_right(problem: Problem) -> None:
    from PIL import Image, ImageOps

    path = problem.examples[0]
    with Image.open(path) as image:
        turned = path.with_name("turned.png")
        ImageOps.mirror(image).save(turned)
    ours, _ = _latents.encoded(problem.erased, [path], mirrored=True)
    theirs, _ = _latents.encoded(problem.erased, [turned])
    torch.testing.assert_close(ours, theirs)


def test_an_inverted_word_lowers_the_denoising_loss(problem: Problem) -> None:
    """The last step's noise is the same for all; a word that stays frozen is the control."""
    unet = copy.deepcopy(problem.original.unet)
    for weight in pipelines.cross_attention(unet).values():
        weight.data.mul_(4)  # So that what a U-Net of random weights predicts depends on the text.
    heard = replace(problem, erased=pipelines.with_unet(problem.original, unet))
    frozen = Inversion("quick", steps=12, batch=32, learning_rate=0.0).search(heard)
    learnt = Inversion("quick", steps=12, batch=32, learning_rate=0.02).search(heard)
    assert all(a.loss < b.loss for a, b in zip(learnt, frozen, strict=True))


def test_the_inverted_word_stands_for_the_name(problem: Problem) -> None:
    assert renamed("An Airplane at sea", "airplane", "<x>") == "An <x> at sea"
    assert renamed("an airplanes", "airplane", "<x>") == "an airplanes <x>"
    assert renamed("Julius Caesar, painted", "Julius Caesar", "<x>") == "<x>, painted"
    found = SMALL.search(problem)
    assert [each.text for each in found] == [
        "a photo of an <airplane>",
        "a red <airplane> in the desert",
    ]
    assert {each.word for each in found} == {"<airplane>"}
