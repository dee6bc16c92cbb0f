"""UCE against the official code's numbers, an independent evaluation, and its two variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import pipelines
from bench.types import Concept, InputError
from methods import uce
from methods.uce import Uce

CASE = np.load(Path(__file__).parents[1] / "data" / "uce_case.npz")
LAYERS = ("l0_to_k", "l0_to_v", "l1_to_k", "l1_to_v")


def vectors(kind: str) -> torch.Tensor:
    rows = torch.from_numpy(CASE[f"{kind}_emb"])
    return rows[range(len(rows)), CASE[f"{kind}_last_idx"].tolist()]


@pytest.mark.parametrize("layer", LAYERS)
def test_equals_the_official_code(layer: str) -> None:
    es, ps, lamb, _ = CASE["scales_default"].tolist()
    got = uce.closed_form(
        torch.from_numpy(CASE[f"old_{layer}"]),
        *map(vectors, ("erase", "guide", "preserve")),
        erase_scale=es,
        preserve_scale=ps,
        lamb=lamb,
    )
    wanted = torch.from_numpy(CASE[f"new_default_{layer}"])
    assert (got - wanted).norm() / wanted.norm() < 1e-5


def test_equals_an_independent_evaluation() -> None:
    generator = torch.Generator().manual_seed(0)
    w, c, g, p = (
        torch.randn(n, 12, dtype=torch.float64, generator=generator) for n in (5, 4, 4, 3)
    )
    got = uce.closed_form(w, c, g, p, erase_scale=0.7, preserve_scale=0.2, lamb=0.1)
    top = 0.1 * w + 0.7 * w @ g.T @ c + 0.2 * w @ p.T @ p
    bottom = 0.1 * torch.eye(12, dtype=torch.float64) + 0.7 * c.T @ c + 0.2 * p.T @ p
    wanted = top @ torch.linalg.inv(bottom)
    assert (got - wanted).norm() / wanted.norm() < 1e-10


def output(pipe: Any, text: str, position: int) -> torch.Tensor:
    name = next(iter(pipelines.cross_attention(pipe.unet)))
    weight = pipelines.cross_attention(pipe.unet)[name].detach()
    return weight @ pipelines.encode(pipe, [text])[0, position]


def test_2025_edits_the_last_token_to_the_guide(tiny_pipe: Any, airplane: Concept) -> None:
    edited = Uce(lamb=1e-4).erase(tiny_pipe, [airplane], seed=0)
    last = pipelines.last_token(tiny_pipe, "the sky")
    wanted = output(tiny_pipe, "the sky", last)
    assert torch.allclose(output(edited, "airplane", 1), wanted, rtol=1e-3, atol=1e-3)
    # The token before is the begin token, which the 2025 code leaves out.
    assert not torch.allclose(output(edited, "airplane", 2), output(tiny_pipe, "the sky", 3))


def test_2023_preserves_the_empty_prompt(tiny_pipe: Any, airplane: Concept) -> None:
    def drift(**options: Any) -> float:
        edited = Uce(**options).erase(tiny_pipe, [airplane], seed=0)
        return float((output(edited, "", 5) - output(tiny_pipe, "", 5)).norm())

    assert drift(variant="2023", preserve_scale=100.0) < 0.5 * drift(
        variant="2023", preserve_scale=0.0
    )


def test_preserved_concepts_stay(tiny_pipe: Any, airplane: Concept) -> None:
    def drift(preserve: str) -> float:
        edited = Uce(preserve=preserve).erase(tiny_pipe, [airplane], seed=0)
        return float((output(edited, "ship", 1) - output(tiny_pipe, "ship", 1)).norm())

    assert drift("dog; ship") < 0.3 * drift("")


def test_2023_weighs_preserved_texts_by_their_number(tiny_pipe: Any, airplane: Concept) -> None:
    names = "dog;ship;cat"
    one = Uce(variant="2023", preserve=names).erase(tiny_pipe, [airplane], seed=0)
    same = Uce(variant="2023", preserve=names, preserve_scale=0.25).erase(
        tiny_pipe, [airplane], seed=0
    )
    assert torch.equal(output(one, "ship", 1), output(same, "ship", 1))


def test_tensor_takes_away_the_own_direction(tiny_pipe: Any, airplane: Concept) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, erase, guide = (torch.randn(n, 6, generator=generator) for n in (5, 3, 3))
    result = uce.without_direction(weight, erase, guide)
    assert abs(float((result * (erase @ weight.T)).sum())) < 1e-5
    edited = Uce(variant="2023", technique="tensor").erase(tiny_pipe, [airplane], seed=0)
    plain = Uce(variant="2023").erase(tiny_pipe, [airplane], seed=0)
    assert not torch.allclose(output(edited, "airplane", 1), output(plain, "airplane", 1))


def test_several_concepts_go_to_their_own_guides(
    tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    edited = Uce(guide="dog;ship", lamb=1e-4).erase(tiny_pipe, [airplane, bird], seed=0)
    for name, guide in (("airplane", "dog"), ("bird", "ship")):
        wanted = output(tiny_pipe, guide, 1)
        assert torch.allclose(output(edited, name, 1), wanted, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kind", ["object", "style"])
def test_expansion_adds_prompts(tiny_pipe: Any, kind: Any) -> None:
    concept = Concept("mosaic", kind, "art")
    plain = Uce().erase(tiny_pipe, [concept], seed=0)
    more = Uce(expand_prompts=True).erase(tiny_pipe, [concept], seed=0)
    assert not torch.equal(output(plain, "mosaic", 1), output(more, "mosaic", 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guide": "dog;cat;ship"}, "3 parts for 1 concepts"),
        ({"preserve": "dog;Airplane"}, "both erased and preserved"),
        ({"technique": "tensor"}, "2023 only"),
        ({"lamb": 0.0}, "lamb is 0.0"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Uce(**options).erase(tiny_pipe, [airplane], seed=0)
