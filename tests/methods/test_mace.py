"""MACE against the official code's numbers, an independent evaluation, and its stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.models import pipelines, prediction
from bench.types import Concept, InputError, Kind
from methods import _lora, _maps, _noise, _prompts, _tokens, mace
from methods.mace import Mace, _masks
from methods.mace._published import COCO, OFFICIAL, Published, configured

DATA = Path(__file__).parents[1] / "data"
REFINE, FUSE = np.load(DATA / "mace_cfr_case.npz"), np.load(DATA / "mace_fuse_case.npz")
QUICK: dict[str, Any] = {"prompts": 3, "steps": 2, "images": 2, "image_steps": 2}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


CONCEPTS = [Concept(name, "object", f"anchor {name}") for name in ("first", "second", "third")]
DOMAIN = ("somebody", "nobody")


def block(case: Any, name: str) -> torch.Tensor:
    """The embeddings of all prompts, (prompts, positions, d)."""
    return torch.from_numpy(case[name]).flatten(0, -3)


def per_row(scale: float, captions: int) -> float:
    """The preserve_scale at which each row of so many captions weighs `scale`."""
    return scale * captions / COCO


def spoken(
    recited: Any, case: Any, old: torch.Tensor, new: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A pipeline with the arrays' weights that reads training prompts as the arrays' embeddings.

    All texts have the same token ids, so that every position counts as context, as in the arrays.
    """
    count = old.shape[1]
    texts = {}
    for concept, *both in zip(CONCEPTS, old, new, strict=False):
        for side, rows in zip(_prompts.texts(concept, count), both, strict=True):
            texts |= {text: (row, 7) for text, row in zip(side, rows, strict=True)}
    captions = {f"caption {i}": row for i, row in enumerate(block(case, "prior_emb"))}
    monkeypatch.setattr(_prompts, "PRIORS", {"scenes": tuple(captions)})
    texts |= {text: (row, 7) for text, row in captions.items()}
    for name, rows in zip(DOMAIN, torch.from_numpy(case["domain_emb"]), strict=True):
        own = _prompts.texts(Concept(name, "object", ""), len(rows))[0]
        texts |= {text: (row, 7) for text, row in zip(own, rows, strict=True)}
    return recited.pipeline(texts, recited.unet(recited.arrays(case, "old_")))


@pytest.mark.parametrize(("result", "lamb", "scale"), [
    ("nocache_lamb10", 10.0, 0.0),
    ("prior_lamb0.1_s0.3", 0.1, 0.3),
])  # fmt: skip
def test_stage_one_equals_the_official_code(
    recited: Any, monkeypatch: pytest.MonkeyPatch, result: str, lamb: float, scale: float
) -> None:
    old, new = (torch.from_numpy(REFINE[f"{side}_emb"]) for side in ("old", "new"))
    pipe = spoken(recited, REFINE, old, new, monkeypatch)
    eraser = Mace(stage="refine", prompts=4, lamb=lamb, preserve_scale=per_row(scale, 8))
    edited = eraser.erase(pipe, CONCEPTS, seed=0)
    wanted = recited.arrays(REFINE, f"new_{result}_")
    assert recited.error(recited.weights(edited), wanted) < 1e-5
    outer, gram = (recited.arrays(REFINE, f"prior_mat{i}_") for i in (1, 2))
    got = {
        name: mace.refine(
            weight,
            old.flatten(0, -2),
            new.flatten(0, -2),
            lamb=lamb,
            prior_outer=outer[name],
            prior_gram=gram[name],
            prior_scale=scale,
        )
        for name, weight in recited.arrays(REFINE, "old_").items()
    }
    assert recited.error(got, wanted) < 1e-5


