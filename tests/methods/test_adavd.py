"""AdaVD against its formulas by hand, and what follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.models import meter, pipelines
from bench.models.generate import draw
from bench.models.prediction import condition
from bench.types import Concept, InputError, Sampler
from methods.adavd import Adavd

SAMPLER = Sampler(3, 4.0)
TEXTS = ("a photo of an airplane", "a dog in the snow")
PLAIN: dict[str, Any] = {"branches": "text", "shift": False}
SOFT: dict[str, Any] = {"slope": 3.0, "threshold": 0.3}
"""A shift that values of random weights meet as well."""


def drawn(pipe: Any, texts: tuple[str, ...] = TEXTS) -> Tensor:
    made: Tensor = draw(pipe, texts, range(len(texts)), SAMPLER, "latent")
    return made


def layer(pipe: Any) -> Any:
    """Return the first layer that makes values of text."""
    return next(m for name, m in pipe.unet.named_modules() if name.endswith("attn2.to_v"))


def values(pipe: Any, states: Tensor) -> Tensor:
    """Return what it makes of embeddings, (n, positions, width) in fp64."""
    with torch.no_grad():
        made: Tensor = layer(pipe)(states)
    return made.double()


def target(pipe: Any, concept: Concept) -> Tensor:
    """Return the value of a concept's last token, (width,) in fp64."""
    states = condition(pipe, [concept.name]).states
    return values(pipe, states)[0, pipelines.last_token(pipe, concept.name)]


def spread(pipe: Any, count: int = 3) -> Tensor:
    """Return embeddings of no text that there is."""
    shape = condition(pipe, [""]).states.shape[1:]
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(7))


def by_hand(rows: np.ndarray[Any, Any], own: list[np.ndarray[Any, Any]], eraser: Adavd) -> Any:
    """Take one position's value apart by Gram-Schmidt, as paper and code write it."""
    basis: list[Any] = []
    weights: list[Any] = []
    for number, one in enumerate(own):
        q, r = one.copy(), np.eye(len(own))[number]
        for other, r_other in zip(basis, weights, strict=True):
            share = other @ one / (other @ other)
            q, r = q - share * other, r - share * r_other
        basis.append(q)
        weights.append(r)
    left = rows.copy()
    for q, r in zip(basis, weights, strict=True):
        for m, one in enumerate(own):
            cosine = one @ rows / np.linalg.norm(one) / np.linalg.norm(rows)
            delta = eraser.height / (1 + np.exp(-eraser.slope * (cosine - eraser.threshold)))
            delta = delta if eraser.shift else 1.0
            left -= q @ rows / (q @ q) * r[m] * delta * one
    return left


