"""CA: its two losses, what it trains, what it keeps, and that it does what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import prediction
from bench.models.tiny import LAYOUTS, Layout, build_tiny_pipe
from bench.types import Concept, InputError
from methods import _noise, _prompts, _training
from methods.ca import PUBLISHED, Ca

SMALL: dict[str, Any] = {"steps": 2, "batch": 4, "images": 3, "prompts": 2, "image_steps": 2}
GRUMPY = Concept("grumpy cat", "object", "a cat")


def losses(
    monkeypatch: pytest.MonkeyPatch, pipe: Any, eraser: Ca, concepts: list[Concept]
) -> list[float]:
    """The loss of each step."""
    seen: list[float] = []
    fit = _training.fit

    def watched(*given: Any, **more: Any) -> list[float]:
        seen.extend(fit(*given, **more))
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(_training, "fit", watched)
        eraser.fit(pipe, concepts, seed=0)
    return seen


def by_hand(pipe: Any, eraser: Ca, concept: Concept, keeps: bool) -> float:
    """The first step's loss as the paper has it, from the same random numbers."""
    generator = torch.Generator().manual_seed(0)
    asked, wanted = (
        prediction.condition(pipe, texts) for texts in _prompts.texts(concept, eraser.prompts)
    )
    pool = _noise.trajectories(
        pipe,
        wanted,
        prediction.unconditional(pipe),
        count=eraser.images,
        steps=eraser.image_steps,
        guidance=eraser.image_guidance,
        generator=generator,
    )

    def error(draw: _noise.Draw, text: prediction.Conditioning, aim: Tensor | None) -> float:
        with torch.no_grad():
            made = prediction.predict(pipe.unet, draw.latents, draw.timesteps, text[draw.prompts])
            if aim is None:
                aim = prediction.predict(
                    pipe.unet, draw.latents, draw.timesteps, wanted[draw.prompts]
                )
        return float((made - aim).square().mean())

    draw = pool.renoise(eraser.batch // 2 if keeps else eraser.batch, generator)
    found = error(draw, asked, None if eraser.loss == "model" else draw.truth)
    if keeps:
        own = pool.renoise(eraser.batch // 2, generator)
        found += eraser.prior_scale * error(own, wanted, own.truth)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", ["model", "noise"])
def test_the_loss_is_the_papers(
    monkeypatch: pytest.MonkeyPatch, airplane: Concept, layout: Layout, loss: Any
) -> None:
    pipe = build_tiny_pipe(layout)
    eraser = Ca(**SMALL, loss=loss)
    wanted = by_hand(pipe, eraser, airplane, keeps=False)
    assert losses(monkeypatch, pipe, eraser, [airplane])[0] == pytest.approx(wanted, rel=1e-4)
    other = replace(eraser, loss="noise" if loss == "model" else "model")
    assert by_hand(pipe, other, airplane, keeps=False) != pytest.approx(wanted, rel=1e-2)


@pytest.mark.parametrize(
    ("concept", "prior", "keeps"),
    [
        (GRUMPY, None, True),
        (GRUMPY, False, False),
        (Concept("airplane", "object", "the sky"), None, False),
        (Concept("airplane", "object", "the sky"), True, True),
        (Concept("mosaic art", "style", "art"), None, False),
        (Concept("Ann Lee", "person", "Ann"), None, False),
        (Concept("mosaic", "object", ""), None, False),
        (Concept("nudity", "explicit", "a person"), None, True),
    ],
)
def test_half_of_the_batch_keeps_the_anchor_where_it_was_published(
    monkeypatch: pytest.MonkeyPatch,
    tiny_pipe: Any,
    concept: Concept,
    prior: bool | None,
    keeps: bool,
) -> None:
    eraser = Ca(**SMALL, prior=prior, prior_scale=0.5)
    wanted = by_hand(tiny_pipe, eraser, concept, keeps)
    found = losses(monkeypatch, tiny_pipe, eraser, [concept])[0]
    assert found == pytest.approx(wanted, rel=1e-4)
    assert by_hand(tiny_pipe, eraser, concept, not keeps) != pytest.approx(wanted, rel=1e-2)


def test_the_anchor_is_predicted_by_the_network_in_training(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    asked: list[tuple[bool, bool]] = []
    predict, fit = prediction.predict, _training.fit

    def heard(unet: Any, *given: Any) -> Tensor:
        asked.append((unet is tiny_pipe.unet, torch.is_grad_enabled()))
        made: Tensor = predict(unet, *given)
        return made

    def watched(*given: Any, **more: Any) -> list[float]:
        asked.clear()
        return fit(*given, **more)

    monkeypatch.setattr(prediction, "predict", heard)
    monkeypatch.setattr(_training, "fit", watched)
    Ca(**SMALL).fit(tiny_pipe, [airplane], seed=0)
    assert asked == [(False, True), (False, False)] * 2


@pytest.mark.parametrize(
    ("parameters", "trained", "fixed"),
    [
        ("cross-attn", ("attn2.to_k.", "attn2.to_v."), ("attn2.to_q.", "attn1.", "conv")),
        ("attn", ("attn1.to_q.", "attn2.to_v.", "attn2.to_out.0."), ("norm", "conv", "ff.")),
        ("full", ("attn1.to_q.", "norm", "conv", "ff.", "time_embedding"), ()),
    ],
)
def test_parameter_sets_train_what_they_say(
    tiny_pipe: Any,
    airplane: Concept,
    parameters: Any,
    trained: tuple[str, ...],
    fixed: tuple[str, ...],
) -> None:
    fitted = Ca(**SMALL, parameters=parameters, learning_rate=1e-3).fit(
        tiny_pipe, [airplane], seed=0
    )
    own = dict(tiny_pipe.unet.named_parameters())
    assert all(any(part in name for name in fitted) for part in trained)
    assert not any(part in name for name in fitted for part in fixed)
    assert not any(torch.equal(each, own[name]) for name, each in fitted.items())


def test_what_was_published_depends_on_the_kind() -> None:
    plain, explicit = PUBLISHED["object"], PUBLISHED["explicit"]
    assert plain == PUBLISHED["style"] == PUBLISHED["person"]
    assert (plain.steps, plain.learning_rate, plain.parameters) == (100, 1.6e-5, "cross-attn")
    assert (explicit.steps, explicit.learning_rate, explicit.parameters) == (400, 3.2e-5, "attn")


def test_the_kind_and_options_decide_what_runs(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    seen: dict[str, Any] = {}

    def watched(optimizer: Any, loss_at: Any, steps: int, **more: Any) -> list[float]:
        group = optimizer.param_groups[0]
        seen.update(steps=steps, lr=group["lr"], decay=group["weight_decay"], clip=more["clip"])
        seen.update(trained=len(group["params"]), betas=group["betas"], kind=type(optimizer))
        return []

    monkeypatch.setattr(_training, "fit", watched)
    small = {name: value for name, value in SMALL.items() if name != "steps"}
    Ca(**small).fit(tiny_pipe, [airplane], seed=0)
    few = seen["trained"]
    assert (seen["steps"], seen["lr"], seen["decay"], seen["clip"]) == (100, 1.6e-5, 1e-2, 1.0)
    assert seen["betas"] == (0.9, 0.999) and seen["kind"] is torch.optim.AdamW
    Ca(**small).fit(tiny_pipe, [replace(airplane, kind="explicit")], seed=0)
    assert (seen["steps"], seen["lr"]) == (400, 3.2e-5) and seen["trained"] > 2 * few
    # Of several concepts the first decides.
    Ca(**small).fit(tiny_pipe, [airplane, replace(airplane, kind="explicit")], seed=0)
    assert (seen["steps"], seen["lr"], seen["trained"]) == (100, 1.6e-5, few)
    Ca(**small, steps=7, learning_rate=1e-2).fit(tiny_pipe, [airplane], seed=0)
    assert (seen["steps"], seen["lr"]) == (7, 1e-2)


def test_several_concepts_take_turns(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    first, second = (
        losses(monkeypatch, tiny_pipe, Ca(**{**SMALL, "learning_rate": 1e-9}), concepts)
        for concepts in ([airplane, airplane], [airplane, bird])
    )
    # The same random numbers: the first step is the airplane's in both, the second is not.
    assert second[0] == pytest.approx(first[0], rel=1e-3)
    assert second[1] != pytest.approx(first[1], rel=1e-3)


def test_the_concept_is_predicted_as_its_anchor_is(tiny_pipe: Any, airplane: Concept) -> None:
    eraser = Ca(**SMALL | {"steps": 40, "prompts": 4, "images": 8}, learning_rate=1e-3)
    erased = eraser.erase(tiny_pipe, [airplane], seed=0)
    texts = ("a photo of an airplane", "a photo of the sky", "a dog")
    asked, wanted, other = (prediction.condition(tiny_pipe, [text]) for text in texts)
    noise = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(5))

    def made(pipe: Any, text: prediction.Conditioning) -> Tensor:
        with torch.no_grad():
            return prediction.predict(pipe.unet, noise, torch.tensor(500), text)

    aim = made(tiny_pipe, wanted)
    before = float((made(tiny_pipe, asked) - aim).norm())
    assert float((made(erased, asked) - made(erased, wanted)).norm()) < 0.5 * before
    moved = [float((made(erased, each) - made(tiny_pipe, each)).norm()) for each in (asked, other)]
    assert moved[1] < 0.9 * moved[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0, allowed is 1 or more"),
        ({"images": 0}, "images is 0, allowed is 1 or more"),
        ({"image_steps": 0}, "image_steps is 0, allowed is 1 or more"),
        ({"batch": 0}, "batch is 0, allowed is 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, allowed is more than 0"),
        ({"clip": -1.0}, "clip is -1.0, allowed is more than 0"),
        ({"prior_scale": -1.0}, "prior_scale is -1.0, allowed is 0 or more"),
        ({"prompts": 31}, "prompts is 31, allowed is 1 to 30"),
        ({"batch": 1}, "batch is 1, and half of it is to keep 'a cat'"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Ca(**options).check(tiny_pipe, [GRUMPY])


def test_names_that_cannot_be_read_are_refused(tiny_pipe: Any, airplane: Concept) -> None:
    for name in ("", "airplane " * 100):
        with pytest.raises(InputError, match="concept"):
            Ca().check(tiny_pipe, [replace(airplane, name=name)])