def refined(
    w: torch.Tensor, old: torch.Tensor, new: torch.Tensor, kept: torch.Tensor, lamb: float
) -> torch.Tensor:
    """Stage one as it stands, in fp64; `kept` is the scaled gram of what is preserved."""
    w, old, new = w.double(), old.double().flatten(0, -2), new.double().flatten(0, -2)
    top = lamb * w + w @ new.T @ old + w @ kept
    bottom = lamb * torch.eye(w.shape[1], dtype=torch.float64) + old.T @ old + kept
    return top @ torch.linalg.inv(bottom)


def fused(
    w: torch.Tensor,
    changes: list[torch.Tensor],
    rows: torch.Tensor,
    outer: torch.Tensor,
    kept: torch.Tensor,
    lamb: float,
) -> torch.Tensor:
    """Stage three as it stands, in fp64; `outer` and `kept` are scaled."""
    top, bottom = lamb * w + outer, lamb * torch.eye(w.shape[1], dtype=torch.float64) + kept
    for change, own in zip(changes, rows.double().flatten(1, 2), strict=True):
        top, bottom = top + (w + change) @ own.T @ own, bottom + own.T @ own
    return top @ torch.linalg.inv(bottom)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_prior_and_domain_are_weighed_as_in_the_official_code(
    recited: Any, monkeypatch: pytest.MonkeyPatch, double: bool, count: int
) -> None:
    """s (prior + w domain), and s twice where the code's mistake is asked for."""
    old, new = (torch.from_numpy(REFINE[f"{side}_emb"])[:count] for side in ("old", "new"))
    pipe = spoken(recited, REFINE, old, new, monkeypatch)
    s = per_row(0.3, 8)
    eraser = Mace(
        stage="refine",
        prompts=4,
        lamb=0.1,
        preserve_scale=s,
        preserve_weight=0.4 * COCO / 8,
        domain="; ".join(DOMAIN),
        double_scaling=double,
    )
    edited = eraser.erase(pipe, CONCEPTS[:count], seed=0)
    prior, domain = (recited.arrays(REFINE, f"{kind}_mat2_") for kind in ("prior", "domain"))
    wanted = {}
    for name, w in recited.arrays(REFINE, "old_").items():
        kept = (0.3 * prior[name] + 0.12 * domain[name]).double()
        wanted[name] = refined(w, old, new, s * kept if double else kept, 0.1)
    assert recited.error(recited.weights(edited), wanted) < 1e-5


