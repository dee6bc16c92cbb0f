"""UCE against the official code's numbers, an independent evaluation, and its two variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.models import pipelines
from bench.types import Concept, InputError
from methods import _closed_form, uce
from methods.uce import Uce

CASE = np.load(Path(__file__).parents[1] / "data" / "uce_case.npz")
ERASED = [Concept(name, "object", "unused") for name in ("one", "two", "three")]
GUIDES = ("first", "", "third")
KEPT = ("here", "there")


def spoken(recited: Any, **more: torch.Tensor) -> Any:
    """A pipeline with the arrays' weights that reads its words as the arrays' embeddings."""
    texts = {}
    for kind, words in (
        ("erase", [concept.name for concept in ERASED]),
        ("guide", GUIDES),
        ("preserve", KEPT),
    ):
        for word, rows, last in zip(
            words, CASE[f"{kind}_emb"], CASE[f"{kind}_last_idx"], strict=True
        ):
            texts[word] = torch.from_numpy(rows), int(last) + 2
    texts |= {word: (rows, 2) for word, rows in more.items()}
    return recited.pipeline(texts, recited.unet(recited.arrays(CASE, "old_")))


def vectors(kind: str) -> torch.Tensor:
    rows = torch.from_numpy(CASE[f"{kind}_emb"])
    return rows[range(len(rows)), CASE[f"{kind}_last_idx"].tolist()].double()


def solved(
    w: torch.Tensor,
    c: torch.Tensor,
    wg: torch.Tensor,
    p: torch.Tensor,
    es: float,
    ps: float,
    lamb: float,
) -> torch.Tensor:
    """The paper's equation 7 as it stands, in fp64; the guides are outputs, (n, out)."""
    w, eye = w.double(), torch.eye(w.shape[1], dtype=torch.float64)
    top = lamb * w + es * wg.T @ c + ps * w @ p.T @ p
    return top @ torch.linalg.inv(lamb * eye + es * c.T @ c + ps * p.T @ p)


def test_the_eraser_equals_the_official_code_at_its_defaults(recited: Any) -> None:
    es, ps, lamb, kept = CASE["scales_default"].tolist()
    assert (es, ps, lamb, kept) == (1.0, 1.0, 0.5, len(KEPT))
    eraser = Uce(guide=";".join(GUIDES), preserve=";".join(KEPT))
    edited = eraser.erase(spoken(recited), ERASED, seed=0)
    assert recited.error(recited.weights(edited), recited.arrays(CASE, "new_default_")) < 1e-5


def test_of_one_weight_the_closed_form_is_what_the_eraser_makes_of_it(recited: Any) -> None:
    got = {
        name: _closed_form.replaced(
            weight,
            *(vectors(kind) for kind in ("erase", "guide", "preserve")),
            erase_scale=1.0,
            preserve_scale=1.0,
            lamb=0.5,
        )
        for name, weight in recited.arrays(CASE, "old_").items()
    }
    assert recited.error(got, recited.arrays(CASE, "new_default_")) < 1e-5


@pytest.mark.parametrize(("es", "ps", "lamb"), [(0.7, 0.2, 0.1), (3.0, 1.0, 0.5), (1.0, 0.0, 4.0)])
@pytest.mark.parametrize(("count", "kept"), [(3, 2), (1, 2), (2, 0)])
def test_the_eraser_equals_an_independent_evaluation(
    recited: Any, es: float, ps: float, lamb: float, count: int, kept: int
) -> None:
    eraser = Uce(
        guide=";".join(GUIDES[:count]),
        preserve=";".join(KEPT[:kept]),
        erase_scale=es,
        preserve_scale=ps,
        lamb=lamb,
    )
    edited = eraser.erase(spoken(recited), ERASED[:count], seed=0)
    c, g, p = vectors("erase")[:count], vectors("guide")[:count], vectors("preserve")[:kept]
    wanted = {
        name: solved(w, c, g @ w.double().T, p, es, ps, lamb)
        for name, w in recited.arrays(CASE, "old_").items()
    }
    assert recited.error(recited.weights(edited), wanted) < 1e-5


@pytest.mark.parametrize("technique", ["replace", "tensor"])
@pytest.mark.parametrize(("scale", "ps"), [(None, 1 / 3), (0.2, 0.2)])
def test_2023_edits_from_the_last_token_to_the_end_and_keeps_all_of_what_is_kept(
    recited: Any, technique: Any, scale: float | None, ps: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    empty, space = (torch.randn(7, 32, generator=generator) for _ in range(2))
    pipe = spoken(recited, **{"": empty, " ": space})
    eraser = Uce(
        variant="2023",
        technique=technique,
        guide=";".join(GUIDES),
        preserve=";".join(KEPT),
        preserve_scale=scale,
        erase_scale=0.7,
        lamb=0.3,
    )
    edited = eraser.erase(pipe, ERASED, seed=0)
    erase, guide = (torch.from_numpy(CASE[f"{kind}_emb"]).double() for kind in ("erase", "guide"))
    guide[1] = space.double()
    tails = []
    for one, other, i, j in zip(
        erase, guide, CASE["erase_last_idx"], CASE["guide_last_idx"], strict=True
    ):
        length = 7 - max(i, j)
        tails.append((one[i : i + length], other[j : j + length]))
    kept = torch.cat([empty.double(), *torch.from_numpy(CASE["preserve_emb"]).double()])
    wanted = {}
    for name, weight in recited.arrays(CASE, "old_").items():
        w, aims = weight.double(), []
        for one, other in tails:
            aim, own = other @ w.T, one @ w.T
            if technique == "tensor":
                aim = aim - (aim * own).sum() / own.square().sum() * own
            aims.append(aim)
        c = torch.cat([one for one, _ in tails])
        wanted[name] = solved(w, c, torch.cat(aims), kept, 0.7, ps, 0.3)
    assert recited.error(recited.weights(edited), wanted) < 1e-5


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
