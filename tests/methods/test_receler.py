"""Receler's adapters, its adversary and its regulariser, against formulas by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.models import erasures, meter, prediction
from bench.models.generate import draw, noise
from bench.types import Concept, InputError, Sampler
from methods.receler import Receler, _adapters, beside, located

SAMPLER = Sampler(3, 4.0)
TEXTS = ("a photo of an airplane", "a dog in the snow")
QUICK: dict[str, Any] = {
    "rank": 4,
    "steps": 4,
    "rows": 3,
    "attack_steps": 2,
    "pool": 2,
    "trajectory_steps": 3,
    "learning_rate": 0.01,
}


def drawn(pipe: Any) -> Tensor:
    made: Tensor = draw(pipe, TEXTS, (0, 1), SAMPLER, "latent")
    return made


def predicted(pipe: Any, text: str) -> Tensor:
    """Return what a pipeline predicts for some noise."""
    x = noise(pipe.unet, range(4))
    told = prediction.condition(pipe, [text]).expand(4)
    with torch.no_grad():
        return prediction.predict(pipe.unet, x, torch.tensor(501), told)


def filled(pipe: Any, rank: int = 4) -> dict[str, Tensor]:
    """Return adapters of random values."""
    generator = torch.Generator().manual_seed(3)
    found = {}
    for name, layer in _adapters.layers(pipe.unet).items():
        width = layer.to_out[0].out_features
        for part, shape in (
            ("down.weight", (rank, width)),
            ("down.bias", (rank,)),
            ("up.weight", (width, rank)),
            ("up.bias", (width,)),
        ):
            made = torch.randn(shape, generator=generator) / width**0.5
            found[f"unet.{name}.adapter.{part}"] = made
    return found


def test_a_layer_answers_with_what_its_adapter_adds(tiny_pipe: Any, airplane: Concept) -> None:
    """x + E(x) with E(h) = U gelu(D h + b_D) + b_U, in numpy."""
    tensors = filled(tiny_pipe)
    erased = Receler().apply(tiny_pipe, [airplane], tensors)
    name, plain = next(iter(_adapters.layers(tiny_pipe.unet).items()))
    layer = erased.unet.get_submodule(name)
    hidden = torch.randn(2, 16, plain.to_q.in_features, generator=torch.Generator().manual_seed(1))
    text = prediction.condition(tiny_pipe, list(TEXTS)).states
    with torch.no_grad():
        before, after = (each(hidden, encoder_hidden_states=text) for each in (plain, layer))
    own = {
        part: tensors[f"unet.{name}.adapter.{part}"].numpy()
        for part in ("down.weight", "down.bias", "up.weight", "up.bias")
    }
    inner = before.numpy() @ own["down.weight"].T + own["down.bias"]
    gelu = inner * 0.5 * (1 + torch.erf(torch.from_numpy(inner) / 2**0.5).numpy())
    wanted = before.numpy() + gelu @ own["up.weight"].T + own["up.bias"]
    assert np.allclose(after.numpy(), wanted, atol=1e-4)
    assert not np.allclose(after.numpy(), before.numpy(), atol=1e-1)


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_without_strength_it_is_the_un_erased_model(
    layout: str, request: pytest.FixtureRequest, airplane: Concept
) -> None:
    pipe = request.getfixturevalue(layout)
    tensors = Receler(**QUICK).fit(pipe, [airplane], seed=0)
    assert torch.equal(drawn(Receler(strength=0.0).apply(pipe, [airplane], tensors)), drawn(pipe))
    apart = [
        float((drawn(Receler(strength=each).apply(pipe, [airplane], tensors)) - drawn(pipe)).norm())
        for each in (0.0, 0.25, 0.5, 1.0)
    ]
    assert apart == sorted(apart) and apart[0] == 0 < apart[1] < apart[-1]


def test_adapters_start_as_nothing(tiny_pipe: Any, airplane: Concept) -> None:
    never = Receler(**{**QUICK, "learning_rate": 0.0}).fit(tiny_pipe, [airplane], seed=0)
    assert torch.equal(drawn(Receler().apply(tiny_pipe, [airplane], never)), drawn(tiny_pipe))
    down = [each for name, each in never.items() if ".adapter.down." in name]
    assert all(each.abs().max() > 0 for each in down)


def test_the_models_own_weights_are_shared(tiny_pipe: Any, airplane: Concept) -> None:
    erased = Receler().apply(tiny_pipe, [airplane], filled(tiny_pipe))
    own = dict(tiny_pipe.unet.named_parameters())
    made = dict(erased.unet.named_parameters())
    assert all(made[name] is each for name, each in own.items())
    further = made.keys() - own.keys()
    assert {f"unet.{name}" for name in further} == filled(tiny_pipe).keys()


def test_the_concept_is_pushed_to_where_the_loss_wants_it(
    tiny_pipe: Any, airplane: Concept
) -> None:
    """e("") - eta (e(c) - e("")), on noise that it was not trained on; more steps, nearer."""
    empty, full = predicted(tiny_pipe, ""), predicted(tiny_pipe, airplane.name)
    wanted = empty - (full - empty)
    errors = []
    for steps in (1, 10, 60):
        eraser = Receler(**{**QUICK, "steps": steps, "rank": 16, "localise": 0.0})
        erased = eraser.erase(tiny_pipe, [airplane], seed=0)
        errors.append(float((predicted(erased, airplane.name) - wanted).square().mean()))
    before = float((full - wanted).square().mean())
    assert before > errors[0] > errors[1] > errors[2] and errors[2] < 0.8 * before


def test_more_localisation_adds_less_beside_the_concept(tiny_pipe: Any, airplane: Concept) -> None:
    added = []
    for localise in (0.0, 10.0, 1e4):
        options = {**QUICK, "steps": 30, "localise": localise, "threshold": 1.0}
        erased = Receler(**options).erase(tiny_pipe, [airplane], seed=0)
        with _adapters.recorded(erased.unet) as made:
            predicted(erased, airplane.name)
        added.append(sum(float(each.square().mean()) for each in made))
    assert added == sorted(added, reverse=True) and added[2] < 0.1 * added[0]


def test_the_adversary_finds_what_the_concepts_name_does_not(
    tiny_pipe: Any, airplane: Concept
) -> None:
    """Its rows stand behind the name, and an erasure trained against them differs."""
    with_rows, without = (
        Receler(**{**QUICK, **options}).fit(tiny_pipe, [airplane], seed=0)
        for options in ({}, {"rows": 0})
    )
    assert any(not torch.equal(with_rows[name], without[name]) for name in with_rows)
    still, moved = (
        Receler(**{**QUICK, "attack_steps": steps}).fit(tiny_pipe, [airplane], seed=0)
        for steps in (0, 5)
    )
    assert any(not torch.equal(still[name], moved[name]) for name in still)


def test_evaluations_are_those_of_the_published_loop(tiny_pipe: Any, airplane: Concept) -> None:
    """A step asks the frozen model twice and the trained one once for each step of the search."""
    options = {**QUICK, "steps": 5, "refresh": 5, "attack_steps": 7}
    with meter.counted() as spent:
        Receler(**options).fit(tiny_pipe, [airplane], seed=0)
    denoising = options["pool"] * options["trajectory_steps"] * 2
    assert spent() == denoising + options["steps"] * (2 + options["attack_steps"])


def test_several_concepts_take_turns(tiny_pipe: Any, airplane: Concept, bird: Concept) -> None:
    options = {**QUICK, "pool": 1, "steps": 20, "rank": 16, "localise": 0.0}
    erased = Receler(**options).erase(tiny_pipe, [airplane, bird], seed=0)
    for concept in (airplane, bird):
        empty, full = predicted(tiny_pipe, ""), predicted(tiny_pipe, concept.name)
        wanted, made = empty - (full - empty), predicted(erased, concept.name)
        assert (made - wanted).norm() < (full - wanted).norm()


def test_the_concept_is_located_at_the_middle_resolution() -> None:
    """Of 64, 16 and 4 pixels the 16, over layers, heads and tokens; min to max is 0 to 1."""
    generator = torch.Generator().manual_seed(2)
    maps = [torch.rand(1, 2, pixels, 5, generator=generator) for pixels in (64, 16, 4, 16)]
    mean = np.mean([each[0][:, :, [1, 2]].numpy() for each in (maps[1], maps[3])], axis=(0, 1, 3))
    stretched = (mean - mean.min()) / (mean.max() - mean.min())
    for threshold in (0.0, 0.1, 0.5, 1.0):
        found = located(maps, [1, 2], threshold)
        assert np.array_equal(found.numpy(), stretched.reshape(4, 4) >= threshold)
    counts = [int(located(maps, [1, 2], each).sum()) for each in (0.0, 0.1, 0.5, 1.0)]
    assert counts[0] == 16 and counts[-1] == 1 and counts == sorted(counts, reverse=True)


def test_what_is_added_at_the_concept_is_free() -> None:
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[:2] = True
    inside = mask.flatten()[None, :, None] * torch.full((1, 16, 3), 5.0)
    outside = ~mask.flatten()[None, :, None] * torch.full((1, 16, 3), 2.0)
    assert float(beside([inside], mask)) == 0
    assert float(beside([inside + outside], mask)) == pytest.approx(4.0)
    small = torch.full((1, 4, 7), 3.0)  # at 2 x 2 the mask is its upper row
    assert float(beside([outside, small], mask)) == pytest.approx((4.0 + 9.0) / 2)
    assert float(beside([outside], torch.ones(4, 4, dtype=torch.bool))) == 0


def test_adapters_of_another_model_are_refused(
    tiny_pipe: Any, airplane: Concept, tmp_path: Any
) -> None:
    good = filled(tiny_pipe)
    name = next(iter(good))
    missing = {key: each for key, each in good.items() if key != name}
    further = {**good, "unet.nowhere.attn2.adapter.down.weight": torch.ones(1)}
    wide = {**good, name: torch.ones(4, 99)}
    for bad in (missing, further, wide):
        path = tmp_path / "bad.safetensors"
        erasures.save(
            tiny_pipe, bad, path, method="", options={}, concepts=[], seconds=0.0, form="adapter"
        )
        with pytest.raises(
            InputError, match=r"bad.safetensors cannot be applied: the adapters were made"
        ):
            erasures.apply(tiny_pipe, path, lambda p, t: Receler().apply(p, [airplane], t))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank is 0, allowed is 1 or more"),
        ({"refresh": 0}, "refresh is 0, allowed is 1 or more"),
        ({"attack_steps": -1}, "attack_steps is -1, allowed is 0 or more"),
        ({"localise": -0.5}, "localise is -0.5, allowed is 0 or more"),
        ({"threshold": 2.0}, "threshold is 2.0, allowed is 0 to 1"),
        ({"rows": 31}, "rows is 31, allowed is 0 to 30 behind the 1 tokens of 'airplane'"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Receler(**options).check(tiny_pipe, [airplane])


def test_defaults_are_the_published_ones() -> None:
    eraser = Receler()
    assert (eraser.rank, eraser.steps, eraser.learning_rate, eraser.pool) == (128, 500, 3e-4, 1)
    assert (eraser.rows, eraser.attack_steps) == (16, 50)
    assert (eraser.attack_rate, eraser.attack_decay) == (0.1, 0.1)
    assert (eraser.localise, eraser.threshold, eraser.negative_guidance) == (0.1, 0.1, 1.0)