def trained(recited: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put the arrays' LoRAs in place of training; return them by the arrays' names."""
    found = []
    for number in range(3):
        up, down = (recited.arrays(FUSE, f"lora{number}_{side}_") for side in ("up", "down"))
        found.append({name: (up[name], down[name]) for name in up})
    named = iter(
        [{f"{n.replace('_', '.attn2.', 1)}.weight": pair for n, pair in f.items()} for f in found]
    )
    monkeypatch.setattr(Mace, "_trained", lambda *_: next(named))
    return found


def test_stage_three_equals_the_official_code(
    recited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = torch.from_numpy(FUSE["concept_emb"])
    case = {name: FUSE[name] for name in FUSE} | {
        name: REFINE[name][:, :3] for name in ("prior_emb", "domain_emb")
    }
    pipe = spoken(recited, case, rows, rows, monkeypatch)
    loras = trained(recited, monkeypatch)
    eraser = Mace(stage="lora", prompts=3, lamb=10.0, preserve_scale=0.0)
    edited = eraser.erase(pipe, CONCEPTS, seed=0)
    wanted = recited.arrays(FUSE, "new_nocache_lamb10_")
    assert recited.error(recited.weights(edited), wanted) < 1e-5
    got = {
        name: mace.fuse(weight, [each[name] for each in loras], rows.flatten(1, 2), lamb=10.0)
        for name, weight in recited.arrays(FUSE, "old_").items()
    }
    assert recited.error(got, wanted) < 1e-5


@pytest.mark.parametrize("stage", ["all", "lora"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("double", [False, True])
def test_the_stages_together_equal_an_independent_evaluation(
    recited: Any, monkeypatch: pytest.MonkeyPatch, stage: Any, double: bool, count: int
) -> None:
    """What is preserved is what the un-erased weights make of it, in the third stage too."""
    rows = torch.from_numpy(FUSE["concept_emb"])[:count]
    anchors = random(*rows.shape).float()
    case = {name: FUSE[name] for name in FUSE} | {
        name: REFINE[name][:, :3] for name in ("prior_emb", "domain_emb")
    }
    pipe = spoken(recited, case, rows, anchors, monkeypatch)
    loras = trained(recited, monkeypatch)[:count]
    s = per_row(0.3, 6)
    eraser = Mace(
        stage=stage,
        prompts=3,
        lamb=0.5,
        preserve_scale=s,
        preserve_weight=0.7 * COCO / 6,
        domain="; ".join(DOMAIN),
        double_scaling=double,
    )
    edited = eraser.erase(pipe, CONCEPTS[:count], seed=0)
    prior, domain = (
        block(case, name).double().flatten(0, 1) for name in ("prior_emb", "domain_emb")
    )
    kept = 0.3 * prior.T @ prior + 0.21 * domain.T @ domain
    wanted = {}
    for name, weight in recited.arrays(case, "old_").items():
        w = weight.double()
        if stage == "all":
            w = refined(weight, rows, anchors, s * kept if double else kept, 0.5)
        changes = [up.double() @ down.double() for up, down in (each[name] for each in loras)]
        wanted[name] = fused(w, changes, rows, weight.double() @ kept, kept, 0.5)
    assert recited.error(recited.weights(edited), wanted) < 1e-5


def test_the_same_holds_of_words_and_of_factors_that_were_trained(
    tiny_pipe: Any, airplane: Concept, bird: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the words on: prompts of a real tokenizer, LoRAs from training, a prior."""
    seen: list[_lora.Factors] = []
    factors = _lora.factors

    def noted(unet: Any) -> _lora.Factors:
        seen.append(factors(unet))
        return seen[-1]

    monkeypatch.setattr(_lora, "factors", noted)
    options = QUICK | {"lamb": 0.3, "learning_rate": 0.1}
    eraser = Mace(**options, preserve_scale=per_row(0.2, len(_prompts.SCENES)))
    edited = eraser.erase(tiny_pipe, [airplane, bird], seed=0)
    prior = pipelines.encode(tiny_pipe, _prompts.SCENES).double().flatten(0, 1)
    kept = 0.2 * prior.T @ prior
    rows, old, new = [], [], []
    for concept in (airplane, bird):
        texts = _prompts.texts(concept, 3)
        own, others = (pipelines.encode(tiny_pipe, side) for side in texts)
        rows.append(own)
        for i, (one, other) in enumerate(zip(*texts, strict=True)):
            ids = _tokens.ids(tiny_pipe, one), _tokens.ids(tiny_pipe, other)
            here, there = _tokens.context(*ids, own.shape[1])
            old.append(own[i, here])
            new.append(others[i, there])
    after, moved = pipelines.cross_attention(edited.unet), []
    for name, weight in pipelines.cross_attention(tiny_pipe.unet).items():
        w = refined(weight.detach(), torch.cat(old), torch.cat(new), kept, 0.3)
        changes = [each[name][0].double() @ each[name][1].double() for each in seen]
        moved.append(min(float(change.norm()) for change in changes))
        wanted = fused(w, changes, torch.stack(rows), weight.double() @ kept, kept, 0.3)
        assert (after[name] - wanted).norm() / wanted.norm() < 1e-5
    assert len(seen) == 2 and max(moved) > 0.01


def test_nudity_is_erased_by_its_four_words_with_the_object_templates(
    tiny_pipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    step = Mace._trained

    def noted(self: Mace, pipe: Any, edited: Any, concept: Concept, *rest: Any) -> Any:
        asked.append((concept.name, concept.anchor))
        return step(self, pipe, edited, concept, *rest)

    monkeypatch.setattr(Mace, "_trained", noted)
    encoded: list[str] = []
    encode = pipelines.encode

    def heard(pipe: Any, texts: Any) -> torch.Tensor:
        encoded.extend(texts)
        return encode(pipe, texts)

    monkeypatch.setattr(pipelines, "encode", heard)
    nudity = Concept("nudity", "explicit", "a person wearing clothes")
    four = Mace(**QUICK).erase(tiny_pipe, [nudity], seed=0)
    words = ("nudity", "naked", "erotic", "sexual")
    assert asked == [(word, "a person wearing clothes") for word in words]
    for template in _prompts.THINGS[:3]:
        assert {template.format(word) for word in (*words, nudity.anchor)} <= set(encoded)
    assert not {text.format("nudity") for text in _prompts.PEOPLE[3:]} & set(encoded)
    asked.clear()
    one = Mace(**QUICK, words="name").erase(tiny_pipe, [nudity], seed=0)
    assert [name for name, _ in asked] == ["nudity"]
    assert not torch.equal(weights(four), weights(one))


@pytest.mark.parametrize(
    ("given", "erased"),
    [
        (["violence"], ["violence"]),
        (["naked"], ["nudity", "naked", "erotic", "sexual"]),
        (["nudity", "hate", "naked"], ["nudity", "naked", "erotic", "sexual", "hate"]),
    ],
)
def test_the_four_words_stand_for_each_other_and_for_nothing_else(
    given: list[str], erased: list[str]
) -> None:
    found, _ = configured(Mace(), [Concept(name, "explicit", "peace") for name in given])
    assert [concept.name for concept in found] == erased
    things, _ = configured(Mace(), [Concept(name, "object", "peace") for name in given])
    assert [concept.name for concept in things] == given


def test_context_leaves_out_the_exchanged_words() -> None:
    old, new = [90, 1, 50, 7, 91], [90, 1, 60, 61, 7, 91]
    assert _tokens.context(old, new, 8) == ([0, 1, 3, 4, 5, 6], [0, 1, 4, 5, 6, 7])


def test_importance_lies_where_the_code_samples() -> None:
    odds = _noise.importance(1000)
    assert odds.min() >= 0
    assert 0.84 < float(odds[200:401].sum() / odds.sum()) < 0.88


def weights(pipe: Any) -> torch.Tensor:
    return torch.cat([w.detach().flatten() for w in pipelines.cross_attention(pipe.unet).values()])


def test_stage_two_takes_attention_off_the_object(tiny_pipe: Any, airplane: Concept) -> None:
    text = _prompts.texts(airplane, 1)[0]
    embedding = prediction.condition(tiny_pipe, text)
    positions = _tokens.of_concept(tiny_pipe, text[0], "airplane", pooler=False)
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(1))

    def paid(pipe: Any) -> float:
        with torch.no_grad(), _maps.recorded(pipe.unet) as maps:
            prediction.predict(pipe.unet, x, torch.tensor(300), embedding)
        mask = torch.ones(8, 8)
        return float(_maps.attention_loss(maps, mask, positions, squared=False))

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
    text = prediction.condition(tiny_pipe, ["a bird", "a dog"])
    plain = tiny_pipe.unet.attn_processors
    with torch.no_grad():
        before = prediction.predict(tiny_pipe.unet, x, t, text)
        with _maps.recorded(tiny_pipe.unet) as maps:
            during = prediction.predict(tiny_pipe.unet, x, t, text)
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
    loss = _maps.attention_loss([layer, layer], mask, [1, 2], squared=False)
    assert float(loss) == pytest.approx(2 * (2 * 9.0) ** 0.5)
    squared = _maps.attention_loss([layer, layer], mask, [1, 2], squared=True)
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
        prediction.condition(tiny_pipe, ["a bird"]),
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
    options = {name: value for name, value in Mace.presets["objects-mace"].items() if value}
    assert configured(Mace(**options), [given])[1] == plan  # type: ignore[arg-type]
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
