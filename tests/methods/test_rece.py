"""RECE against UCE, its paper's layer-by-layer equations and its claim."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import pipelines
from bench.types import Concept, InputError
from methods import _closed_form
from methods.rece import Rece, imitation
from methods.uce import Uce


def weights(pipe: Any) -> dict[str, Tensor]:
    return {n: w.detach().double() for n, w in pipelines.cross_attention(pipe.unet).items()}


def layered(pipe: Any, concepts: list[Concept], guide: str, options: Rece) -> dict[str, Tensor]:
    """The paper's equations as they stand, each layer's weight by itself."""
    names = [concept.name for concept in concepts]
    c, g, p = (
        pipelines.encode(pipe, texts).double().flatten(0, 1)
        for texts in (names, [guide] * len(names), [" "] * len(names))
    )
    own = weights(pipe)
    start = Uce(variant="2023", guide=guide).fit(pipe, concepts, seed=0)
    now = {name: start[name].double() for name in own}
    eye = torch.eye(c.shape[1], dtype=torch.float64)
    for _ in range(options.epochs):
        seen = options.regular_scale * eye + sum(w.T @ w for w in now.values())
        cross = sum(now[name].T @ own[name] for name in own)
        found = (torch.linalg.inv(seen) @ cross @ c.T).T
        kept = options.preserve_scale * p.T @ p
        right = torch.linalg.inv(options.lamb * eye + found.T @ found + kept)
        now = {
            name: (options.lamb * w + w @ g.T @ found + w @ kept) @ right for name, w in now.items()
        }
    return now


def residual(before: dict[str, Tensor], after: dict[str, Tensor], rows: Tensor) -> float:
    """How badly the best embeddings imitate rows, through weights as they are now."""
    seen = sum(w.T @ w for w in after.values()) + 1e-3 * torch.eye(rows.shape[1]).double()
    best = torch.linalg.solve(seen, sum(after[n].T @ before[n] for n in before) @ rows.T)
    return sum(float((after[n] @ best - before[n] @ rows.T).norm() ** 2) for n in before)


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
@pytest.mark.parametrize("guide", [None, "", "art; a dog"])
def test_without_epochs_it_is_uce_of_2023_to_the_last_bit(
    layout: str,
    guide: str | None,
    request: pytest.FixtureRequest,
    airplane: Concept,
    bird: Concept,
) -> None:
    pipe = request.getfixturevalue(layout)
    none = Rece(epochs=0, guide=guide).fit(pipe, [airplane, bird], seed=0)
    uce = Uce(variant="2023", guide=guide).fit(pipe, [airplane, bird], seed=0)
    one = Rece(guide=guide).fit(pipe, [airplane, bird], seed=0)
    assert none.keys() == uce.keys() == one.keys()
    assert all(torch.equal(none[name], uce[name]) for name in uce)
    assert not any(torch.equal(one[name], uce[name]) for name in uce)


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_shared_matrix_is_the_papers_layer_by_layer_solution(
    tiny_pipe: Any, airplane: Concept, bird: Concept, epochs: int
) -> None:
    eraser = Rece(epochs=epochs, regular_scale=0.1, preserve_scale=0.3, lamb=0.2, guide="art")
    found = eraser.fit(tiny_pipe, [airplane, bird], seed=0)
    for name, wanted in layered(tiny_pipe, [airplane, bird], "art", eraser).items():
        assert (found[name].double() - wanted).norm() / wanted.norm() < 1e-5


def test_a_search_that_finds_nothing_leaves_uce(tiny_pipe: Any, airplane: Concept) -> None:
    nothing = Rece(regular_scale=1e14).fit(tiny_pipe, [airplane], seed=0)
    for name, wanted in Uce(variant="2023").fit(tiny_pipe, [airplane], seed=0).items():
        assert torch.allclose(nothing[name], wanted, rtol=0, atol=1e-6)


def test_less_regularisation_imitates_more_closely(tiny_pipe: Any, airplane: Concept) -> None:
    own = weights(tiny_pipe)
    edited = Rece(epochs=0).fit(tiny_pipe, [airplane], seed=0)
    after = {name: edited[name].double() for name in own}
    rows = pipelines.encode(tiny_pipe, [airplane.name])[0].double()
    name = next(iter(own))
    matrix = torch.linalg.lstsq(own[name], after[name]).solution
    gram = own[name].T @ own[name]
    left = [
        float(
            (
                own[name] @ matrix @ imitation(rows, matrix, gram, scale).T - own[name] @ rows.T
            ).norm()
        )
        for scale in (1e-3, 1e-1, 10.0)
    ]
    assert left[0] < left[1] < left[2]


def test_an_epoch_makes_the_concept_harder_to_imitate(tiny_pipe: Any, airplane: Concept) -> None:
    own = weights(tiny_pipe)
    rows = pipelines.encode(tiny_pipe, [airplane.name])[0].double()
    left = []
    for epochs in (0, 1):
        found = Rece(epochs=epochs).fit(tiny_pipe, [airplane], seed=0)
        left.append(residual(own, {name: found[name].double() for name in own}, rows))
    assert left[1] > 1.2 * left[0]


def test_one_space_is_read_as_before_the_more_it_weighs(tiny_pipe: Any, airplane: Concept) -> None:
    space = pipelines.encode(tiny_pipe, [" "])[0].double()
    uce = Uce(variant="2023").fit(tiny_pipe, [airplane], seed=0)

    def drift(scale: float) -> float:
        found = Rece(preserve_scale=scale).fit(tiny_pipe, [airplane], seed=0)
        return sum(float((space @ (found[n] - uce[n]).double().T).norm()) for n in uce)

    assert drift(100.0) < 0.2 * drift(0.0)


def test_several_concepts_are_erased_jointly(
    tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    eraser = Rece(regular_scale=1.0)
    one = eraser.fit(tiny_pipe, [airplane, bird], seed=0)
    other = eraser.fit(tiny_pipe, [bird, airplane], seed=0)
    alone = eraser.fit(tiny_pipe, [airplane], seed=0)
    for name in one:
        assert torch.allclose(one[name], other[name], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(one[name], alone[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "epochs is -1, allowed is 0 or more"),
        ({"preserve_scale": -0.1}, "preserve_scale is -0.1, allowed is 0 or more"),
        ({"regular_scale": 0.0}, "regular_scale is 0.0, allowed is more than 0"),
        ({"lamb": 0.0}, "lamb is 0.0, allowed is more than 0"),
        ({"guide": "art;sky"}, "guide has 2 parts for 1 concepts"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Rece(**options).check(tiny_pipe, [airplane])


def test_the_shared_search_is_the_least_squares_solution() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(5, 4, dtype=torch.float64, generator=generator) for _ in range(2))
    matrix = torch.randn(4, 4, dtype=torch.float64, generator=generator)
    rows = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    found = imitation(rows, matrix, first.T @ first + second.T @ second, 0.7).requires_grad_(True)
    loss = 0.7 * found.square().sum() + sum(
        (found @ (w @ matrix).T - rows @ w.T).square().sum() for w in (first, second)
    )
    (gradient,) = torch.autograd.grad(loss, found)
    assert gradient.abs().max() < 1e-10
    assert not torch.allclose(found.detach(), rows @ _closed_form.identity(rows))
