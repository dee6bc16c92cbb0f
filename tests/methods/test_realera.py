"""RealEra: its formula, its stages and every ablation of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.models import pipelines
from bench.types import Concept, InputError
from methods import _lora, _prompts, realera
from methods.realera import RealEra
from methods.realera._surroundings import Surroundings

QUICK: dict[str, Any] = {
    "prompts": 2,
    "neighbors": 2,
    "beyond": 1,
    "steps": 2,
    "crce_steps": 2,
    "trajectories": 2,
    "trajectory_steps": 2,
}


def weights(pipe: Any) -> torch.Tensor:
    return torch.cat([w.detach().flatten() for w in pipelines.cross_attention(pipe.unet).values()])


def solved(
    w: torch.Tensor,
    x: torch.Tensor,
    g: torch.Tensor,
    b: torch.Tensor,
    p: torch.Tensor,
    beyond: float,
    prior: float,
    ridge: float,
) -> torch.Tensor:
    """The normal equations of stage one as they stand, in fp64."""
    w, x, g, b, p = (each.double() for each in (w, x, g, b, p))
    top = w @ g.T @ x + beyond * w @ b.T @ b + prior * w @ p.T @ p + ridge * w
    eye = torch.eye(w.shape[1], dtype=torch.float64)
    return top @ torch.linalg.inv(x.T @ x + beyond * b.T @ b + prior * p.T @ p + ridge * eye)


def test_closed_form_equals_its_normal_equations() -> None:
    generator = torch.Generator().manual_seed(0)
    w, x, g, b, p = (
        torch.randn(n, 12, dtype=torch.float64, generator=generator) for n in (5, 6, 6, 8, 3)
    )
    got = realera.closed_form(w, x, g, b, beyond_scale=2.0, ridge=0.3, prior=p, prior_scale=0.5)
    wanted = solved(w, x, g, b, p, 2.0, 0.5, 0.3)
    assert (got - wanted).norm() / wanted.norm() < 1e-10


@pytest.mark.parametrize(("near", "beyond"), [(0, 0), (2, 0), (0, 3), (3, 2)])
@pytest.mark.parametrize("several", [False, True])
def test_stage_one_equals_an_independent_evaluation(
    tiny_pipe: Any,
    airplane: Concept,
    bird: Concept,
    monkeypatch: pytest.MonkeyPatch,
    several: bool,
    near: int,
    beyond: int,
) -> None:
    """Over prompts, the points that were drawn around each, and the prior."""
    drawn: dict[str, list[torch.Tensor]] = {"near": [], "beyond": []}
    for kind, points in drawn.items():
        draw = getattr(Surroundings, kind)

        def noted(
            self: Any, prompt: int, generator: Any, draw: Any = draw, points: Any = points
        ) -> Any:
            points.append(draw(self, prompt, generator))
            return points[-1]

        monkeypatch.setattr(Surroundings, kind, noted)
    concepts = [airplane, bird] if several else [airplane]
    edited = RealEra(
        stage="closed_form",
        prompts=2,
        neighbors=near,
        beyond=beyond,
        beyond_scale=0.7,
        prior_scale=0.5,
        ridge=0.2,
    ).erase(tiny_pipe, concepts, seed=0)
    pairs = [_prompts.pairs(tiny_pipe, concept, 2) for concept in concepts]
    own = torch.cat([pair.concept for pair in pairs])
    targets = torch.cat([pair.aligned for pair in pairs])
    assert [len(points) for points in drawn["near"]] == [near] * len(own)
    assert [len(points) for points in drawn["beyond"]] == [beyond] * len(own)
    x = torch.cat([own, *drawn["near"]])
    g = torch.cat([targets, *(t.expand(near, -1, -1) for t in targets)])
    prior = pipelines.encode(tiny_pipe, _prompts.prior("scenes", concepts)).flatten(0, 1)
    tokens = own.shape[0] * own.shape[1]
    rows = x.flatten(0, 1), g.flatten(0, 1), torch.cat(drawn["beyond"]).flatten(0, 1), prior
    after = pipelines.cross_attention(edited.unet)
    for name, weight in pipelines.cross_attention(tiny_pipe.unet).items():
        scales = 0.7, 0.5 * tokens / len(prior), 0.2 * tokens
        wanted = solved(weight.detach(), *rows, *scales)
        assert (after[name] - wanted).norm() / wanted.norm() < 1e-5


@pytest.mark.parametrize("count", [1, 2])
def test_stage_two_adds_one_lora_and_fuses_several(
    tiny_pipe: Any,
    airplane: Concept,
    bird: Concept,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    seen: list[_lora.Factors] = []
    factors = _lora.factors

    def noted(unet: Any) -> _lora.Factors:
        seen.append(factors(unet))
        return seen[-1]

    monkeypatch.setattr(_lora, "factors", noted)
    concepts = [airplane, bird][:count]
    options = QUICK | {"stage": "lora", "learning_rate": 0.1}
    edited = RealEra(**options, prior_scale=0.5, fuse_ridge=0.2).erase(tiny_pipe, concepts, seed=0)
    own = [_prompts.pairs(tiny_pipe, concept, 2).concept.double() for concept in concepts]
    prior = pipelines.encode(tiny_pipe, _prompts.prior("scenes", concepts)).double().flatten(0, 1)
    tokens = sum(rows.shape[0] * rows.shape[1] for rows in own)
    assert len(seen) == count
    after = pipelines.cross_attention(edited.unet)
    for name, weight in pipelines.cross_attention(tiny_pipe.unet).items():
        w, eye = weight.detach().double(), torch.eye(weight.shape[1], dtype=torch.float64)
        changes = [up.double() @ down.double() for up, down in (each[name] for each in seen)]
        wanted = w + changes[0]
        if count > 1:
            kept = 0.5 * tokens / len(prior) * prior.T @ prior + 0.2 * tokens * eye
            top, bottom = w @ kept, kept
            for change, rows in zip(changes, own, strict=True):
                gram = rows.flatten(0, 1).T @ rows.flatten(0, 1)
                top, bottom = top + (w + change) @ gram, bottom + gram
            wanted = top @ torch.linalg.inv(bottom)
        assert (after[name] - wanted).norm() / wanted.norm() < 1e-5


def test_stage_one_moves_the_concept_and_the_prior_holds_the_rest(
    tiny_pipe: Any, airplane: Concept
) -> None:
    rows = pipelines.encode(tiny_pipe, ["a photo of an airplane", "a photo of a dog"])
    anchor = pipelines.encode(tiny_pipe, ["a photo of the sky"])
    name, before = next(iter(pipelines.cross_attention(tiny_pipe.unet).items()))
    moved, kept = [], []
    for scale in (0.0, 1.0):
        edited = RealEra(
            stage="closed_form", prompts=1, neighbors=0, beyond=0, ridge=1e-4, prior_scale=scale
        ).erase(tiny_pipe, [airplane], seed=0)
        after = pipelines.cross_attention(edited.unet)[name].data
        change = rows @ (after - before.data).T
        gap = (anchor[0] - rows[0]) @ before.data.T
        moved.append(float((change[0] - gap).norm() / gap.norm()))
        kept.append(float(change[1].norm() / (rows[1] @ before.data.T).norm()))
    assert moved[0] < 0.3 and moved[1] < 0.9
    assert kept[1] < 0.5 * kept[0]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stage": "closed_form"},
        {"stage": "lora"},
        {"reading": "crce"},
        {"sampling": "token", "keep_bos": False},
        {"noise": "renoised", "batch": 2, "prior_mu": 1.0},
        {"neighbors": 0},
        {"beyond": 0},
        {"neighbors": 0, "beyond": 0, "reading": "crce"},
        {"mu": 0.0},
        {"prior": "everyday"},
    ],
)
def test_every_option_erases_and_spares_the_input(
    tiny_pipe: Any, airplane: Concept, bird: Concept, options: dict[str, Any], several: bool
) -> None:
    before = weights(tiny_pipe)
    edited = RealEra(**(QUICK | options)).erase(
        tiny_pipe, [airplane, bird] if several else [airplane], seed=0
    )
    after = weights(edited)
    assert torch.equal(weights(tiny_pipe), before)
    assert torch.isfinite(after).all() and not torch.equal(after, before)


def test_each_option_matters(tiny_pipe: Any, airplane: Concept) -> None:
    base = QUICK | {"steps": 3}
    changes: list[dict[str, Any]] = [
        {},
        {"stage": "closed_form"},
        {"stage": "lora"},
        {"reading": "crce"},
        {"prompts": 3},
        {"neighbors": 3},
        {"beyond": 2},
        {"min_cos": 0.7},
        {"max_cos": 0.7},
        {"beyond_max_cos": 0.2},
        {"max_distance": 3.0},
        {"sampling": "token"},
        {"keep_bos": False},
        {"beyond_scale": 2.0},
        {"prior": "everyday"},
        {"prior_scale": 2.0},
        {"ridge": 0.3},
        {"rank": 2},
        {"steps": 4},
        {"learning_rate": 2e-4},
        {"batch": 2},
        {"mu": 0.0},
        {"prior_mu": 1.0},
        {"noise": "renoised"},
        {"trajectories": 3},
        {"trajectory_steps": 3},
        {"trajectory_guidance": 1.0},
    ]
    results = [
        weights(RealEra(**(base | change)).erase(tiny_pipe, [airplane], seed=0))
        for change in changes
    ]
    for i, one in enumerate(results):
        for j in range(i):
            assert not torch.equal(one, results[j]), (changes[i], changes[j])


def test_training_brings_the_concept_to_the_anchor(tiny_pipe: Any, airplane: Concept) -> None:
    edited = RealEra(
        stage="lora",
        prompts=1,
        neighbors=0,
        beyond=0,
        steps=60,
        learning_rate=2e-2,
        trajectories=4,
        trajectory_steps=4,
    ).erase(tiny_pipe, [airplane], seed=0)
    rows = pipelines.encode(tiny_pipe, ["a photo of an airplane", "a photo of the sky"])
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    t = torch.tensor(600)
    with torch.no_grad():
        anchor = tiny_pipe.unet(x, t, rows[1:])[0]
        before = (tiny_pipe.unet(x, t, rows[:1])[0] - anchor).norm()
        after = (edited.unet(x, t, rows[:1])[0] - anchor).norm()
    assert after < 0.7 * before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"neighbors": -1}, "0 or more"),
        ({"min_cos": 0.9, "max_cos": 0.5}, "min_cos < max_cos"),
        ({"max_distance": 0.01}, "nearest point"),
        ({"learning_rate": 1e30, "steps": 4}, "learning rate"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        RealEra(**(QUICK | options)).erase(tiny_pipe, [airplane], seed=0)