@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize("branches", ["both", "text"])
def test_values_are_those_of_gram_schmidt(
    branches: Any, shift: bool, tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    eraser = Adavd(branches=branches, shift=shift, **SOFT)
    erased = eraser.erase(tiny_pipe, [airplane, bird], seed=0)
    empty, prompt = condition(tiny_pipe, [""]).states, spread(tiny_pipe, 1)
    start, before = values(tiny_pipe, empty)[0].numpy(), values(tiny_pipe, prompt)[0].numpy()
    own = [target(tiny_pipe, each).numpy() for each in (airplane, bird)]
    found = values(erased, torch.cat([empty, prompt])).numpy()
    for j in range(1, len(start)):
        if branches == "text":
            wanted = np.concatenate([start[j], by_hand(before[j], own, eraser)])
        else:
            pair = np.concatenate([start[j], before[j]])
            wanted = by_hand(pair, [np.concatenate([start[j], each]) for each in own], eraser)
        assert np.allclose(np.concatenate(found[:, j]), wanted, atol=2e-4 * np.abs(wanted).max())
    assert np.array_equal(found[:, 0], np.stack([start[0], before[0]]))
    # Asked alone, without guidance, a prompt gets the same.
    alone = values(erased, prompt)[0].numpy()
    assert np.allclose(alone, found[1], atol=1e-4 * np.abs(alone).max())


def test_without_the_shift_nothing_is_left_along_the_concept(
    tiny_pipe: Any, airplane: Concept
) -> None:
    erased, states = Adavd(**PLAIN).erase(tiny_pipe, [airplane], seed=0), spread(tiny_pipe)
    own = target(tiny_pipe, airplane)
    before, after = ((values(pipe, states) @ own)[:, 1:].abs() for pipe in (tiny_pipe, erased))
    assert before.min() > 0 and after.max() < 1e-5 * before.max()


def test_a_value_at_right_angles_to_the_concept_stays(tiny_pipe: Any, airplane: Concept) -> None:
    own, weight = target(tiny_pipe, airplane), layer(tiny_pipe).weight.detach().double()
    states = spread(tiny_pipe).double()
    back = weight.T @ own
    states -= (states @ back)[..., None] / (back @ back) * back
    erased = Adavd(**PLAIN).erase(tiny_pipe, [airplane], seed=0)
    before, after = (values(pipe, states.float()) for pipe in (tiny_pipe, erased))
    assert torch.allclose(after, before, atol=1e-5 * float(before.abs().max()))


@pytest.mark.parametrize("branches", ["both", "text"])
def test_a_concept_twice_is_that_concept_once(
    branches: Any, tiny_pipe: Any, airplane: Concept
) -> None:
    once, twice = (
        drawn(Adavd(branches=branches, **SOFT).erase(tiny_pipe, [airplane] * count, seed=0))
        for count in (1, 2)
    )
    assert torch.allclose(once, twice, atol=1e-3)
    assert (once - drawn(tiny_pipe)).abs().max() > 0.01


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
@pytest.mark.parametrize("branches", ["both", "text"])
def test_at_a_height_of_zero_it_is_the_un_erased_model(
    layout: str, branches: Any, request: pytest.FixtureRequest, airplane: Concept, bird: Concept
) -> None:
    pipe = request.getfixturevalue(layout)
    none = Adavd(branches=branches, height=0.0).erase(pipe, [airplane, bird], seed=0)
    assert torch.equal(drawn(none), drawn(pipe))
    some = Adavd(branches=branches, **SOFT).erase(pipe, [airplane, bird], seed=0)
    assert (drawn(some) - drawn(pipe)).abs().max() > 0.01


def test_more_height_leaves_less_of_the_concept(tiny_pipe: Any, airplane: Concept) -> None:
    """Of the concept's own value 1 - c / 2 at the threshold's cosine, and its mirror image at 2."""
    own, states = target(tiny_pipe, airplane), condition(tiny_pipe, [airplane.name]).states
    last = pipelines.last_token(tiny_pipe, airplane.name)
    left = []
    for height in (0.0, 0.5, 1.0, 1.5, 2.0):
        eraser = Adavd(branches="text", height=height)
        found = values(eraser.erase(tiny_pipe, [airplane], seed=0), states)
        left.append(float(found[0, last] @ own / (own @ own)))
    # The shift at a cosine of 1 is 0.999 of the height.
    assert left == pytest.approx([1.0, 0.5, 0.0, -0.5, -1.0], abs=0.005)


def test_of_the_text_alone_the_empty_prompt_stays(tiny_pipe: Any, airplane: Concept) -> None:
    empty = condition(tiny_pipe, [""]).states
    before = values(tiny_pipe, empty)
    erased = Adavd(**PLAIN).erase(tiny_pipe, [airplane], seed=0)
    assert torch.equal(values(erased, empty), before)
    both = Adavd(shift=False).erase(tiny_pipe, [airplane], seed=0)
    pair = torch.cat([empty, condition(tiny_pipe, [airplane.name]).states])
    assert not torch.allclose(values(both, pair)[0], before[0], atol=1e-2)


def test_it_takes_two_evaluations_a_step(tiny_pipe: Any, airplane: Concept) -> None:
    erased = Adavd().erase(tiny_pipe, [airplane], seed=0)
    with meter.counted() as spent:
        drawn(erased)
    assert spent() == 2 * len(TEXTS) * SAMPLER.steps


def test_defaults_are_the_published_ones() -> None:
    eraser = Adavd()
    assert (eraser.slope, eraser.threshold, eraser.height) == (100.0, 0.93, 2.0)
    assert eraser.shift and eraser.branches == "both"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": -1.0}, "height is -1.0, allowed is 0 or more"),
        ({"slope": -1.0}, "slope is -1.0, allowed is 0 or more"),
        ({"threshold": 1.5}, "threshold is 1.5, allowed is a cosine, -1 to 1"),
    ],
)
def test_numbers_out_of_range_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Adavd(**options).check(tiny_pipe, [airplane])
