"""Pipelines that draw through a guide, on the tiny one and on one in SDXL's layout."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import meter, pipelines
from bench.models.generate import draw
from bench.models.prediction import condition
from bench.models.steering import Predict, Rows, empties, steered, twin
from bench.types import Sampler

SAMPLER = Sampler(3, 4.0)
TEXTS = ("a photo of an airplane", "a dog")


def drawn(pipe: Any) -> Tensor:
    made: Tensor = draw(pipe, TEXTS, (0, 1), SAMPLER, "latent")
    return made


def through(predict: Predict, rows: Rows) -> Tensor:
    """Guide nothing."""
    return predict(rows)


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_a_guide_that_changes_nothing_draws_the_same(
    layout: str, request: pytest.FixtureRequest
) -> None:
    pipe = request.getfixturevalue(layout)
    assert torch.equal(drawn(steered(pipe, through)), drawn(pipe))


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_a_guide_gets_rows_without_text_and_then_as_many_with(
    layout: str, request: pytest.FixtureRequest
) -> None:
    pipe = request.getfixturevalue(layout)
    seen: list[Rows] = []

    def guide(predict: Predict, rows: Rows) -> Tensor:
        seen.append(rows)
        return predict(rows.reading(condition(pipe, ["a cat"])))

    drawn(steered(pipe, guide))
    assert len(seen) == SAMPLER.steps
    for rows in seen:
        assert rows.without(empties(pipe)).tolist() == [True, True, False, False]
        assert torch.equal(rows.latents[:2], rows.latents[2:]) and len(rows[2:]) == 2
        assert (rows.text.pooled is None) == (rows.text.sizes is None) == (layout == "tiny_pipe")
    # With one text for all rows, guidance has nothing to add.
    cat = draw(pipe, ["a cat", "a cat"], (0, 1), Sampler(3, 1.0), "latent")
    other = drawn(
        steered(pipe, lambda predict, rows: predict(rows.reading(condition(pipe, ["a cat"]))))
    )
    assert torch.allclose(other, cat, atol=1e-3)


def test_an_empty_prompt_is_a_prompt_in_guidance_and_no_text_alone(tiny_pipe: Any) -> None:
    empty = empties(tiny_pipe)
    text = condition(tiny_pipe, ["", "", "", "a dog"])
    latents = torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    times = torch.full((4,), 100)
    guided = Rows(torch.cat([latents, latents]), times, text)
    assert guided.paired(empty)
    assert guided.unprompted(empty).tolist() == [True, True, False, False]
    assert guided.without(empty).tolist() == [True, True, True, False]
    # Other latents, or a text in the first half: whoever asked predicts for each text alone.
    for rows in (
        Rows(torch.cat([latents, -latents]), times, text),
        guided[torch.arange(4).flip(0)],
    ):
        assert not rows.paired(empty)
        assert torch.equal(rows.unprompted(empty), rows.without(empty))


def test_only_the_rows_that_are_meant_read_another_text(tiny_sdxl: Any) -> None:
    found: list[Rows] = []

    def keep(predict: Predict, rows: Rows) -> Tensor:
        found.append(rows)
        return predict(rows)

    drawn(steered(tiny_sdxl, keep))
    rows, cat = found[0], condition(tiny_sdxl, ["a cat"])
    old = rows.text
    new = rows.reading(cat, where=torch.tensor([True, False, False, True])).text
    assert old.pooled is not None and new.pooled is not None and cat.pooled is not None
    for before, after, wanted in (
        (old.states, new.states, cat.states),
        (old.pooled, new.pooled, cat.pooled),
    ):
        assert torch.equal(after[[0]], wanted) and torch.equal(after[[3]], wanted)
        assert torch.equal(after[1:3], before[1:3])
    assert new.sizes is old.sizes


def test_weights_are_shared_under_their_names_and_the_input_stays(tiny_pipe: Any) -> None:
    before, unet = drawn(tiny_pipe), tiny_pipe.unet
    made = steered(tiny_pipe, lambda predict, rows: 0.5 * predict(rows))
    assert not torch.equal(drawn(made), before)
    assert tiny_pipe.unet is unet and torch.equal(drawn(tiny_pipe), before)
    own, theirs = dict(made.unet.named_parameters()), dict(unet.named_parameters())
    assert own.keys() == theirs.keys() and all(own[name] is theirs[name] for name in own)
    assert isinstance(made.unet, type(unet)) and made.unet.config == unet.config
    made.unet.register_forward_hook(lambda *_: pytest.fail("the input's U-Net has this hook too"))
    drawn(tiny_pipe)


def test_a_copy_of_a_steered_unet_is_steered_by_a_guide_of_its_own(tiny_pipe: Any) -> None:
    class Once:
        calls = 0

        def __call__(self, predict: Predict, rows: Rows) -> Tensor:
            self.calls += 1
            return 0.5 * predict(rows)

    guide = Once()
    made = steered(tiny_pipe, guide)
    wanted = drawn(made)
    other = copy.copy(made)
    other.unet = copy.deepcopy(made.unet)
    assert torch.equal(drawn(other), wanted) and guide.calls == SAMPLER.steps


def test_evaluations_are_those_of_the_weights(tiny_pipe: Any) -> None:
    for times in (1, 3):

        def guide(predict: Predict, rows: Rows, times: int = times) -> Tensor:
            return torch.stack([predict(rows) for _ in range(times)]).mean(0)

        made = steered(tiny_pipe, guide)
        with meter.counted() as spent:
            drawn(made)
        assert spent() == times * 2 * len(TEXTS) * SAMPLER.steps


def test_a_twin_has_the_parameters_and_layers_of_its_own(tiny_pipe: Any) -> None:
    made = twin(tiny_pipe.unet)
    pairs = zip(tiny_pipe.unet.parameters(), made.parameters(), strict=True)
    assert all(one is other for one, other in pairs)
    before = drawn(tiny_pipe)
    made.conv_out.register_forward_hook(lambda module, args, output: output * 0)
    assert torch.equal(drawn(tiny_pipe), before)
    assert not torch.equal(drawn(pipelines.with_unet(tiny_pipe, made)), before)
