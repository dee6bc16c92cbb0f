"""SAFREE against its formulas by hand, and what follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import prompts
from bench.models import loading, pipelines
from bench.models.generate import draw, noise
from bench.models.prediction import condition
from bench.types import Concept, InputError, Sampler
from methods.negative_prompt import NegativePrompt
from methods.safree import Safree, guilty, projector, validated

SAMPLER = Sampler(5, 4.0)
TEXTS = ("a photo of an airplane", "a dog in the snow")
NEVER: dict[str, Any] = {"alpha": float("inf")}


def drawn(pipe: Any, texts: tuple[str, ...] = TEXTS, steps: int = 5) -> Tensor:
    sampler = Sampler(steps, SAMPLER.guidance)
    made: Tensor = draw(pipe, texts, range(len(texts)), sampler, "latent")
    return made


def by_hand(pipe: Any, text: str, phrases: list[str], alpha: float) -> tuple[Tensor, Tensor]:
    """Return h' and which positions were changed, in numpy, prompt by prompt as published."""
    tokenizer = pipe.tokenizer

    def encode(ids: list[int]) -> Any:
        padded = ids + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(ids))
        with torch.no_grad():
            return pipe.text_encoder(torch.tensor([padded])).last_hidden_state[0].double().numpy()

    def span(rows: list[Any]) -> Any:
        columns = np.stack(rows).T
        return columns @ np.linalg.pinv(columns.T @ columns) @ columns.T

    told = [tokenizer(phrase).input_ids for phrase in phrases]
    concept = span([encode(ids)[len(ids) - 1] for ids in told])
    ids = tokenizer(text).input_ids
    masked = [[*ids[:i], 0, *ids[i + 1 :]] for i in range(1, len(ids) - 1)]
    assert all(len(each) == len(ids) for each in masked)
    z = [encode(each)[len(ids) - 1] for each in masked]
    away = np.eye(len(concept)) - concept
    d = [np.linalg.norm(away @ each) for each in z]
    h = encode(ids)
    moved, where = h.copy(), np.zeros(len(h), dtype=bool)
    for i in range(len(z)):
        others = [d[k] for k in range(len(z)) if k != i]
        if d[i] >= (1 + alpha) * np.mean(others):
            moved[i + 1], where[i + 1] = away @ span(z) @ h[i + 1], True
    return torch.from_numpy(moved), torch.from_numpy(where)


