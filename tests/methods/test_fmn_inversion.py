"""FMN's textual inversion: where its words stand, that they learn, and what is trained on them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.models import pipelines, prediction
from bench.models.tiny import build_tiny_pipe
from bench.types import Concept, InputError, silent
from methods import _maps, _noise, _training
from methods.fmn import Fmn, _inversion

TEXT = "a photo of an airplane in the sky"


def pooled(pipe: Any) -> _noise.Pool:
    return _noise.trajectories(
        pipe, prediction.condition(pipe, [TEXT]), prediction.unconditional(pipe),
        count=2, steps=4, guidance=3.0, generator=torch.Generator().manual_seed(7), keep=False,
    )  # fmt: skip


def learnt(pipe: Any, **options: Any) -> _inversion.Learnt:
    given = {"words": 1, "steps": 1, "learning_rate": 1e-2, "progress": silent} | options
    generator = torch.Generator().manual_seed(0)
    pool = pooled(pipe)
    return _inversion.learn(pipe, TEXT, "airplane", pool, generator=generator, **given)


def error(pipe: Any, text: prediction.Conditioning) -> float:
    """Return the error of predictions for many noised images of the pool."""
    noised = pooled(pipe).renoise(64, torch.Generator().manual_seed(9))
    told = text.expand(64)
    with torch.no_grad():
        made = prediction.predict(pipe.unet, noised.latents, noised.timesteps, told)
    return float(noised.error(made))


@pytest.mark.parametrize("layout", ["sd1", "sdxl"])
def test_the_words_stand_where_the_name_stood(layout: Any) -> None:
    pipe = build_tiny_pipe(layout)
    plain = pipelines.padded(pipe, [TEXT])[0]
    ids, first = _inversion.placed(pipe, TEXT, "airplane", 3)
    assert first == 5 and ids.shape == plain.shape
    for own, row, tokenizer in zip(plain, ids, pipelines.tokenizers(pipe), strict=True):
        end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
        begin, *words = own[:9].tolist()  # start, a photo of an airplane in the sky
        assert row[:5].tolist() == [begin, *words[:4]]
        assert row[5:8].tolist() == [begin] * 3
        assert row[8:12].tolist() == [*words[5:], end] and set(row[12:].tolist()) == {pad}
    assert _inversion.placed(pipe, TEXT, "zebra", 2)[1] == 9  # not named: at the end


def test_words_that_have_learnt_nothing_are_the_name(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any
) -> None:
    """So the first step's error is the plain prompt's, by the same random numbers."""
    seen: list[float] = []
    fit = _training.fit

    def watched(*given: Any, **more: Any) -> list[float]:
        seen.extend(fit(*given, **more))
        return seen

    monkeypatch.setattr(_training, "fit", watched)
    learnt(tiny_pipe)
    noised = pooled(tiny_pipe).renoise(1, torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = prediction.predict(
            tiny_pipe.unet, noised.latents, noised.timesteps,
            prediction.condition(tiny_pipe, [TEXT]),
        )  # fmt: skip
    assert seen == [pytest.approx(float(noised.error(made)), rel=1e-4)]


def test_words_learn_to_draw_the_images(tiny_pipe: Any) -> None:
    few, many = (learnt(tiny_pipe, words=4, steps=steps) for steps in (1, 150))
    assert many.words == [5, 6, 7, 8] and many.ends == list(range(12, 32))
    assert error(tiny_pipe, many.text) < error(tiny_pipe, few.text)


def test_words_keep_the_size_of_words(monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any) -> None:
    made: list[torch.Tensor] = []
    start = _inversion.started

    def watched(table: torch.Tensor, *given: Any) -> torch.Tensor:
        made.append(10 * start(table, *given))
        return made[0]

    monkeypatch.setattr(_inversion, "started", watched)
    learnt(tiny_pipe, words=3, steps=60, learning_rate=1e-3)
    typical = float(
        tiny_pipe.text_encoder.get_input_embeddings().weight.detach().norm(dim=1).mean()
    )
    for norm in made[0].detach().norm(dim=1).tolist():
        assert norm == pytest.approx(typical, rel=0.05)  # ten times as much before


def test_attention_to_the_learnt_words_is_trained_away(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    found: list[_inversion.Learnt] = []
    learn = _inversion.learn

    def watched(*given: Any, **more: Any) -> _inversion.Learnt:
        found.append(learn(*given, **more))
        return found[-1]

    monkeypatch.setattr(_inversion, "learn", watched)
    eraser = Fmn(
        inversion_steps=3, steps=30, learning_rate=1e-3, images=2, image_steps=2, use_pooler=False
    )
    erased = eraser.erase(tiny_pipe, [airplane], seed=0)
    (words,) = found
    x = torch.randn(4, 8, 8, 8, generator=torch.Generator().manual_seed(1))

    def paid(pipe: Any) -> float:
        with torch.no_grad(), _maps.recorded(pipe.unet) as maps:
            prediction.predict(pipe.unet, x, torch.tensor(400), words.text.expand(4))
        return sum(float(each[..., words.words].sum(-1).mean()) for each in maps)

    assert paid(erased) < 0.6 * paid(tiny_pipe)


def test_more_words_than_there_is_room_for_are_refused(tiny_pipe: Any, airplane: Concept) -> None:
    with pytest.raises(InputError, match="inversion_words is 40, allowed is 1 to 26 in"):
        Fmn(inversion_words=40).check(tiny_pipe, [airplane])
    Fmn(inversion_words=40, inversion_steps=0).check(tiny_pipe, [airplane])
    for options, message in (
        ({"inversion_words": 0}, "inversion_words is 0, allowed is 1 or more"),
        ({"inversion_steps": -1}, "inversion_steps is -1, allowed is 0 or more"),
        ({"inversion_rate": 0.0}, "inversion_rate is 0.0, allowed is more than 0"),
    ):
        with pytest.raises(InputError, match=message):
            Fmn(**options).check(tiny_pipe, [airplane])  # type: ignore[arg-type]
