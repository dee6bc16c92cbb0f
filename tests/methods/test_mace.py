"""MACE against the official code's numbers, an independent evaluation, and its stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import pipelines
from bench.types import Concept, InputError, Kind
from methods import _attention, _masks, _noise, _prompts, _tokens, mace
from methods._published import OFFICIAL, Published, configured
from methods.mace import Mace

DATA = Path(__file__).parents[1] / "data"
REFINE, FUSE = np.load(DATA / "mace_cfr_case.npz"), np.load(DATA / "mace_fuse_case.npz")
LAYERS = ("l0_to_k", "l0_to_v", "l1_to_k", "l1_to_v")
QUICK: dict[str, Any] = {"prompts": 3, "steps": 2, "images": 2, "image_steps": 2}


def rows(case: Any, name: str) -> torch.Tensor:
    return torch.from_numpy(case[name]).flatten(0, -2)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("result", "lamb", "scale"), [
    ("nocache_lamb10", 10.0, 0.0),
    ("prior_lamb0.1_s0.3", 0.1, 0.3),
])  # fmt: skip
def test_refine_equals_the_official_code(
    layer: str, result: str, lamb: float, scale: float
) -> None:
    got = mace.refine(
        torch.from_numpy(REFINE[f"old_{layer}"]),
        rows(REFINE, "old_emb"),
        rows(REFINE, "new_emb"),
        lamb=lamb,
        prior_outer=torch.from_numpy(REFINE[f"prior_mat1_{layer}"]),
        prior_gram=torch.from_numpy(REFINE[f"prior_mat2_{layer}"]),
        prior_scale=scale,
    )
    wanted = torch.from_numpy(REFINE[f"new_{result}_{layer}"])
    assert (got - wanted).norm() / wanted.norm() < 1e-5


@pytest.mark.parametrize("layer", LAYERS)
def test_fuse_equals_the_official_code(layer: str) -> None:
    got = mace.fuse(
        torch.from_numpy(FUSE[f"old_{layer}"]),
        [
            (
                torch.from_numpy(FUSE[f"lora{i}_up_{layer}"]),
                torch.from_numpy(FUSE[f"lora{i}_down_{layer}"]),
            )
            for i in range(3)
        ],
        list(torch.from_numpy(FUSE["concept_emb"]).flatten(1, 2)),
        lamb=10.0,
    )
    wanted = torch.from_numpy(FUSE[f"new_nocache_lamb10_{layer}"])
    assert (got - wanted).norm() / wanted.norm() < 1e-5


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def test_both_equal_an_independent_evaluation() -> None:
    w, old, new, p = (random(n, 12, seed=n) for n in (5, 6, 7, 8))
    new = new[:6]
    outer, gram = random(5, 12, seed=9), p.T @ p
    eye = torch.eye(12, dtype=torch.float64)
    prior = {"prior_outer": outer, "prior_gram": gram, "prior_scale": 0.3}
    got = mace.refine(w, old, new, lamb=0.2, **prior)
    wanted = (0.2 * w + w @ new.T @ old + 0.3 * outer) @ torch.linalg.inv(
        0.2 * eye + old.T @ old + 0.3 * gram
    )
    assert (got - wanted).norm() / wanted.norm() < 1e-10
    loras = [(random(5, 2, seed=s), random(2, 12, seed=s + 50)) for s in (20, 21)]
    groups = [old, new[:4]]
    got = mace.fuse(w, loras, groups, lamb=0.2, **prior)
    top, bottom = 0.2 * w + 0.3 * outer, 0.2 * eye + 0.3 * gram
    for (up, down), group in zip(loras, groups, strict=True):
        top, bottom = top + (w + up @ down) @ group.T @ group, bottom + group.T @ group
    wanted = top @ torch.linalg.inv(bottom)
    assert (got - wanted).norm() / wanted.norm() < 1e-10


def test_context_leaves_out_the_exchanged_words() -> None:
    old, new = [90, 1, 50, 7, 91], [90, 1, 60, 61, 7, 91]
    assert _tokens.context(old, new, 8) == ([0, 1, 3, 4, 5, 6], [0, 1, 4, 5, 6, 7])


def test_importance_lies_where_the_code_samples() -> None:
    odds = _noise.importance(1000)
    assert odds.min() >= 0
    assert 0.84 < float(odds[200:401].sum() / odds.sum()) < 0.88


def weights(pipe: Any) -> torch.Tensor:
    return torch.cat([w.detach().flatten() for w in pipelines.cross_attention(pipe.unet).values()])


def test_stage_one_is_refine(tiny_pipe: Any, airplane: Concept) -> None:
    edited = Mace(stage="refine", prompts=3, lamb=5.0, preserve_scale=0.0).erase(
        tiny_pipe, [airplane], seed=0
    )
    old, new = [], []
    for one, other in zip(*_prompts.texts(airplane, 3), strict=True):
        here, there = _tokens.context(
            _tokens.ids(tiny_pipe, one), _tokens.ids(tiny_pipe, other), 32
        )
        old.append(pipelines.encode(tiny_pipe, [one])[0, here])
        new.append(pipelines.encode(tiny_pipe, [other])[0, there])
    before = pipelines.cross_attention(tiny_pipe.unet)
    for name, after in pipelines.cross_attention(edited.unet).items():
        wanted = mace.refine(before[name].data, torch.cat(old), torch.cat(new), lamb=5.0)
        assert torch.allclose(after, wanted, atol=1e-5)


def test_stage_two_takes_attention_off_the_object(tiny_pipe: Any, airplane: Concept) -> None:
    text = _prompts.texts(airplane, 1)[0]
    embedding = pipelines.encode(tiny_pipe, text)
    positions = _tokens.of_concept(tiny_pipe, text[0], "airplane", pooler=False)
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(1))

    def paid(pipe: Any) -> float:
        with torch.no_grad(), _attention.recorded(pipe.unet) as maps:
            _noise.predict(pipe.unet, x, torch.tensor(300), embedding)
        mask = torch.ones(8, 8)
        return float(_attention.attention_loss(maps, mask, positions, squared=False))

    edited = Mace(
        stage="lora",
        prompts=1,
        steps=60,
        learning_rate=0.05,
        images=2,
        image_steps=3,
        segmenter="none",
        use_pooler=False,
        lamb=1e-3,
    ).erase(tiny_pipe, [airplane], seed=0)
    assert paid(edited) < 0.6 * paid(tiny_pipe)


def test_recording_changes_no_prediction_and_leaves_no_trace(tiny_pipe: Any) -> None:
    x, t = random(2, 8, 8, 8).float(), torch.tensor(300)
    text = pipelines.encode(tiny_pipe, ["a bird", "a dog"])
    plain = tiny_pipe.unet.attn_processors
    with torch.no_grad():
        before = _noise.predict(tiny_pipe.unet, x, t, text)
        with _attention.recorded(tiny_pipe.unet) as maps:
            during = _noise.predict(tiny_pipe.unet, x, t, text)
    assert torch.allclose(before, during, atol=1e-5)
    assert tiny_pipe.unet.attn_processors == plain
    assert len(maps) == len(pipelines.cross_attention(tiny_pipe.unet)) / 2
    for layer in maps:
        assert layer.shape[0] == 2 and layer.shape[-1] == 32
        assert torch.allclose(layer.sum(-1), torch.ones(()), atol=1e-5)


def test_attention_loss_sees_only_mask_and_positions() -> None:
    layer = torch.zeros(1, 2, 16, 5)
    layer[0, :, 0, 1] = 3.0
    layer[0, :, 15, 1] = 4.0
    layer[0, :, 0, 4] = 5.0
    mask = torch.zeros(8, 8)
    mask[:2, :2] = 1
    loss = _attention.attention_loss([layer, layer], mask, [1, 2], squared=False)
    assert float(loss) == pytest.approx(2 * (2 * 9.0) ** 0.5)
    squared = _attention.attention_loss([layer, layer], mask, [1, 2], squared=True)
    assert float(squared) == pytest.approx(2 * 2 * 9.0)


def test_positions_of_concept_end_and_padding(tiny_pipe: Any) -> None:
    text = "a photo of an airplane"
    assert _tokens.of_concept(tiny_pipe, text, "airplane", pooler=False) == [5]
    assert _tokens.of_concept(tiny_pipe, text, "airplane", pooler=True) == [5, *range(6, 32)]
    assert _tokens.of_concept(tiny_pipe, "a dog", "airplane", pooler=False) == [3]


def test_attention_masks_are_neither_empty_nor_full(tiny_pipe: Any) -> None:
    scene = _masks.Scene(
        tiny_pipe,
        random(3, 8, 8, 8).float(),
        pipelines.encode(tiny_pipe, ["a bird"]),
        [2],
        "bird",
        torch.Generator().manual_seed(0),
    )
    masks = _masks.from_attention(scene)
    assert masks.shape == (3, 8, 8) and masks.dtype == torch.bool
    assert masks.flatten(1).any(1).all() and not masks.flatten(1).all(1).any()
    assert _masks.everywhere(scene).all()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kind", ["object", "person", "style", "explicit"])
def test_every_kind_erases_and_spares_the_input(tiny_pipe: Any, kind: Any, several: bool) -> None:
    before = weights(tiny_pipe)
    concepts = [Concept("neon", kind, "art"), Concept("mosaic", kind, "art")][: 1 + several]
    edited = Mace(**QUICK).erase(tiny_pipe, concepts, seed=0)
    assert torch.equal(weights(tiny_pipe), before)
    assert torch.isfinite(weights(edited)).all()
    assert not torch.equal(weights(edited), before)


def test_each_option_matters(tiny_pipe: Any, airplane: Concept) -> None:
    base = QUICK | {"preserve_scale": 1e-3}
    changes: list[dict[str, Any]] = [
        {},
        {"stage": "refine"},
        {"stage": "lora"},
        {"prompts": 4},
        {"prior": "everyday"},
        {"domain": "ship;dog", "preserve_weight": 1e3},
        {"preserve_scale": 1e-2},
        {"double_scaling": True},
        {"lamb": 7.0},
        {"rank": 2},
        {"steps": 3},
        {"learning_rate": 1e-3},
        {"loss": "paper"},
        {"use_pooler": False},
        {"importance_sampling": False},
        {"segmenter": "none"},
        {"images": 3},
        {"image_steps": 3},
        {"image_guidance": 1.0},
    ]
    results = [
        weights(Mace(**(base | change)).erase(tiny_pipe, [airplane], seed=0)) for change in changes
    ]
    for i, one in enumerate(results):
        for j in range(i):
            assert not torch.equal(one, results[j]), (changes[i], changes[j])


def test_what_was_published_depends_on_the_kind() -> None:
    def plan(kind: Kind, **options: Any) -> Published:
        return configured(Mace(**options), [Concept("x", kind, "y")])[1]

    assert plan("person").learning_rate == 1e-4
    assert plan("object").learning_rate == 1e-5
    assert plan("object", learning_rate=3.0).learning_rate == 3.0
    assert not plan("explicit").importance_sampling
    assert plan("explicit", importance_sampling=True).importance_sampling


@pytest.mark.parametrize(
    ("name", "anchor", "lamb"),
    [("ship", "ground", 1e3), ("bird", "street", 10.0), ("automobile", "sky", 100.0)],
)
def test_the_official_mapping_is_that_of_the_configuration_files(
    name: str, anchor: str, lamb: float
) -> None:
    given = Concept(name, "object", "a guess")
    (mapped,), plan = configured(Mace(mapping="official"), [given])
    assert (mapped.name, mapped.anchor, plan.lamb) == (name, anchor, lamb)
    assert (plan.steps, plan.learning_rate, plan.preserve_scale) == (50, 1e-5, 0.0)
    assert configured(Mace(), [given])[0] == [given]
    assert configured(Mace(mapping="official", lamb=7.0), [given])[1].lamb == 7.0


def test_the_eraser_maps_to_the_official_anchor(tiny_pipe: Any) -> None:
    made = Mace(mapping="official", stage="refine", prompts=2)
    bird = Concept("bird", "object", "a guess")
    street = Concept("bird", "object", "street")
    by_hand = Mace(stage="refine", prompts=2, lamb=10.0).erase(tiny_pipe, [street], seed=0)
    official = made.erase(tiny_pipe, [bird], seed=0)
    assert torch.equal(weights(official), weights(by_hand))
    guessed = Mace(stage="refine", prompts=2, lamb=10.0).erase(tiny_pipe, [bird], seed=0)
    assert not torch.equal(weights(official), weights(guessed))


def test_what_has_no_configuration_file_is_refused(tiny_pipe: Any) -> None:
    assert Mace.only == {"mapping=official": tuple(OFFICIAL)}
    bird, cat = Concept("bird", "object", "x"), Concept("cat", "object", "x")
    for some in ([cat], [bird, Concept("ship", "object", "x")]):
        with pytest.raises(InputError, match="mapping official is for one of automobile, bird, sh"):
            Mace(mapping="official").check(tiny_pipe, some)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"images": 0}, "images is 0"),
        ({"lamb": -1.0}, "lamb is -1"),
        ({"domain": "dog; Airplane"}, "both erased and preserved"),
        ({"prompts": 99}, "allowed is 1 to 30"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Mace(**(QUICK | options)).erase(tiny_pipe, [airplane], seed=0)
