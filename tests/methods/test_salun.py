"""SalUn: the mask, what it leaves alone, the loss, and that it relabels."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import prediction
from bench.models.tiny import LAYOUTS, Layout, build_tiny_pipe
from bench.types import Concept, InputError
from methods import _noise, _prompts, _training
from methods.salun import PUBLISHED, Salun, salient

SMALL: dict[str, Any] = {
    "epochs": 2,
    "batch": 2,
    "images": 3,
    "prompts": 2,
    "image_steps": 2,
    "learning_rate": 1e-3,
}


def test_the_mask_is_of_the_largest_gradients_of_all_tensors_together() -> None:
    gradients = [torch.tensor([[1.0, -9.0], [0.5, 4.0]]), torch.tensor([-3.0, 2.0])]
    first, second = salient(gradients, 0.5)
    assert first.tolist() == [[0, 1], [0, 1]] and second.tolist() == [1, 0]
    first, second = salient(gradients, 1 / 3)
    assert first.tolist() == [[0, 1], [0, 1]] and second.tolist() == [0, 0]
    assert all(bool(each.all()) for each in salient(gradients, 1.0))
    # Of entries that are alike none is preferred, and never more than the share is taken.
    assert not any(bool(each.any()) for each in salient([torch.zeros(5)], 0.5))


@dataclass
class ByHand:
    """SalUn's mask and its first loss, from the same random numbers, step by step as published."""

    mask: dict[str, Tensor]
    forget: float
    """How far the concept is from its other label."""
    retain: float
    """The error of what stays."""


def by_hand(pipe: Any, eraser: Salun, concepts: list[Concept]) -> ByHand:
    generator = torch.Generator().manual_seed(0)
    null = prediction.unconditional(pipe)
    texts = [_prompts.texts(each, eraser.prompts) for each in concepts]
    asked, pseudo = (
        prediction.condition(pipe, [text for pair in texts for text in pair[side]])
        for side in (0, 1)
    )
    stays = prediction.condition(pipe, _prompts.prior("everyday", concepts))
    forget, retain = (
        _noise.trajectories(
            pipe,
            text,
            null,
            count=eraser.images,
            steps=eraser.image_steps,
            guidance=eraser.image_guidance,
            generator=generator,
        )
        for text in (asked, stays)
    )
    unet = copy.deepcopy(pipe.unet).requires_grad_(True)
    batches = math.ceil(eraser.images / eraser.batch)
    for _ in range(batches):
        draw = forget.renoise(eraser.batch, generator)
        x, t = draw.latents, draw.timesteps
        full = prediction.predict(unet, x, t, asked[draw.prompts])
        empty = prediction.predict(unet, x, t, null.expand(eraser.batch))
        guided = (1 + eraser.guidance) * full - eraser.guidance * empty
        (guided - draw.truth).square().mean().backward()
    sizes = {name: each.grad.abs() for name, each in unet.named_parameters()}
    every = torch.cat([each.flatten() for each in sizes.values()]).sort(descending=True).values
    least = every[int(eraser.share * len(every)) - 1]
    draw, own = (pool.renoise(eraser.batch, generator) for pool in (forget, retain))
    with torch.no_grad():
        made, aim = (
            prediction.predict(unet, draw.latents, draw.timesteps, text[draw.prompts])
            for text in (asked, pseudo)
        )
        kept = prediction.predict(unet, own.latents, own.timesteps, stays[own.prompts])
    return ByHand(
        {name: each >= least for name, each in sizes.items()},
        float((made - aim).square().mean()),
        float((kept - own.truth).square().mean()),
    )


@dataclass
class Seen:
    """What the training loop was given."""

    optimizer: Any = None
    steps: int = 0
    losses: list[float] = field(default_factory=list)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found, fit = Seen(), _training.fit

    def watched(optimizer: Any, loss_at: Any, steps: int, **more: Any) -> list[float]:
        found.optimizer, found.steps = optimizer, steps
        found.losses = fit(optimizer, loss_at, min(steps, 2), **more)
        return found.losses

    monkeypatch.setattr(_training, "fit", watched)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("many", [False, True])
