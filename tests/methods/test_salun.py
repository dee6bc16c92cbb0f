"""SalUn: the mask, what it leaves alone, the loss, and that it relabels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import prediction
from bench.types import Concept, InputError
from methods import _training
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
    gradients = [torch.tensor([[1.0, -9.0], [0.5, 2.0]]), torch.tensor([-3.0, 0.1])]
    first, second = salient(gradients, 0.5)
    assert first.tolist() == [[0, 1], [0, 1]] and second.tolist() == [1, 0]
    assert all(bool(each.all()) for each in salient(gradients, 1.0))
    # Of entries that are alike none is preferred, and never more than the share is taken.
    assert not any(bool(each.any()) for each in salient([torch.zeros(5)], 0.5))


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


def test_the_concept_is_relabelled_and_what_stays_is_trained_as_ever(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    fit, seen = _training.fit, {}

    def watched(optimizer: Any, loss_at: Any, steps: int, **more: Any) -> list[float]:
        seen["losses"] = fit(optimizer, loss_at, steps, **more)
        seen["steps"] = steps
        return list(seen["losses"])

    monkeypatch.setattr(_training, "fit", watched)
    found = {}
    for alpha in (0.0, 1.0, 2.0):
        Salun(**SMALL, alpha=alpha).fit(tiny_pipe, [airplane], seed=0)
        found[alpha] = seen["losses"][0]
    assert seen["steps"] == 2 * 2  # epochs of two batches of the three images
    # Alpha weighs the second term alone; the first is the same noisy images for both texts.
    assert found[2.0] - found[1.0] == pytest.approx(found[1.0] - found[0.0], rel=1e-3)
    assert found[1.0] > found[0.0] > 0
    same = replace(airplane, anchor="airplane")
    monkeypatch.setattr("methods._prompts.noun_phrase", lambda concept, number: concept.name)
    Salun(**SMALL, alpha=0.0).fit(tiny_pipe, [same], seed=0)
    assert seen["losses"][0] == 0.0


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