@pytest.mark.parametrize("text", [*TEXTS, "a bird and an airplane over the sea"])
def test_prompts_are_projected_by_the_published_formulas(
    text: str, tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    wanted, where = by_hand(tiny_pipe, text, ["airplane", "bird"], 0.01)
    erased = Safree().erase(tiny_pipe, [airplane, bird], seed=0)
    before, after = (pipelines.encode(pipe, [text])[0] for pipe in (tiny_pipe, erased))
    assert where.any() and torch.equal(before[~where], after[~where])
    size = float(before.abs().max())
    assert torch.allclose(after.double(), wanted, atol=1e-3 * size)
    assert (after[where] - before[where]).abs().max() > 0.1 * size


def test_what_is_projected_is_out_of_the_concepts_span(tiny_pipe: Any, airplane: Concept) -> None:
    erased = Safree().erase(tiny_pipe, [airplane], seed=0)
    before, after = (pipelines.encode(pipe, [TEXTS[0]])[0] for pipe in (tiny_pipe, erased))
    where = (before != after).any(1)
    end = pipelines.last_token(tiny_pipe, airplane.name) + 1
    concept = projector(pipelines.encode(tiny_pipe, [airplane.name])[:, end])
    assert torch.allclose(concept @ concept, concept, atol=1e-9) and where.any()
    along = (after[where].double() @ concept).norm(dim=1)
    assert along.max() < 1e-5 * float((before[where].double() @ concept).norm(dim=1).max())


def test_without_guilty_tokens_it_is_the_un_erased_model(tiny_pipe: Any, airplane: Concept) -> None:
    for validate in (True, False):
        none = Safree(**NEVER, validate=validate).erase(tiny_pipe, [airplane], seed=0)
        assert torch.equal(drawn(none), drawn(tiny_pipe))
    some = Safree(validate=False).erase(tiny_pipe, [airplane], seed=0)
    assert (drawn(some) - drawn(tiny_pipe)).abs().max() > 0.1


def test_the_released_runs_negative_prompt_is_that_eraser(
    tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    both = [airplane, bird]
    options: dict[str, Any] = {**NEVER, **Safree.presets["code"]}
    released = Safree(**options).erase(tiny_pipe, both, seed=0)
    assert torch.equal(drawn(released), drawn(NegativePrompt().erase(tiny_pipe, both, seed=0)))


def asked(pipe: Any, text: str, steps: int, **options: Any) -> tuple[list[bool], Tensor, Tensor]:
    """Say at which steps the U-Net reads the projected prompt; return it and the plain one."""
    concept = Concept("airplane", "object", "the sky")
    erased, seen = Safree(**options).erase(pipe, [concept], seed=0), []
    projected, plain = (condition(each, [text]).states for each in (erased, pipe))
    inner = erased.unet._inner.register_forward_pre_hook(lambda module, args: seen.append(args[2]))
    drawn(erased, (text,), steps)
    inner.remove()
    assert all(
        torch.equal(each[1], projected[0]) or torch.equal(each[1], plain[0]) for each in seen
    )
    return [torch.equal(each[1], projected[0]) for each in seen], projected, plain


@pytest.mark.parametrize(
    ("midpoint", "steps", "first"),
    [(-1e3, 50, 11), (-1e3, 25, 6), (1e3, 50, 1), (1e3, 25, 1)],
)
def test_a_prompt_stays_projected_for_its_share_of_the_steps(
    midpoint: float, steps: int, first: int, tiny_pipe: Any
) -> None:
    """All of ten steps of 50 after the first, or none of them."""
    acted, projected, plain = asked(tiny_pipe, TEXTS[0], steps, midpoint=midpoint)
    assert not torch.equal(projected, plain)
    assert acted == [number < first for number in range(steps)]


def test_without_validation_it_stays_projected(tiny_pipe: Any) -> None:
    acted, _, _ = asked(tiny_pipe, TEXTS[0], 5, validate=False)
    assert acted == [True] * 5


def test_prompts_of_one_batch_have_shares_of_their_own(tiny_pipe: Any, airplane: Concept) -> None:
    erased = Safree(midpoint=0.0, steepness=0.2).erase(tiny_pipe, [airplane], seed=0)
    together = drawn(erased)
    for number, text in enumerate(TEXTS):
        alone = draw(erased, (text,), (number,), SAMPLER, "latent")
        assert torch.allclose(together[number], alone[0], atol=1e-3)


def test_the_filter_counts_as_published() -> None:
    turned = torch.eye(4)[[1, 0]]
    # At right angles beta is 1, and 10 sigmoid(2 k (10 - t0)) is ten; the same gives none.
    assert validated(torch.eye(4)[:2], turned, 3.5, 5.5) == 10
    assert validated(turned, turned, 3.5, 5.5) == 0
    assert validated(torch.eye(4)[:2], turned, 3.5, 10.0) == 5
    found = [validated(torch.eye(4)[:2], turned, 0.2, t0) for t0 in range(0, 20, 2)]
    assert found == sorted(found, reverse=True) and len(set(found)) > 5
    kinds = {kind: Safree().filter([Concept("neon", kind, "")]) for kind in ("explicit", "style")}
    assert kinds == {"explicit": (2.5, 5.333), "style": (3.5, 5.5)}


def test_on_mini_a_prompt_without_the_concept_is_left_at_once() -> None:
    """At most one step of 50, but ten for the concept."""
    pipe = loading.shared("mini", "cpu")
    ship = prompts.known_concepts(prompts.suite("objects"))["ship"]
    erased = Safree().erase(pipe, [ship], seed=0)
    (hook,) = erased.text_encoder._forward_hooks.values()
    shares = {}
    for text in ("a photo of a ship", "a photo of a cat", "a dog in the snow"):
        pipelines.encode(erased, [text])
        shares[text] = list(hook.memory.known.values())[-1][1]
    assert list(shares.values()) == pytest.approx([11 / 50, 1 / 50, 1 / 50])


def test_more_alpha_finds_fewer_guilty() -> None:
    d = torch.tensor([1.0, 1.02, 1.1, 0.9, 1.15])
    counts = [int(guilty(d, alpha).sum()) for alpha in (0.0, 0.01, 0.1, 0.3, float("inf"))]
    assert counts == [2, 2, 1, 0, 0]
    assert not guilty(torch.tensor([3.0]), 0.01).any()


def test_phrases_of_ones_own_span_more_than_the_name(tiny_pipe: Any, airplane: Concept) -> None:
    one, own = (
        pipelines.encode(Safree(phrases=words).erase(tiny_pipe, [airplane], seed=0), [TEXTS[0]])
        for words in ("", "airplane, a jet in the sky")
    )
    assert not torch.allclose(one, own, atol=1e-2)


def test_the_pipeline_it_was_given_encodes_as_before(tiny_pipe: Any, airplane: Concept) -> None:
    before = pipelines.encode(tiny_pipe, TEXTS)
    erased = Safree().erase(tiny_pipe, [airplane], seed=0)
    assert not torch.equal(pipelines.encode(erased, TEXTS), before)
    assert torch.equal(pipelines.encode(tiny_pipe, TEXTS), before)
    # Embeddings that it never made, as of a search, are read as they are.
    states, x = torch.randn_like(before), noise(tiny_pipe.unet, range(2))
    with torch.no_grad():
        made, plain = (pipe.unet(x, 401, states).sample for pipe in (erased, tiny_pipe))
    assert torch.equal(made, plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha is -1.0, allowed is 0 or more"),
        ({"alpha": float("nan")}, "alpha is nan, allowed is 0 or more"),
        ({"steepness": -1.0}, "steepness is -1.0, allowed is 0 or more"),
        ({"phrases": " , "}, "phrases is ' , ', allowed are words separated by commas"),
        ({"phrases": "cat " * 40}, "has 40 tokens; the encoder reads 30"),
        ({"phrases": "cat " * 20 + ", " + "dog " * 20, "negative": True}, "the encoder reads 30"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Safree(**options).check(tiny_pipe, [airplane])


def test_sdxl_is_refused(tiny_sdxl: Any, airplane: Concept) -> None:
    with pytest.raises(InputError, match="SDXL has two, allowed is SD 1 or 2"):
        Safree().check(tiny_sdxl, [airplane])