def test_the_mask_and_the_loss_are_the_published_ones(
    seen: Seen, airplane: Concept, bird: Concept, layout: Layout, many: bool
) -> None:
    pipe = build_tiny_pipe(layout)
    concepts = [airplane, bird][: 1 + many]
    eraser = Salun(**SMALL | {"images": 5}, share=0.2, alpha=0.7)
    wanted = by_hand(pipe, eraser, concepts)
    fitted = eraser.fit(pipe, concepts, seed=0)
    assert seen.losses[0] == pytest.approx(wanted.forget + 0.7 * wanted.retain, rel=1e-3)
    own = dict(pipe.unet.named_parameters())
    moved = {name: each != own[name] for name, each in fitted.items()}
    total = sum(int(each.sum()) for each in moved.values())
    beside = sum(int((each & ~wanted.mask[name]).sum()) for name, each in moved.items())
    # Sums of gradients round differently, and some are just beside the limit.
    assert total > 1000 and beside < 0.005 * total


def test_the_other_label_is_predicted_by_the_network_in_training(
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
    Salun(**SMALL).fit(tiny_pipe, [airplane], seed=0)
    assert asked == [(False, False), (False, True), (False, True)] * 4


def test_what_stays_is_every_everyday_caption(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    told: list[list[str]] = []
    condition = prediction.condition

    def heard(pipe: Any, texts: Any) -> prediction.Conditioning:
        told.append(list(texts))
        return condition(pipe, texts)

    monkeypatch.setattr(prediction, "condition", heard)
    Salun(**SMALL).fit(tiny_pipe, [airplane], seed=0)
    wanted = _prompts.prior("everyday", [airplane])
    assert wanted in told and _prompts.prior("scenes", [airplane]) != wanted


def test_the_first_concepts_kind_and_the_options_decide_what_runs(
    seen: Seen, tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    small = {name: value for name, value in SMALL.items() if name != "epochs"} | {"images": 5}
    retained = by_hand(tiny_pipe, Salun(**small), [airplane]).retain
    explicit = replace(airplane, kind="explicit")
    found = []
    for concepts in ([airplane, bird], [explicit, bird]):
        Salun(**small, alpha=0.0).fit(tiny_pipe, concepts[:1], seed=0)
        bare = seen.losses[0]
        Salun(**small).fit(tiny_pipe, concepts[:1], seed=0)
        found.append((seen.losses[0] - bare) / retained)
        Salun(**small).fit(tiny_pipe, concepts, seed=0)
        found.append(seen.steps)
        assert type(seen.optimizer) is torch.optim.Adam
        assert seen.optimizer.param_groups[0]["lr"] == SMALL["learning_rate"]
    # Epochs of three batches of the five images.
    assert found == [pytest.approx(0.5, rel=1e-2), 5 * 3, pytest.approx(0.1, rel=1e-2), 1 * 3]


def test_an_erasure_as_large_as_the_model_is_said_to_be_one(
    seen: Seen,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tiny_pipe: Any,
    airplane: Concept,
) -> None:
    Salun(**SMALL).fit(tiny_pipe, [airplane], seed=0)
    assert "as large as the U-Net" not in caplog.text
    monkeypatch.setattr("methods.salun.LARGE", 1000)
    Salun(**SMALL).fit(tiny_pipe, [airplane], seed=0)
    assert "salun with parameters=full leaves an erasure as large as the U-Net" in caplog.text


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("parameters", ["full", "xattn"])
def test_no_more_than_the_share_changes_and_the_rest_not_by_a_bit(
    tiny_pipe: Any, airplane: Concept, share: float, parameters: Any
) -> None:
    eraser = Salun(**SMALL, share=share, parameters=parameters)
    fitted = eraser.fit(tiny_pipe, [airplane], seed=0)
    own = dict(tiny_pipe.unet.named_parameters())
    assert (parameters == "full") == (fitted.keys() == own.keys())
    assert all("attn2" in name for name in fitted) == (parameters == "xattn")
    moved = sum(int((each != own[name]).sum()) for name, each in fitted.items())
    total = sum(each.numel() for each in fitted.values())
    assert 0.8 * share * total < moved <= share * total


def test_the_mask_stays_where_it_is_however_long_it_trains(
    tiny_pipe: Any, airplane: Concept
) -> None:
    own = dict(tiny_pipe.unet.named_parameters())
    one, more = (
        Salun(**{**SMALL, "epochs": epochs}, share=0.2).fit(tiny_pipe, [airplane], seed=0)
        for epochs in (1, 4)
    )
    for name in own:
        assert (
            not ((more[name] != own[name]) & (one[name] == own[name])).sum()
            > 0.02 * own[name].numel() + 2
        )


def test_the_masks_gradient_is_of_a_guided_prediction(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    own = dict(tiny_pipe.unet.named_parameters())

    def touched(guidance: float) -> set[tuple[str, int]]:
        eraser = Salun(**SMALL, share=0.2, guidance=guidance)
        fitted = eraser.fit(tiny_pipe, [airplane], seed=0)
        return {
            (name, int(i))
            for name, each in fitted.items()
            for i in (each != own[name]).flatten().nonzero()
        }

    plain, guided = touched(0.0), touched(7.5)
    assert 0.1 < len(plain & guided) / len(plain) < 0.9


def test_nothing_is_relabelled_where_both_labels_are_one(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    same = replace(airplane, anchor="airplane")
    monkeypatch.setattr("methods._prompts.noun_phrase", lambda concept, number: concept.name)
    Salun(**SMALL, alpha=0.0).fit(tiny_pipe, [same], seed=0)
    assert seen.losses[0] == 0.0


def test_what_was_published_depends_on_the_kind() -> None:
    assert (PUBLISHED["object"].alpha, PUBLISHED["object"].epochs) == (0.5, 5)
    assert (PUBLISHED["explicit"].alpha, PUBLISHED["explicit"].epochs) == (0.1, 1)
    assert Salun().learning_rate == 1e-5 and Salun().share == 0.5 and Salun().batch == 8


def test_the_concept_is_predicted_as_its_anchor_is(
    tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    eraser = Salun(**SMALL | {"epochs": 20, "images": 4}, parameters="xattn")
    erased = eraser.erase(tiny_pipe, [airplane, bird], seed=0)
    noise = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(5))

    def made(pipe: Any, text: str) -> Tensor:
        with torch.no_grad():
            told = prediction.condition(pipe, [text])
            return prediction.predict(pipe.unet, noise, torch.tensor(500), told)

    for name in (airplane.name, bird.name):
        asked, wanted = f"a photo of a {name}", f"a photo of {airplane.anchor}"
        before = float((made(tiny_pipe, asked) - made(tiny_pipe, wanted)).norm())
        after = float((made(erased, asked) - made(erased, wanted)).norm())
        assert after < 0.7 * before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, "share is 0.0, allowed is more than 0, up to 1"),
        ({"share": 1.5}, "share is 1.5, allowed is more than 0, up to 1"),
        ({"epochs": 0}, "epochs is 0, allowed is 1 or more"),
        ({"images": 0}, "images is 0, allowed is 1 or more"),
        ({"batch": 0}, "batch is 0, allowed is 1 or more"),
        ({"image_steps": 0}, "image_steps is 0, allowed is 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, allowed is more than 0"),
        ({"alpha": -1.0}, "alpha is -1.0, allowed is 0 or more"),
        ({"prompts": 99}, "prompts is 99, allowed is 1 to 30"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Salun(**options).check(tiny_pipe, [airplane])


def test_names_that_cannot_be_read_are_refused(tiny_pipe: Any, airplane: Concept) -> None:
    for name in ("", "airplane " * 100):
        with pytest.raises(InputError, match="concept"):
            Salun().check(tiny_pipe, [replace(airplane, name=name)])
