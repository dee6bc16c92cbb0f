"""AdvUnlearn: what learns, the prefix and its search, what stays, and what it cannot erase."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from bench.attacks import _text, guard
from bench.models import meter, pipelines, prediction
from bench.models.generate import noise
from bench.models.tiny import build_tiny_pipe
from bench.types import Concept, InputError
from methods import _noise
from methods.advunlearn import Advunlearn, _retained, _Training
from methods.advunlearn._student import Student

QUICK: dict[str, Any] = {
    "steps": 6,
    "learning_rate": 1e-3,
    "warmup": 2,
    "attack_steps": 3,
    "attack_rate": 0.05,
    "retain_batch": 2,
    "retain_prompts": "scenes",
    "pool": 4,
    "trajectory_steps": 3,
}


def predicted(pipe: Any, text: str, unet: Any = None) -> Tensor:
    """Return what a pipeline predicts for some noise that nothing was trained on."""
    x = noise(pipe.unet, range(4))
    told = prediction.condition(pipe, [text]).expand(4)
    with torch.no_grad():
        return prediction.predict(unet or pipe.unet, x, torch.tensor(501), told)


def pushed(pipe: Any, name: str) -> Tensor:
    """Return what the concept is to be predicted as: e("") - (e(c) - e(""))."""
    empty, full = predicted(pipe, ""), predicted(pipe, name)
    return empty - (full - empty)


def training(pipe: Any, concept: Concept, **options: Any) -> _Training:
    generator = torch.Generator().manual_seed(0)
    eraser = Advunlearn(**{**QUICK, **options})
    return _Training(eraser, pipe, [concept], generator, lambda *_: None)


@contextmanager
def drawn_latents(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tensor]]:
    """Record the noisy latents that are drawn from pools."""
    seen: list[Tensor] = []
    draw = _noise.Pool.draw

    def heard(self: Any, count: int, generator: torch.Generator) -> Any:
        made = draw(self, count, generator)
        seen.append(made.latents)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(_noise.Pool, "draw", heard)
        yield seen


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_layers_of_the_text_encoder_learn_and_nothing_else(
    tiny_pipe: Any, airplane: Concept, layers: int
) -> None:
    fitted = Advunlearn(**QUICK, layers=layers).fit(tiny_pipe, [airplane], seed=0)
    own = tiny_pipe.text_encoder.state_dict()
    starts = [f"encoder.layers.{number}." for number in range(layers or 2)]
    starts += [] if layers else ["final_layer_norm."]
    wanted = {f"text_encoder.{name}" for name in own if name.startswith(tuple(starts))}
    assert fitted.keys() == wanted
    # The bias of a key moves all scores alike, so softmax gives it no gradient but rounding's.
    still = [n for n, each in fitted.items() if torch.equal(each, own[n.split(".", 1)[1]])]
    assert all(name.endswith("k_proj.bias") for name in still)


def test_without_a_learning_rate_it_is_the_un_erased_model(
    tiny_pipe: Any, airplane: Concept
) -> None:
    fitted = Advunlearn(**{**QUICK, "learning_rate": 0.0}).fit(tiny_pipe, [airplane], seed=0)
    own = tiny_pipe.text_encoder.state_dict()
    assert fitted and all(torch.equal(each, own[n.split(".", 1)[1]]) for n, each in fitted.items())


@pytest.mark.parametrize("layout", ["sd1", "sd2"])
def test_the_concept_is_pushed_to_where_the_loss_wants_it(layout: Any, airplane: Concept) -> None:
    """By its name, behind nothing; more steps, nearer."""
    pipe = build_tiny_pipe(layout)
    wanted = pushed(pipe, airplane.name)
    errors = [float((predicted(pipe, airplane.name) - wanted).square().mean())]
    for steps in (10, 60):
        options = {**QUICK, "steps": steps, "attack_steps": 0, "retain_weight": 0.0}
        erased = Advunlearn(**options).erase(pipe, [airplane], seed=0)
        errors.append(float((predicted(erased, airplane.name) - wanted).square().mean()))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.7 * errors[0]


def test_several_concepts_take_turns(tiny_pipe: Any, airplane: Concept, bird: Concept) -> None:
    options = {**QUICK, "steps": 80, "attack_steps": 0, "retain_weight": 0.0}
    erased = Advunlearn(**options).erase(tiny_pipe, [airplane, bird], seed=0)
    for name in (airplane.name, bird.name):
        wanted = pushed(tiny_pipe, name)
        before = (predicted(tiny_pipe, name) - wanted).norm()
        assert (predicted(erased, name) - wanted).norm() < 0.9 * before


@pytest.mark.parametrize("name", ["airplane", "Abraham Lincoln", "zeppelin"])
def test_a_prefix_of_a_words_embeddings_reads_as_the_word(tiny_pipe: Any, name: str) -> None:
    """Whole tokens move, also of a name that has more of them than words."""
    student = Student(tiny_pipe, 0)
    table = student.encoder.get_input_embeddings().weight.detach()
    words = tiny_pipe.tokenizer("red mosaic", add_special_tokens=False).input_ids
    ids = pipelines.padded(tiny_pipe, [name])
    made = student.reads_behind(table[words], ids)
    wanted = prediction.condition(tiny_pipe, [f"red mosaic {name}"])
    assert torch.equal(made.states, wanted.states)
    assert not torch.allclose(made.states, student.reads(ids).states)
    # No trace is left in the encoder.
    assert torch.equal(student.reads(ids).states, prediction.condition(tiny_pipe, [name]).states)


def test_more_tokens_than_words_are_tested(tiny_pipe: Any) -> None:
    assert pipelines.token_count(tiny_pipe, "zeppelin") > 1


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [3.0, -5.0, 3.0, -5.0]),
        ({"accumulate": True}, [3.0, -2.0, 1.0, -4.0]),
        ({"fast": True}, [1.0, -1.0, 1.0, -1.0]),
    ],
)
def test_the_search_descends_by_the_papers_gradient_or_by_the_codes(
    monkeypatch: pytest.MonkeyPatch,
    tiny_pipe: Any,
    airplane: Concept,
    options: dict[str, Any],
    wanted: list[float],
) -> None:
    """The code never sets it to zero; of its fast variant only the signs are left."""
    made = training(tiny_pipe, airplane, attack_steps=4, retain_weight=0.0, **options)
    given, seen = iter([3.0, -5.0, 3.0, -5.0]), []

    class Heard(torch.optim.Adam):
        def step(self, closure: Any = None) -> None:
            (prefix,) = self.param_groups[0]["params"]
            seen.append(float(prefix.grad.unique()))
            super().step(closure)

    monkeypatch.setattr(torch.optim, "Adam", Heard)
    monkeypatch.setattr(torch.autograd, "grad", lambda loss, x: (torch.full_like(x, next(given)),))
    made._attack(0)
    assert seen == wanted


def left(made: _Training, prefix: Tensor) -> float:
    """Return how far the concept behind a prefix is from what its name was, over the pool."""
    pool = made.pools[0]
    x, t = pool.latents.flatten(0, 1), pool.timesteps.repeat_interleave(pool.latents.shape[1])
    with torch.no_grad():
        told = made.student.reads_behind(prefix, made.ids).expand(len(x))
        wanted = prediction.predict(made.unet, x, t, made.asked.expand(len(x)))
        return float((prediction.predict(made.unet, x, t, told) - wanted).square().mean())


def trained(pipe: Any, concept: Concept, steps: int, **options: Any) -> _Training:
    made = training(pipe, concept, retain_weight=0.0, **options)
    weights = list(made.student.weights.values())
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    for step in range(steps):
        optimizer.zero_grad()
        made.loss(step).backward()
        optimizer.step()
    return made


def test_the_search_brings_the_concept_nearer(tiny_pipe: Any, airplane: Concept) -> None:
    made = trained(tiny_pipe, airplane, 40, attack_steps=0)
    made.generator.manual_seed(9)
    start = made.student.some_token(1, made.generator)
    made.generator.manual_seed(9)
    made.options = Advunlearn(**{**QUICK, "attack_steps": 30})
    assert left(made, made._attack(0)) < 0.9 * left(made, start)


def test_prefixes_change_what_is_learnt(tiny_pipe: Any, airplane: Concept) -> None:
    options = {"warmup": 0, "attack_rate": 0.05, "attack_steps": 2}
    with_attacks = trained(tiny_pipe, airplane, 4, **options).student.weights
    without = trained(tiny_pipe, airplane, 4, attack_steps=0).student.weights
    name = next(iter(without))
    assert (with_attacks[name] - without[name]).abs().max() > 1e-4


@pytest.mark.parametrize("start", ["random", "latest"])
def test_an_attack_starts_anew_or_from_what_was_found(
    tiny_pipe: Any, airplane: Concept, start: str
) -> None:
    made = training(tiny_pipe, airplane, attack_rate=0.0, attack_start=start, retain_weight=0.0)
    first, second = (made._prefix(step, 0) for step in (2, 3))
    assert first is not None and second is not None and first.shape == (1, 32)
    assert torch.equal(first, second) == (start == "latest")
    assert made._prefix(1, 0) is None


@pytest.mark.parametrize(
    ("options", "attacks"),
    [
        ({}, 4),
        ({"warmup": 6}, 0),
        ({"warmup": 0}, 6),
        ({"attack_every": 3}, 2),
        ({"retain_turns": "alternate"}, 4),
    ],
)
def test_evaluations_are_those_of_the_published_loop(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], attacks: int
) -> None:
    """A step asks for two frozen predictions and a trained one; for two of each that stays."""
    stays = len(_retained.prompts("scenes", [airplane]))
    with meter.counted() as spent:
        Advunlearn(**{**QUICK, **options}).fit(tiny_pipe, [airplane], seed=0)
    denoising = (4 + stays) * QUICK["trajectory_steps"] * 2
    steps = QUICK["steps"] * (3 + 2 * QUICK["retain_batch"])
    assert spent() == denoising + steps + attacks * QUICK["attack_steps"] * 2


def test_noisy_latents_are_the_frozen_models_however_much_was_learnt(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    """So a pool never goes stale: the sequence of x_t is one, whatever the encoder becomes."""
    seen = []
    for rate in (0.0, 1e-2):
        with drawn_latents(monkeypatch) as latents:
            Advunlearn(**{**QUICK, "learning_rate": rate}).fit(tiny_pipe, [airplane], seed=0)
        seen.append(latents)
    assert len(seen[0]) == len(seen[1]) > 2 * QUICK["steps"]
    assert all(torch.equal(one, other) for one, other in zip(*seen, strict=True))


@pytest.mark.parametrize("turns", ["sum", "alternate"])
def test_what_stays_stays_the_more_the_more_it_weighs(
    tiny_pipe: Any, airplane: Concept, turns: str
) -> None:
    moved = []
    for weight in (0.01, 1.0, 100.0):
        options = {**QUICK, "steps": 30, "attack_steps": 0, "retain_turns": turns}
        erased = Advunlearn(**{**options, "retain_weight": weight}).erase(
            tiny_pipe, [airplane], seed=0
        )
        moved.append(
            sum(
                float((predicted(erased, text) - predicted(tiny_pipe, text)).square().mean())
                for text in _retained.prompts("scenes", [airplane])
            )
        )
    assert moved == sorted(moved, reverse=True) and moved[-1] < 0.5 * moved[0]


def test_what_stays_shares_no_word_with_the_concept(airplane: Concept) -> None:
    assert len(_retained.COCO) == len(set(_retained.COCO)) == 80
    stays = _retained.prompts("coco", [airplane])
    assert len(stays) == 79 and "a photo of chair" in stays and "a photo of airplane" not in stays
    dog = _retained.prompts("coco", [Concept("a dog", "object", "the sky")])
    assert len(dog) == 78 and "a photo of hot dog" not in dog
    for name in ("everyday", "scenes"):
        assert not [t for t in _retained.prompts(name, [airplane]) if "airplane" in t]  # type: ignore[arg-type]


def test_attacks_meet_the_trained_encoder(
    tiny_pipe: Any, airplane: Concept, tmp_path: Path
) -> None:
    """Learnt words are read by it, and predictions for prompts alone differ."""
    images = [tmp_path / "0.png"]
    Image.new("RGB", (64, 64), "navy").save(images[0])
    erased = Advunlearn(**QUICK).erase(tiny_pipe, [airplane], seed=0)
    texts = ["a photo of an airplane"]
    assert guard.unseen(tiny_pipe, tiny_pipe, texts, images)
    assert not guard.unseen(tiny_pipe, erased, texts, images)
    ids = _text.rows(tiny_pipe, [[5, 6, 7]])
    where, soft = _text.places([[2]]), torch.ones(1, 32)
    one, other = (_text.spoken(pipe, ids, where, soft).states for pipe in (tiny_pipe, erased))
    assert not torch.allclose(one, other, atol=1e-3)


def test_what_is_reached_without_its_encoder_is_as_it_was(
    tiny_pipe: Any, airplane: Concept
) -> None:
    """The U-Net is shared: told what the un-erased encoder says, it draws the concept still."""
    erased = Advunlearn(**QUICK).erase(tiny_pipe, [airplane], seed=0)
    assert erased.unet is tiny_pipe.unet and erased.text_encoder is not tiny_pipe.text_encoder
    before = predicted(tiny_pipe, airplane.name)
    assert torch.equal(predicted(tiny_pipe, airplane.name, erased.unet), before)
    assert not torch.allclose(predicted(erased, airplane.name), before, atol=1e-3)


def test_sdxl_is_refused_at_once(tiny_sdxl: Any, airplane: Concept) -> None:
    with pytest.raises(InputError, match="SDXL has two, allowed is SD 1 or 2"):
        Advunlearn().check(tiny_sdxl, [airplane])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0, allowed is 1 or more"),
        ({"pool": 0}, "pool is 0, allowed is 1 or more"),
        ({"tokens": 0}, "tokens is 0, allowed is 1 or more"),
        ({"tokens": 30}, "tokens is 30, allowed is 1 to 29 in front of the 1 tokens of 'airplane'"),
        ({"warmup": -1}, "warmup is -1, allowed is 0 or more"),
        ({"attack_steps": -1}, "attack_steps is -1, allowed is 0 or more"),
        ({"retain_weight": -0.5}, "retain_weight is -0.5, allowed is 0 or more"),
        ({"learning_rate": -1e-5}, "learning_rate is -1e-05, allowed is 0 or more"),
        ({"negative_guidance": -1.0}, "negative_guidance is -1.0, allowed is 0 or more"),
        ({"attack_rate": -0.1}, "attack_rate is -0.1, allowed is 0 or more"),
        ({"trajectory_guidance": -3.0}, "trajectory_guidance is -3.0, allowed is 0 or more"),
        ({"attack_every": 0}, "attack_every is 0, allowed is 1 or more"),
        ({"retain_batch": 0}, "retain_batch is 0, allowed is 1 or more"),
        ({"trajectory_steps": 0}, "trajectory_steps is 0, allowed is 1 or more"),
        ({"layers": -1}, "layers is -1, allowed is 0 to 2"),
        ({"layers": 3}, "layers is 3, allowed is 0 to 2"),
        (
            {"retain_turns": "alternate", "retain_weight": 0.0},
            "retain_turns is 'alternate' and retain_weight is 0",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Advunlearn(**options).check(tiny_pipe, [airplane])


def test_defaults_are_the_published_ones() -> None:
    eraser = Advunlearn()
    assert (eraser.steps, eraser.learning_rate, eraser.negative_guidance) == (1000, 1e-5, 1.0)
    assert (eraser.warmup, eraser.tokens, eraser.attack_steps) == (200, 1, 30)
    assert (eraser.attack_rate, eraser.attack_every) == (1e-3, 1)
    assert (eraser.attack_start, eraser.accumulate, eraser.fast) == ("random", False, False)
    assert (eraser.retain_batch, eraser.retain_weight) == (5, 0.3)
    assert (eraser.trajectory_steps, eraser.trajectory_guidance) == (50, 3.0)
